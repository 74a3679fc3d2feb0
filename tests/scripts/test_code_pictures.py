"""Pictures of codes: what is drawn for which model and data."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

SCRIPTS = Path(__file__).parents[2] / "scripts"


class Halver:
    """Keeps half of a row's numbers, as its code, and restores the others as zeros."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def encode(self, x: torch.Tensor, context: Any = None) -> torch.Tensor:
        flat = x.flatten(1)
        return flat[:, : flat.shape[1] // 2]

    def decode(self, z: torch.Tensor, context: Any = None) -> torch.Tensor:
        rows = torch.cat([z, torch.zeros_like(z)], 1)
        return rows.reshape(len(z), *self.shape)


class DiscreteHalver(Halver):
    def decode_codes(self, codes: torch.Tensor) -> torch.Tensor:
        return codes


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SCRIPTS)
    import code_pictures

    return code_pictures


def data_of(shape: tuple[int, ...]) -> Any:
    from generative_data import GenerativeData

    x = np.random.default_rng(0).normal(size=(120, *shape)).astype(np.float32)
    return GenerativeData(name="mine", train=x, test=x, image_shape=shape if len(shape) == 3 else None)


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ((1, 4, 4), ["reconstructions", "interpolations", "traversals"]),
        ((2,), ["reconstructions", "interpolations", "traversals"]),
        ((6,), ["reconstructions"]),
    ],
)
def test_pictures_by_kind_of_data(pictures: Any, tmp_path: Path, shape: tuple[int, ...], names: list[str]) -> None:
    drawn = pictures.draw_codes(Halver(shape), data_of(shape), tmp_path)
    assert [path.stem for path in drawn] == names
    assert all(path.stat().st_size > 1000 for path in drawn)


def test_discrete_codes_are_not_traversed(pictures: Any, tmp_path: Path) -> None:
    drawn = pictures.draw_codes(DiscreteHalver((2,)), data_of((2,)), tmp_path)
    assert [path.stem for path in drawn] == ["reconstructions", "interpolations"]


def test_ends_of_paths_are_rows_restored(pictures: Any) -> None:
    model, data = Halver((2,)), data_of((2,))
    (pairs,) = pictures._reconstructions(model, data).values()
    restored = data.test[:100] * [1.0, 0.0]
    assert np.allclose(pairs[:, 0], data.test[:100])
    assert np.allclose(pairs[:, 1], restored)
    (paths,) = pictures._interpolations(model, data).values()
    assert paths.shape == (8, 8, 2)
    assert np.allclose(paths[:, 0], restored[:16:2])
    assert np.allclose(paths[:, -1], restored[1:16:2])
    (units,) = pictures._traversals(model, data).values()
    assert np.allclose(units[0, -1, 0] - units[0, 0, 0], 4 * data.test[:, 0].std(), rtol=1e-4)


@pytest.mark.parametrize("name", ["beta_vae", "vq_vae"])
def test_a_run_draws_them(pictures: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    import train_generative

    words = ("hidden=[8]",)
    config = train_generative.TrainConfig(model=name, data="digits", set=words, updates=20, log_folder=tmp_path)
    train_generative.main(config)
    (run,) = tmp_path.iterdir()
    assert (run / "reconstructions.png").exists()
    assert (run / "interpolations.png").exists()
    assert (run / "traversals.png").exists() == (name == "beta_vae")
    saved = json.loads((run / "model" / "model.json").read_text())["hyperparameters"]
    assert saved.get("beta", 4) == 4
    assert ("collapsed" in capsys.readouterr().out) == (name == "beta_vae")  # whether its units are, is said


class LabelsInTheLastColumn(Halver):
    def decode(self, z: torch.Tensor, context: Any = None) -> torch.Tensor:
        return torch.cat([z, torch.as_tensor(context)[:, None].float()], 1)


def test_edits_are_a_row_of_each_class_given_each_label(pictures: Any, tmp_path: Path) -> None:
    data = replace(data_of((2,)), train_context=np.arange(120) % 3, test_context=np.arange(120) % 3)
    panels, labels = pictures._edits(LabelsInTheLastColumn((2,)), data)
    (edits,) = panels.values()
    assert (labels, edits.shape) == (3, (3, 4, 2))
    assert np.allclose(edits[:, 0], data.test[:3])
    assert np.allclose(edits[:, 1:, 0], data.test[:3, :1])
    assert np.allclose(edits[:, 1:, 1], [0, 1, 2])
    drawn = pictures.draw_codes(LabelsInTheLastColumn((2,)), data, tmp_path)
    assert drawn[-1].name == "edits.png"
    assert drawn[-1].stat().st_size > 1000
