"""Fits of generative models that are stopped and resumed end as those that are not, to the bit."""

import json
import signal
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.training import RunDirectory

BRIEF = ("fitting.batch_size=64",)
GAME = ("fitting.report_every=3", "fitting.batch_size=32")
RUNS: dict[str, dict[str, Any]] = {
    "a flow": {"model": "real_nvp", "data": "two_moons", "updates": 12, "set": BRIEF},
    "two stages": {"model": "vq_vae", "data": "8gaussians", "updates": 10, "set": BRIEF, "conditional": True},
    "a game": {"model": "wgan_gp", "data": "8gaussians", "updates": 10, "set": GAME},
    "a mixture": {"model": "gaussian_mixture", "data": "8gaussians", "set": ("n_components=8", "tol=0", "max_iter=6")},
    "a transfer": {"model": "cycle_gan", "data": "two_moons", "target": "pinwheel", "updates": 10, "set": GAME},
    "poses": {
        "model": "pose_guided_gan",
        "data": "digits",
        "updates": 4,
        "set": ("coarse_fitting.updates=4", "coarse_fitting.batch_size=6000", "fitting.report_every=2"),
    },
}


SLOW = ("a flow", "a game", "poses")


@pytest.fixture(autouse=True)
def no_pictures(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("draw_pictures", "draw_transfer"):
        monkeypatch.setattr(script, name, lambda *given, **named: [])
    monkeypatch.setattr(script, "draw_posed", lambda model, images, path: path)


@pytest.fixture(autouse=True)
def small(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PERMUTATIONS", 20)


def stop_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """A signal comes when so many epochs were shown."""
    shown = 0

    def show(display: Any, epoch: Any) -> None:
        nonlocal shown
        shown += 1
        if shown == epochs:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("resumable_fit.FitDisplay.show", show)


def fit(script: ModuleType, **settings: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so short a fit has not got far
        script.main(script.TrainConfig(**settings if "resume" in settings else {"rows": 200, **settings}))


def outcome(run: Path) -> tuple[dict[str, torch.Tensor], dict[str, float], list[str]]:
    """All that a run has led to: the model, the figures, and its losses."""
    figures = json.loads((run / "evaluation.json").read_text())
    assert figures.pop("fit_seconds") > 0
    return load_file(run / "model" / "model.safetensors"), figures, (run / "progress.csv").read_text().split()[1:]


def assert_same(one: Path, other: Path) -> None:
    (model, figures, losses), (others_model, others_figures, others_losses) = outcome(one), outcome(other)
    assert model.keys() == others_model.keys()
    assert all(torch.equal(model[name], others_model[name]) for name in model)
    assert figures == others_figures
    assert len(losses) == len(others_losses)


def stopped_and_resumed(
    script: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, stops: list[int], **settings: Any
) -> Path:
    """The directory of a run that a signal stops after each of these numbers of epochs."""
    run = None
    for epochs in [*stops, 0]:
        stop_after(monkeypatch, epochs)
        if run is None:
            fit(script, log_folder=folder, **settings)
            (run,) = folder.iterdir()
        else:
            fit(script, resume=run)
        assert (run / "evaluation.json").exists() == (epochs == 0)
    assert run is not None
    return run


@pytest.mark.parametrize(
    "kind", ["two stages", "a mixture", "a transfer", *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW)]
)
def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_is_not(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    stop_after(monkeypatch, 0)
    fit(script, log_folder=tmp_path / "whole", **RUNS[kind])
    (whole,) = (tmp_path / "whole").iterdir()
    run = stopped_and_resumed(script, tmp_path / "parts", monkeypatch, [1, 2], **RUNS[kind])
    assert_same(run, whole)
    assert GenerativeModel.load(run / "model").event_shape is not None


@pytest.mark.slow
def test_every_model_is_resumed_exactly(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = set()
    for name, kind in script.models().items():
        settings: dict[str, Any] = {"model": name, "rows": 150, "updates": 6}
        words = kind().hyperparameters()
        if hasattr(words.get("fitting"), "report_every"):
            settings["set"] = ("fitting.report_every=2", "fitting.batch_size=20")
        elif "fitting" in words:
            settings["set"] = ("fitting.batch_size=64",)
        for data in (
            {"data": "two_moons"},
            {"data": "two_moons", "conditional": True},
            {"data": "digits"},
            {"data": "digits", "conditional": True},
            {"data": "two_moons", "target": "pinwheel"},
        ):
            folder = tmp_path / name / str(len(list((tmp_path / name).glob("*"))))
            stop_after(monkeypatch, 0)
            try:
                fit(script, log_folder=folder / "whole", **settings, **data)
            except InputError:
                continue
            (whole,) = (folder / "whole").iterdir()
            epochs = len((whole / "progress.csv").read_text().split()) - 1
            stops = [1, max(epochs // 2 - 1, 1)] if epochs > 1 else []
            run = stopped_and_resumed(script, folder / "parts", monkeypatch, stops, **settings, **data)
            assert_same(run, whole)
            done.add(name)
            break
    assert done == set(script.models())


def test_what_a_run_is_resumed_with_is_its_own(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "rows.npy"
    np.save(table, np.random.default_rng(0).normal(size=(100, 2)))
    stop_after(monkeypatch, 1)
    fit(script, log_folder=tmp_path / "runs", model="real_nvp", data=str(table), updates=6, set=BRIEF)
    (run,) = (tmp_path / "runs").iterdir()
    with pytest.raises(InputError, match="--updates cannot be changed in a run that goes on"):
        fit(script, resume=run, updates=60)
    np.save(table, np.random.default_rng(1).normal(size=(100, 2)))
    with pytest.raises(InputError, match="restore them, start a new run, or give --allow-changed-data"):
        fit(script, resume=run)
    stop_after(monkeypatch, 0)
    fit(script, resume=run, allow_changed_data=True)
    with pytest.raises(InputError, match="has finished"):
        fit(script, resume=run)
    RunDirectory.open(run).update_config(agent="bc")
    with pytest.raises(InputError, match="is a run of bc: resume it with its own script"):
        fit(script, resume=run)


def test_a_run_that_was_killed_at_once_begins_anew(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(monkeypatch, 0)
    fit(script, log_folder=tmp_path / "whole", **RUNS["a flow"])
    monkeypatch.setattr("resumable_fit.FitDisplay.show", lambda display, epoch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(script, log_folder=tmp_path / "parts", **RUNS["a flow"])
    (whole,), (run,) = (tmp_path / "whole").iterdir(), (tmp_path / "parts").iterdir()
    assert [folder.name for folder in (run / "checkpoints").iterdir()] == ["0"]
    stop_after(monkeypatch, 0)
    fit(script, resume=run)
    assert_same(run, whole)
