"""Cloning that is stopped and resumed ends as one that is not, to the bit, whatever the policy."""

import json
import signal
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from agents.generative_choices import POLICIES
from genrl.errors import InputError
from genrl.policies import load_policy
from genrl.training import RunDirectory, read_checkpoint

SCRIPTS = Path(__file__).parents[2] / "scripts"
SMALL: dict[str, Any] = {
    "env": "Hopper-v4",
    "episodes": 1,
    "eval_episodes": 2,
    "epochs": 4,
    "batch_size": 500,
    "seed": 3,
}


@pytest.fixture
def train_bc(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import train_bc

    monkeypatch.setattr(train_bc, "random_return", lambda env_id, env_kwargs: 0.0)
    monkeypatch.setattr(train_bc, "draw_loss_curve", lambda epochs, path, kept: path)
    monkeypatch.setattr("agents.behaviour_cloning.RANDOM_STEPS", 256)
    return train_bc


def clone(train_bc: ModuleType, monkeypatch: pytest.MonkeyPatch, *, stop_after: int = 0, **settings: Any) -> None:
    """One process, which a signal stops after so many epochs."""
    shown = 0

    def show(display: Any, epoch: Any) -> None:
        nonlocal shown
        shown += 1
        if shown == stop_after:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("resumable_fit.FitDisplay.show", show)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train_bc.main(train_bc.TrainConfig(**settings))


def outcome(run: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return read_checkpoint(run / "best").tensors["policy"], json.loads((run / "evaluation.json").read_text())


def assert_resumed_exactly(
    train_bc: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> None:
    clone(train_bc, monkeypatch, log_folder=folder / "whole", **settings)
    clone(train_bc, monkeypatch, log_folder=folder / "parts", stop_after=1, **settings)
    (whole,), (run,) = (folder / "whole").iterdir(), (folder / "parts").iterdir()
    assert not (run / "evaluation.json").exists()
    load_policy(RunDirectory.open(run).policy_folder())
    clone(train_bc, monkeypatch, resume=run, stop_after=2)
    clone(train_bc, monkeypatch, resume=run)
    (policy, figures), (others_policy, others_figures) = outcome(run), outcome(whole)
    assert all(torch.equal(policy[name], others_policy[name]) for name in others_policy)
    assert policy.keys() == others_policy.keys()
    assert figures == others_figures
    assert len((run / "progress.csv").read_text().split()) == len((whole / "progress.csv").read_text().split())


@pytest.mark.parametrize("policy", ["gaussian", "vq"])
def test_a_clone_that_is_stopped_and_resumed_is_the_same(
    train_bc: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    assert_resumed_exactly(train_bc, tmp_path, monkeypatch, policy=policy, **SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_is_resumed_exactly(
    train_bc: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    # A game is reported every 100 rounds, two of which are an epoch of these pairs.
    settings = {"epochs": 150} if policy == "gan" else {}
    assert_resumed_exactly(train_bc, tmp_path, monkeypatch, **{**SMALL, "policy": policy, **settings})


def test_what_a_run_is_resumed_with_is_its_own(
    train_bc: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone(train_bc, monkeypatch, log_folder=tmp_path, stop_after=1, **SMALL)
    (run,) = tmp_path.iterdir()
    with pytest.raises(InputError, match="--epochs cannot be changed in a run that goes on"):
        clone(train_bc, monkeypatch, resume=run, epochs=10)
    directory = RunDirectory.open(run)
    directory.update_config(data_sha256="0" * 64)
    with pytest.raises(InputError, match="or give --allow-changed-data"):
        clone(train_bc, monkeypatch, resume=run)
    clone(train_bc, monkeypatch, resume=run, allow_changed_data=True, eval_episodes=1)
    assert json.loads((run / "evaluation.json").read_text())["episodes"] == 1
    with pytest.raises(InputError, match="has finished"):
        clone(train_bc, monkeypatch, resume=run)
    with pytest.raises(InputError, match="does not exist"):
        clone(train_bc, monkeypatch, resume=tmp_path / "nothing")
