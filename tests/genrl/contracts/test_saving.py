"""A model comes back from disk as it was, or not at all."""

from pathlib import Path

import pytest
import torch
from family_cases import CLASSES, Case, fitted, fitted_to_labels, gaussian
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel


class Other(GenerativeModel):
    """Of no family."""


def seeded(model: GenerativeModel, context: Tensor | None = None) -> Tensor:
    torch.manual_seed(3)
    return model.sample(10, context=context)


def test_samples_and_density_survive(free_case: Case, tmp_path: Path) -> None:
    model = fitted(free_case)
    model.save(tmp_path / "model")
    loaded = GenerativeModel.load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert loaded.hyperparameters() == model.hyperparameters()
    assert torch.equal(seeded(loaded), seeded(model))
    if hasattr(model, "log_prob"):
        with torch.no_grad():
            assert torch.equal(loaded.log_prob(gaussian(20, 1)), model.log_prob(gaussian(20, 1)))


def test_the_classes_survive(labels_case: Case, tmp_path: Path) -> None:
    model, labels = fitted_to_labels(labels_case), torch.tensor([CLASSES[1], CLASSES[0]])
    model.save(tmp_path)
    loaded = type(model).load(tmp_path)
    assert (loaded.classes, loaded.event_shape, loaded.context_features) == (CLASSES, (2,), 2)
    assert torch.equal(seeded(loaded, labels), seeded(model, labels))


def test_another_class_is_refused(free_case: Case, tmp_path: Path) -> None:
    fitted(free_case).save(tmp_path)
    with pytest.raises(InputError, match=f"holds a {type(fitted(free_case)).__name__}, not a Other"):
        Other.load(tmp_path)


def test_a_damaged_file_is_refused(free_case: Case, tmp_path: Path) -> None:
    fitted(free_case).save(tmp_path)
    for name in ("model.json", "model.safetensors", "manifest.json"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match=name.partition(".")[0]):
            GenerativeModel.load(tmp_path)
        (tmp_path / name).write_bytes(content)
    assert isinstance(GenerativeModel.load(tmp_path), type(fitted(free_case)))


def test_a_missing_file_is_refused(free_case: Case, tmp_path: Path) -> None:
    fitted(free_case).save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model\.safetensors is missing"):
        GenerativeModel.load(tmp_path)
