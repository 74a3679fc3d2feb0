"""What models of images alone promise; the other contracts are asked on rows of two columns, which these refuse."""

import inspect
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from families import find_model, model_name
from family_cases import CLASSES, FEW, IMAGE, Case, bars, gaussian

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.training.fit import FitEpoch


def seeded(model: GenerativeModel, shape: int | tuple[int, ...] = 6, **given: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(3)
    return model.sample(shape, **given)


def test_hyperparameters_are_kept_and_names_are_those_of_the_classes(image_case: Case) -> None:
    model = image_case.make()
    assert model.hyperparameters().keys() == set(inspect.signature(type(model).__init__).parameters) - {"self"}
    assert model_name(find_model(image_case.name)) == image_case.name


def test_rows_that_are_no_images_are_refused(image_case: Case) -> None:
    for x in (gaussian(8, 0), torch.zeros(8, 1, 2, 2), torch.zeros(8, 8, 8)):
        with pytest.raises(InputError, match=r"\bX\b.*channels, height, width"):
            image_case.fit(x, updates=1)


def test_a_pixel_that_is_no_number_is_refused(image_case: Case) -> None:
    x, _ = bars(8, 0)
    x[3, 0, 2, 2] = math.nan
    with pytest.raises(InputError, match="X must be finite"):
        image_case.fit(x, updates=1)


@pytest.mark.parametrize(("asked", "shape"), [((), ()), (5, (5,)), (0, (0,)), ((2, 3), (2, 3))])
def test_samples(image_case: Case, asked: int | tuple[int, ...], shape: tuple[int, ...]) -> None:
    model = image_case.fit(bars(60, 0)[0], updates=FEW)
    samples = model.sample(asked)
    assert samples.shape == (*shape, *IMAGE)
    assert samples.dtype == torch.float32
    assert torch.isfinite(samples).all()
    assert torch.equal(seeded(model), seeded(model))
    with pytest.raises(InputError, match="without a context"):
        model.sample(2, torch.zeros(2, 1))


def test_samples_given_labels_and_given_numbers(image_case: Case) -> None:
    x, y = bars(60, 0)
    model = image_case.fit(x, updates=FEW, y=y)
    assert model.classes == CLASSES
    assert model.sample((4,), torch.tensor([3, 7, 3])).shape == (4, 3, *IMAGE)
    model = image_case.fit(x, updates=FEW, context=x.mean((1, 2, 3))[:, None])
    assert model.sample((), torch.zeros(5, 1)).shape == (5, *IMAGE)
    with pytest.raises(InputError, match="with a context"):
        model.sample(2)


def test_a_model_comes_back_from_disk(image_case: Case, tmp_path: Path) -> None:
    x, y = bars(60, 0)
    model = image_case.fit(x, updates=FEW, y=y)
    model.save(tmp_path)
    loaded = GenerativeModel.load(tmp_path)
    labels = torch.tensor(CLASSES)
    assert loaded.hyperparameters() == model.hyperparameters()
    assert torch.equal(seeded(loaded, context=labels), seeded(model, context=labels))


def test_the_same_seeds_give_the_same_model_and_the_data_are_left(image_case: Case) -> None:
    x, _ = bars(40, 0)
    before = x.clone()
    first, second = (image_case.fit(x, updates=FEW).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(x, before)


def test_progress_is_told_and_can_end_the_fit(image_case: Case) -> None:
    told: list[FitEpoch] = []

    def stop_after_two(epoch: FitEpoch) -> bool:
        told.append(epoch)
        return len(told) < 2

    model = image_case.fit(bars(40, 0)[0], updates=20, progress=stop_after_two)
    assert [epoch.number for epoch in told] == [1, 2]
    assert all(math.isfinite(epoch.train["loss"]) for epoch in told)
    assert torch.isfinite(model.sample(3)).all()


@pytest.mark.parametrize("x", [np.zeros((20, *IMAGE)), np.arange(64).reshape(1, *IMAGE), 1e6 + np.ones((3, *IMAGE))])
def test_poor_data_still_get_a_finite_fit(image_case: Case, x: np.ndarray) -> None:
    samples = image_case.fit(x, updates=FEW).sample(4)
    assert torch.isfinite(samples).all()
    if x.min() == x.max():
        assert samples.unique().tolist() == pytest.approx([x.min()])


def test_sides_need_not_be_alike(image_case: Case) -> None:
    assert image_case.fit(torch.rand(12, 3, 8, 16), updates=2).sample(2).shape == (2, 3, 8, 16)
