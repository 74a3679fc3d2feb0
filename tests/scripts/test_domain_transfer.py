"""Two domains on the command line: what they are made of, what a run leaves, what is refused."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.evaluation import mapped
from genrl.generative_model import GenerativeModel
from genrl.training import RunDirectory

THIN = ("hidden=[8]", "discriminator_hidden=[8]", "fitting.batch_size=32", "fitting.report_every=2")


@pytest.fixture
def domains(script: ModuleType) -> ModuleType:
    import domain_transfer

    return domain_transfer


def train(script: ModuleType, folder: Path, **settings: Any) -> tuple[RunDirectory, dict[str, float]]:
    options = {"model": "cycle_gan", "updates": 4, "set": THIN, "rows": 200, **settings}
    script.main(script.TrainConfig(log_folder=folder / "runs", **options))
    (path,) = (folder / "runs").iterdir()
    return RunDirectory.open(path), json.loads((path / "evaluation.json").read_text())


def test_two_distributions(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, figures = train(script, tmp_path, data="two_moons", target="pinwheel")
    assert run.path.name.startswith("cycle_gan-two_moons-to-pinwheel-0-")
    assert (run.path / "transfer.png").stat().st_size > 5000
    wanted = {"sliced_wasserstein_there", "sliced_wasserstein_back", "sliced_wasserstein_untransferred", "cycle_error"}
    assert wanted < figures.keys()
    assert "map_error" not in figures
    model: Any = GenerativeModel.load(run.path / "model")
    assert model.inverse_transfer(model.transfer(torch.zeros(3, 2))).shape == (3, 2)
    assert "200 rows of shape (2,) and 200 rows of shape (2,)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "pictures"),
    [("cycle_gan", {"transfer.png", "transfer_back.png"}), ("paired_transfer_gan", {"transfer.png"})],
)
def test_digits_under_a_map(script: ModuleType, tmp_path: Path, model: str, pictures: set[str]) -> None:
    run, figures = train(script, tmp_path, model=model, data="digits", target="digits:inverted")
    assert GenerativeModel.load(run.path / "model").event_shape == (1, 8, 8)
    assert figures["map_error"] > 0
    assert {path.name for path in run.path.glob("*.png")} == pictures
    assert ("pair_error" in figures) == (model == "paired_transfer_gan")


def test_progress_tells_both_directions(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, float]] = []
    monkeypatch.setattr("resumable_fit.FitDisplay.show", lambda display, epoch: shown.append(epoch.train))
    train(script, tmp_path, data="two_moons", target="pinwheel")
    assert [{"cycle_error", "there", "back"} <= train.keys() for train in shown] == [True, True]


def test_halves_without_pairs_and_pairs_with(domains: ModuleType) -> None:
    free = domains.load_domains("digits", "digits:moved", rows=100, paired=False, seed=0)
    back = {tuple(row.flatten().tolist()) for row in mapped(free.source, "moved")}
    assert not back & {tuple(row.flatten().tolist()) for row in free.target}
    pairs = domains.load_domains("digits", "digits:moved", rows=100, paired=True, seed=0)
    assert torch.equal(pairs.target, mapped(pairs.source, "moved"))
    assert torch.equal(pairs.known(pairs.source_test), pairs.target_test)
    assert domains.load_domains("digits:moved", "digits", rows=100, paired=False, seed=0).known is None


def test_a_users_pairs(script: ModuleType, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(100, 3))
    np.save(tmp_path / "one.npy", x)
    np.save(tmp_path / "two.npy", 2 * x[:, :1])
    files = {"data": str(tmp_path / "one.npy"), "target": str(tmp_path / "two.npy")}
    run, figures = train(script, tmp_path, model="paired_transfer_gan", **files)
    assert "-one-to-two-" in run.path.name
    assert figures["pair_error"] > 0
    assert (run.path / "target.png").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "two_moons"}, "name the other one as --target"),
        ({"model": "gan", "data": "two_moons", "target": "pinwheel", "set": ()}, "leave --target out"),
        ({"model": "pose_guided_gan", "data": "digits", "target": "digits", "set": ()}, "leave --target out"),
        ({"data": "digits", "target": "digits:upset"}, "no map 'upset' of digits"),
        ({"data": "two_moons", "target": "two_moons:inverted"}, "inverted is a map of images"),
        ({"model": "paired_transfer_gan", "data": "digits", "target": "two_moons"}, "must be pairs"),
    ],
)
def test_bad_input_leaves_nothing(script: ModuleType, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(script, tmp_path, **settings)
    assert not (tmp_path / "runs").exists()
