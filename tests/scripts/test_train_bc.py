"""The command lines of behavioural cloning and DAgger: what a run leaves on disk, and how a signal ends it."""

import csv
import json
import os
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.logger import Logger

from agents import BehaviourCloning, DAgger
from experts import load_demonstrations
from genrl.errors import InputError
from genrl.policies import load_policy
from genrl.training import RunDirectory

SCRIPTS = Path(__file__).parents[2] / "scripts"
FIGURES = {"env", "episodes", "mean", "std", "iqm", "iqm_low", "iqm_high", "expert_fraction", "mean_length"}


@pytest.fixture
def train_bc(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import train_bc

    return train_bc


@pytest.fixture
def train_dagger(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import train_dagger

    return train_dagger


def only_run(folder: Path) -> RunDirectory:
    (path,) = folder.iterdir()
    return RunDirectory.open(path)


def progress_of(run: RunDirectory) -> list[dict[str, str]]:
    with (run.path / "progress.csv").open() as file:
        return list(csv.DictReader(file))


def small_bc(train_bc: ModuleType, folder: Path, **settings: Any) -> RunDirectory:
    train_bc.main(
        train_bc.TrainConfig(env="Hopper-v4", episodes=2, eval_episodes=2, log_folder=folder, subsample=10, **settings)
    )
    return only_run(folder)


def test_a_run_of_cloning(train_bc: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = small_bc(train_bc, tmp_path / "runs", epochs=3, seed=5)
    assert run.path.name.startswith("bc-Hopper-v4-5-")
    assert run.config["expert_return"] == pytest.approx(3466, abs=5)
    rows = progress_of(run)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["validation/loss"]) < float(rows[0]["validation/loss"])
    figures = json.loads((run.path / "evaluation.json").read_text())
    assert figures.keys() >= FIGURES
    assert (figures["env"], figures["episodes"]) == ("Hopper-v4", 2)
    assert (run.path / "learning_curve.png").stat().st_size > 1000
    observation = np.zeros((1, 11))
    expected = load_policy(run.policy_folder()).predict(observation, deterministic=True)[0]
    loaded = BehaviourCloning.load(run.best, demonstrations=load_demonstrations("Hopper-v4", episodes=1))
    assert np.array_equal(loaded.predict(observation)[0], expected)
    assert "fraction of the expert" in capsys.readouterr().out


def test_a_signal_keeps_the_best_so_far(train_bc: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump = Logger.dump

    def interrupted(logger: Logger, step: int = 0) -> None:
        dump(logger, step)
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Logger, "dump", interrupted)
    run = small_bc(train_bc, tmp_path / "runs", epochs=1000)
    assert len(progress_of(run)) == 2
    load_policy(run.best)
    assert not (run.path / "evaluation.json").exists()  # it would take long


def test_bad_input_leaves_nothing(train_bc: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch_size must be 1 or more"):
        small_bc(train_bc, tmp_path / "runs", batch_size=0)
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def dagger_run(train_dagger: ModuleType, tmp_path: Path) -> RunDirectory:
    train_dagger.main(
        train_dagger.TrainConfig(
            env="Hopper-v4",
            rounds=2,
            steps_per_round=128,
            epochs=2,
            round_episodes=2,
            eval_episodes=2,
            log_folder=tmp_path / "runs",
        )
    )
    return only_run(tmp_path / "runs")


def test_a_run_of_dagger(dagger_run: RunDirectory) -> None:
    rows = progress_of(dagger_run)
    assert [float(row["time/total_timesteps"]) for row in rows] == [128, 256]
    assert [float(row["dagger/beta"]) for row in rows] == [1, 0.5]
    assert all(np.isfinite(float(row["eval/mean_reward"])) for row in rows)
    assert json.loads((dagger_run.path / "evaluation.json").read_text()).keys() >= FIGURES
    assert (dagger_run.path / "learning_curve.png").stat().st_size > 1000
    assert DAgger.load(dagger_run.best).rounds_done in (1, 2)
