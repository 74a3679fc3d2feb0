"""Training of experts that is stopped and resumed ends bit for bit where training that is not stopped does."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experts.hyperparameters import Algorithm, ExpertSettings
from experts.learner import build_learner
from experts.train import ExpertRun
from genrl.stop_signals import StopSignals
from genrl.training import RunDirectory, seed_everything
from genrl.training.resumable import Resumable

STEPS = 192
ON_POLICY = ExpertSettings(
    num_envs=4,
    n_timesteps=STEPS,
    hidden=(8,),
    activation="tanh",
    learning_rate=1e-3,
    final_learning_rate=1e-4,
    normalise=True,
    arguments={"n_steps": 8, "batch_size": 16, "gamma": 0.99},
)
OFF_POLICY = replace(ON_POLICY, arguments={"learning_starts": 20, "buffer_size": 120, "batch_size": 16, "gamma": 0.99})


def a_run(path: Path, algorithm: Algorithm, env_id: str, *, resumed: bool = False) -> ExpertRun:
    settings = ON_POLICY if algorithm in ("ppo", "trpo") else OFF_POLICY
    if algorithm == "td3":
        settings = replace(settings, action_noise=0.1)
    seed_everything(9 if resumed else 3)
    run = ExpertRun(
        learner=build_learner(algorithm, env_id, settings, seed=3),
        directory=RunDirectory.open(path) if resumed else RunDirectory.create(path, "expert", env_id, 3, {}),
        env_id=env_id,
        eval_freq=64,
        eval_episodes=1,
    )
    if resumed:
        run.restore()
    return run


def train(run: ExpertRun, stop_after: int | None = None) -> Path:
    """Train to the end, or until so many steps of all environments were taken in this process."""
    stop, calls, on_step = StopSignals(), itertools.count(1), Resumable._on_step

    def counted(callback: Resumable) -> bool:
        stop.requested |= next(calls) == stop_after
        return on_step(callback)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Resumable, "_on_step", counted)
        assert run.train(STEPS, stop) == (stop_after is None)
    return run.directory.path


def files_of(run: Path) -> dict[str, bytes]:
    folders = [run / "checkpoints" / str(STEPS), run / "best"]
    return {str(path.relative_to(run)): path.read_bytes() for folder in folders for path in sorted(folder.iterdir())}


def check(algorithm: Algorithm, env_id: str, folder: Path, *stops: int) -> None:
    theirs = files_of(train(a_run(folder / "whole", algorithm, env_id)))
    path = train(a_run(folder / "parts", algorithm, env_id), stops[0])
    for stop in stops[1:]:
        train(a_run(path, algorithm, env_id, resumed=True), stop)
    mine = files_of(train(a_run(path, algorithm, env_id, resumed=True)))
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if mine[name] != theirs[name]] == []


def test_a_stopped_run_ends_where_an_unstopped_one_does(tmp_path: Path) -> None:
    check("ppo", "Pendulum-v1", tmp_path, 18)


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ["Hopper-v4", "Humanoid-v4", "Pendulum-v1", "InvertedPendulum-v5"])
@pytest.mark.parametrize("algorithm", ["ppo", "trpo", "sac", "td3", "tqc"])
def test_every_algorithm_is_resumed_from_anywhere(algorithm: Any, env_id: str, tmp_path: Path) -> None:
    for number, stops in enumerate([(1,), (7, 20), (40,)]):
        check(algorithm, env_id, tmp_path / str(number), *stops)
