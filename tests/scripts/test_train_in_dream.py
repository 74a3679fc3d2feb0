"""The command line of learning in dreams: what a run leaves on disk, how a signal ends it, and how it goes on."""

import csv
import itertools
import json
import os
import pkgutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.logger import Logger

from agents import DreamingConfig
from agents.dream_learners import DreamSACConfig
from genrl.errors import InputError
from genrl.policies import load_policy
from genrl.training import RunDirectory

SCRIPTS = Path(__file__).parents[2] / "scripts"
SMALL = DreamingConfig(
    first_steps=60,
    steps_per_round=30,
    model_hidden=(8,),
    first_updates=5,
    model_updates=3,
    dreams=16,
    sac=DreamSACConfig(hidden=(8,), updates_per_step=0.5, batch_size=16),
)


@pytest.fixture
def train_in_dream(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import train_in_dream

    return train_in_dream


def small(script: ModuleType, folder: Path, **settings: Any) -> RunDirectory:
    settings = {"env": "Pendulum-v1", "real_steps": 120, "agent": SMALL, **settings}
    script.main(script.TrainConfig(log_folder=folder, round_episodes=1, eval_episodes=2, **settings))
    (path,) = folder.iterdir()
    return RunDirectory.open(path)


def progress_of(run: RunDirectory, name: str = "progress.csv") -> list[dict[str, str]]:
    with (run.path / name).open() as file:
        return list(csv.DictReader(file))


def test_a_run(train_in_dream: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = small(train_in_dream, tmp_path / "runs", seed=4)
    assert run.path.name.startswith("dreaming-Pendulum-v1-4-")
    rows = progress_of(run)
    assert [float(row["time/total_timesteps"]) for row in rows] == [60, 90, 120]
    assert all(float(row["eval/mean_reward"]) < 0 for row in rows)
    figures = json.loads((run.path / "evaluation.json").read_text())
    assert (figures["env"], figures["episodes"]) == ("Pendulum-v1", 2)
    assert (run.path / "learning_curve.png").stat().st_size > 1000
    assert load_policy(run.best).predict(np.zeros((1, 3), np.float32), deterministic=True)[0].shape == (1, 1)
    assert "true return" in capsys.readouterr().out


def test_a_stopped_run_goes_on(train_in_dream: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump = Logger.dump

    def interrupted(logger: Logger, step: int = 0) -> None:
        dump(logger, step)
        if step == 60:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Logger, "dump", interrupted)
        run = small(train_in_dream, tmp_path / "runs")
    assert [float(row["time/total_timesteps"]) for row in progress_of(run)] == [60]
    train_in_dream.main(train_in_dream.TrainConfig(resume=run.path, eval_episodes=1))
    assert [float(row["time/total_timesteps"]) for row in progress_of(run)] == [90, 120]
    assert len(progress_of(run, "progress.1.csv")) == 1


def stopped_at(target: str, call: int, train: Callable[[], object]) -> None:
    """Train, and send a signal in the `call`-th call of a function, counted from 1."""
    module, _, name = target.rpartition(".")
    owner: Any = pkgutil.resolve_name(module)
    calls, inner = itertools.count(1), getattr(owner, name)

    def interrupted(*arguments: Any, **keywords: Any) -> Any:
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return inner(*arguments, **keywords)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, name, interrupted)
        train()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


STOPS = [  # each in the next process: while real steps are taken, in the fit, in dreams, in the evaluation
    ("agents.real_steps:RealSteps._note", 75),
    ("genrl.world_models.ensemble:EnsembleWorldModel.loss", 2),
    ("genrl.world_models.dream_vec_env:DreamVecEnv.step_wait", 3),
    ("train_in_dream.evaluate_policy", 1),
]


def test_a_run_that_is_stopped_anywhere_ends_where_an_unstopped_one_does(
    train_in_dream: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_in_dream, "random_return", lambda *_, **__: -1200.0)
    monkeypatch.setattr(train_in_dream, "draw_learning_curve", lambda *_: None)
    whole = small(train_in_dream, tmp_path / "whole")
    stages, resumed = [], {}
    for target, call in STOPS:
        stopped_at(target, call, lambda: small(train_in_dream, tmp_path / "parts", **resumed))
        run = RunDirectory.open(next((tmp_path / "parts").iterdir()))
        assert not (run.path / "evaluation.json").exists()
        under_way = run.latest_checkpoint().documents["agent"]["round"]
        stages.append(under_way and under_way["stage"])
        resumed["resume"] = run.path
    assert stages == ["collect", "fit", "dream", None]
    small(train_in_dream, tmp_path / "parts", resume=run.path)
    for part in ("checkpoints/120", "best"):
        one, other = (files_of(each.path / part) for each in (whole, run))
        assert one.keys() == other.keys()
        assert [name for name in one if one[name] != other[name]] == []
    assert (run.path / "evaluation.json").read_bytes() == (whole.path / "evaluation.json").read_bytes()
    logged = [row for path in sorted(run.path.glob("progress*.csv")) for row in progress_of(run, path.name)]
    assert sorted(float(row["time/total_timesteps"]) for row in logged) == [60, 90, 120]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"real_steps": 0}, "--real-steps must be 1 or more"), ({"env": "Pendulum-v9"}, "Pendulum")],
)
def test_bad_input_leaves_nothing(
    train_in_dream: ModuleType, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        small(train_in_dream, tmp_path / "runs", **settings)
    assert not (tmp_path / "runs").exists()


def test_another_scripts_run_is_refused(train_in_dream: ModuleType, tmp_path: Path) -> None:
    other = RunDirectory.create(tmp_path, "bc", "Hopper-v4", 0, {})
    with pytest.raises(InputError, match="a run of bc"):
        train_in_dream.main(train_in_dream.TrainConfig(resume=other.path))
