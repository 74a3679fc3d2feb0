"""DAgger that is stopped anywhere and resumed ends as one that is not, to the bit."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from agents.expert_labels import ExpertLabels
from agents.standardisers import random_steps
from genrl.errors import InputError
from genrl.policies import load_policy
from genrl.training import RunDirectory, read_checkpoint

SCRIPTS = Path(__file__).parents[2] / "scripts"
SMALL: dict[str, Any] = {
    "env_kwargs": ("max_episode_steps=40",),
    "rounds": 3,
    "steps_per_round": 100,
    "num_envs": 3,  # episodes are running when a round is over
    "epochs": 3,
    "round_episodes": 2,
    "eval_episodes": 2,
    "seed": 4,
}


class Swing:
    """An expert for Pendulum-v1, whose observations are (cos, sin, speed)."""

    gain = 4.0

    def predict(self, observation: Any, *given: Any, **named: Any) -> Any:
        x = np.asarray(observation)
        return np.clip(-self.gain * x[:, 1:2] - x[:, 2:], -2, 2).astype(np.float32), None


@pytest.fixture
def train_dagger(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import train_dagger

    monkeypatch.setattr(train_dagger, "draw_learning_curve", lambda runs, path: path)
    monkeypatch.setattr(train_dagger, "random_return", lambda env_id, env_kwargs: 0.0)
    monkeypatch.setattr(train_dagger, "expert_return", lambda config, expert: 100.0)
    monkeypatch.setattr("agents.dagger.random_steps", lambda env, steps, seed: random_steps(env, 256, seed))
    load = train_dagger.load_expert
    monkeypatch.setattr(
        train_dagger, "load_expert", lambda env_id, tier: Swing() if "Pendulum" in env_id else load(env_id, tier)
    )
    return train_dagger


class Stopper:
    """Signals at the so manyth of the moments at which a run may be stopped: after epochs, and in evaluations."""

    def __init__(self, train_dagger: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moments, self.stop_at = 0, 0
        monkeypatch.setattr("fit_display.FitDisplay.show", lambda display, epoch: self.pass_moment())
        evaluate = train_dagger.evaluate_policy

        def evaluated(*given: Any, **named: Any) -> Any:
            self.pass_moment()
            return evaluate(*given, **named)

        monkeypatch.setattr(train_dagger, "evaluate_policy", evaluated)

    def pass_moment(self) -> None:
        self.moments += 1
        if self.moments == self.stop_at:
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def stopper(train_dagger: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Stopper:
    return Stopper(train_dagger, monkeypatch)


def train(train_dagger: ModuleType, stopper: Stopper, *, stop_at: int = 0, **settings: Any) -> None:
    """One process."""
    stopper.moments, stopper.stop_at = 0, stop_at
    try:
        train_dagger.main(train_dagger.TrainConfig(**settings))
    except KeyboardInterrupt:
        assert stop_at


def outcome(run: Path) -> Iterator[Any]:
    for folder in (run / "best", run / "checkpoints" / "3"):
        for name, tensors in sorted(read_checkpoint(folder).tensors.items()):
            if name != "fit":
                yield from sorted(tensors.items())
    yield json.loads((run / "evaluation.json").read_text())
    yield (run / "progress.csv").read_text()


def assert_same(one: Path, other: Path) -> None:
    for mine, others in zip(outcome(one), outcome(other), strict=True):
        if isinstance(mine, tuple):
            assert mine[0] == others[0]
            assert torch.equal(mine[1], others[1]), mine[0]
        elif isinstance(mine, str):  # the columns may be in another order
            assert sorted(mine.splitlines()[0].split(",")) == sorted(others.splitlines()[0].split(","))
            assert [sorted(row.split(",")) for row in mine.split()[1:]] == [
                sorted(row.split(",")) for row in others.split()[1:]
            ]
        else:
            assert mine == others


@pytest.mark.parametrize("env", ["Pendulum-v1", pytest.param("Hopper-v4", marks=pytest.mark.slow)])
def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_is_not(
    train_dagger: ModuleType, stopper: Stopper, tmp_path: Path, env: str
) -> None:
    train(train_dagger, stopper, env=env, log_folder=tmp_path / "whole", **SMALL)
    (whole,) = (tmp_path / "whole").iterdir()
    assert stopper.moments == 3 * (3 + 1) + 1  # three epochs and an evaluation in each round, and the last evaluation
    train(train_dagger, stopper, env=env, log_folder=tmp_path / "parts", stop_at=1, **SMALL)
    (run,) = (tmp_path / "parts").iterdir()
    load_policy(RunDirectory.open(run).policy_folder())
    for moment in (3, 2, 3, 4):  # evaluation 1, epoch 1 of round 2, evaluation 2, epoch 3 of round 3
        assert not (run / "evaluation.json").exists()
        train(train_dagger, stopper, resume=run, stop_at=moment)
    train(train_dagger, stopper, resume=run)
    assert_same(run, whole)


def test_more_rounds_are_as_if_they_had_been_planned(
    train_dagger: ModuleType, stopper: Stopper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(train_dagger, stopper, env="Pendulum-v1", log_folder=tmp_path / "whole", **SMALL)
    train(train_dagger, stopper, env="Pendulum-v1", log_folder=tmp_path / "parts", **{**SMALL, "rounds": 2})
    (whole,), (run,) = (tmp_path / "whole").iterdir(), (tmp_path / "parts").iterdir()
    with pytest.raises(InputError, match="has finished"):
        train(train_dagger, stopper, resume=run)
    with pytest.raises(InputError, match="has done 2 rounds: give more"):
        train(train_dagger, stopper, resume=run, rounds=1)
    with monkeypatch.context() as other:
        other.setattr(Swing, "gain", 3.0)
        with pytest.raises(InputError, match="or give --allow-changed-data"):
            train(train_dagger, stopper, resume=run, rounds=3)
    with pytest.raises(InputError, match="has finished"):  # what was refused has changed nothing
        train(train_dagger, stopper, resume=run)
    with pytest.raises(InputError, match="--steps-per-round cannot be changed"):
        train(train_dagger, stopper, resume=run, steps_per_round=10)
    train(train_dagger, stopper, resume=run, rounds=3)
    assert_same(run, whole)
    assert RunDirectory.open(run).config["settings"]["rounds"] == 3


def test_a_run_that_is_killed_while_states_are_labelled_labels_them_again(
    train_dagger: ModuleType, stopper: Stopper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(train_dagger, stopper, env="Pendulum-v1", log_folder=tmp_path / "whole", **SMALL)
    collect, calls = ExpertLabels.collect, 0

    def killed(labels: ExpertLabels, *given: Any) -> Any:
        nonlocal calls
        calls += 1
        found = collect(labels, *given)
        if calls in (1, 3):
            raise RuntimeError
        return found

    monkeypatch.setattr(ExpertLabels, "collect", killed)
    with pytest.raises(RuntimeError):
        train(train_dagger, stopper, env="Pendulum-v1", log_folder=tmp_path / "parts", **SMALL)
    (whole,), (run,) = (tmp_path / "whole").iterdir(), (tmp_path / "parts").iterdir()
    with pytest.raises(RuntimeError):
        train(train_dagger, stopper, resume=run)
    train(train_dagger, stopper, resume=run)
    assert_same(run, whole)
