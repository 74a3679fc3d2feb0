"""Runs of GAIL that are stopped anywhere and resumed end bit for bit where runs that are not stopped do."""

from __future__ import annotations

import contextlib
import itertools
import pkgutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from train_gail import TrainConfig, main

from agents import GAILConfig
from agents.gail_config import LearnerName
from agents.learners import PPOConfig, TRPOConfig
from agents.off_policy_learners import CrossQConfig, SACConfig, TD3Config, TQCConfig
from agents.warm_start import WarmStartConfig
from experts.npz import write_npz
from experts.record import record
from genrl.envs import make_vec_env
from genrl.evaluation.random_policy import RandomPolicy
from genrl.policies import ActorCriticNetwork

OFF_POLICY: dict[str, Any] = {"learning_starts": 32, "buffer_size": 96, "batch_size": 16, "hidden": (16,)}
AGENT = GAILConfig(
    network=ActorCriticNetwork(hidden=(16,)),
    untrained_steps=64,
    warm_start=WarmStartConfig(updates=20, teacher_pairs=0, held_rollouts=1, least_length=0.0),
    ppo=PPOConfig(n_steps=16),
    trpo=TRPOConfig(n_steps=16),
    sac=SACConfig(**OFF_POLICY),
    td3=TD3Config(**OFF_POLICY),
    tqc=TQCConfig(**OFF_POLICY),
    crossq=CrossQConfig(**OFF_POLICY),
)
STEPS = 160
STEP, EVALUATION = "genrl.training.resumable:Resumable._on_step", "agents.imitation_run.evaluate_policy"


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train_gail.random_return", lambda *_, **__: 0.0)
    monkeypatch.setattr("agents.imitation_run.draw_learning_curve", lambda *_: None)


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A file of random episodes of a task."""
    folder = tmp_path_factory.mktemp("demonstrations")

    def of(env_id: str) -> Path:
        path = folder / f"{env_id}.npz"
        if not path.exists():
            env = make_vec_env(env_id, 1)
            write_npz(path, record(RandomPolicy(env.action_space, 0), env_id, 2, seed=0, deterministic=False))
            env.close()
        return path

    return of


def stopped_at(target: str, call: int, train: Callable[[], None]) -> None:
    """Train, and send a signal in the `call`-th call of a function, counted from 1."""
    module, _, name = target.rpartition(".")
    owner: Any = pkgutil.resolve_name(module)
    calls, inner = itertools.count(1), getattr(owner, name)

    def interrupted(*arguments: Any, **keywords: Any) -> Any:
        if next(calls) == call:
            signal.raise_signal(signal.SIGTERM)
        return inner(*arguments, **keywords)

    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(KeyboardInterrupt):  # which ends pretraining
        patched.setattr(owner, name, interrupted)
        train()


def only_run(folder: Path) -> Path:
    (run,) = folder.iterdir()
    return run


def files_of(run: Path) -> dict[str, bytes]:
    """All files of the last checkpoint and of the best one, and the evaluation."""
    folders = [run / "checkpoints" / str(STEPS), run / "best"]
    files = [path for folder in folders for path in sorted(folder.rglob("*"))]
    return {str(path.relative_to(run)): path.read_bytes() for path in [*files, run / "evaluation.json"]}


def check(config: TrainConfig, folder: Path, *courses: list[tuple[str, int]]) -> None:
    """Runs that are stopped once in each process of a course end where one does that is not."""
    main(replace(config, log_folder=folder / "whole"))
    theirs = files_of(only_run(folder / "whole"))
    for number, ((target, call), *more) in enumerate(courses):
        parts = folder / str(number)
        stopped_at(target, call, lambda parts=parts: main(replace(config, log_folder=parts)))  # type: ignore[misc]
        run = only_run(parts)
        for again in more:
            stopped_at(*again, lambda run=run: main(TrainConfig(resume=run, final_episodes=2)))  # type: ignore[misc]
        assert not (run / "evaluation.json").exists()
        main(TrainConfig(resume=run, final_episodes=2))
        mine = files_of(run)
        assert mine.keys() == theirs.keys()
        assert [name for name in mine if mine[name] != theirs[name]] == []


def settings(env: str, demos: Path, learner: LearnerName, **changes: Any) -> TrainConfig:
    return TrainConfig(
        env=env,
        demos=str(demos),
        n_timesteps=STEPS,
        num_envs=2,
        seed=2,
        eval_freq=48,
        eval_episodes=1,
        final_episodes=2,
        agent=replace(AGENT, learner=learner, **changes),
    )


def test_a_stopped_run_ends_where_an_unstopped_one_does(demonstrations: Callable[[str], Path], tmp_path: Path) -> None:
    config = settings("Pendulum-v1", demonstrations("Pendulum-v1"), "ppo")
    check(config, tmp_path, [("agents.warm_start.clone_stage", 1), (STEP, 30), (EVALUATION, 1)])


@pytest.mark.slow
@pytest.mark.parametrize("env", ["Hopper-v4", "Pendulum-v1"])
@pytest.mark.parametrize("learner", ["ppo", "trpo", "sac", "td3", "tqc", "crossq"])
def test_every_learner_is_resumed_from_anywhere(
    learner: LearnerName, env: str, demonstrations: Callable[[str], Path], tmp_path: Path
) -> None:
    late = [(STEP, 45), (STEP, 10), (EVALUATION, 1)]
    check(settings(env, demonstrations(env), learner), tmp_path, [(STEP, 1)], [(STEP, 60)], late)


@pytest.mark.slow
def test_more_timesteps_are_a_longer_run(demonstrations: Callable[[str], Path], tmp_path: Path) -> None:
    # The updates of pretraining are a share of the first run's steps.
    config = settings("Hopper-v4", demonstrations("Hopper-v4"), "ppo", bc_warm_start=False)
    main(replace(config, log_folder=tmp_path / "whole"))
    main(replace(config, log_folder=tmp_path / "parts", n_timesteps=96))
    run = only_run(tmp_path / "parts")
    main(TrainConfig(resume=run, n_timesteps=STEPS, final_episodes=2))
    mine, theirs = files_of(run), files_of(only_run(tmp_path / "whole"))
    assert [name for name in theirs if mine[name] != theirs[name]] == []
