"""What every model of a map between two domains promises."""

from __future__ import annotations

import math
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from family_cases import FEW, Case, gaussian
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.protocols import Transfer
from genrl.training.fit import FitEpoch


def pairs(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """(rows, 2) each; the second is the first with its columns stretched and moved."""
    x = gaussian(rows, seed)
    return x, x * torch.tensor([2.0, 0.5]) + torch.tensor([3.0, 0.0])


def poses(case: Case, rows: int) -> dict[str, Tensor]:
    return {"context": torch.linspace(-1, 1, rows)[:, None]} if case.pose else {}


def transferred(case: Case, model: Any, x: Tensor) -> Tensor:
    return model.repose(x, *poses(case, len(x)).values()) if case.pose else model.transfer(x)


def source(case: Case, x: Tensor) -> Tensor:
    """The context of `sample`."""
    return torch.cat((x, *poses(case, len(x)).values()), 1)


def fit(case: Case, x: Any, y: Any, updates: int | None = None, **given: Any) -> Any:
    words = ("coarse_fitting.updates=2",) if case.pose and updates else ()
    small = Case(case.name, (*case.settings, *words), updates=case.updates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return small.make(updates).fit(x, y, **given)


@cache
def fitted_pairs(case: Case) -> Any:
    """Tests share it: they must not change it."""
    return fit(case, *pairs(1000, 0), **poses(case, 1000))


def test_it_learns_an_affine_map(domains_case: Case) -> None:
    x, y = pairs(200, 1)
    made = transferred(domains_case, fitted_pairs(domains_case), x)
    assert ((made - y).abs() / y.std(0)).mean() < 0.25


def test_it_is_a_transfer_and_says_whether_it_needs_pairs(domains_case: Case) -> None:
    model = domains_case.make()
    assert isinstance(model, Transfer) != domains_case.pose
    assert isinstance(type(model).paired, bool)


def test_a_sample_is_the_transfer_of_its_context(domains_case: Case) -> None:
    model, x = fitted_pairs(domains_case), gaussian(7, 1)
    samples = model.sample((2, 3), source(domains_case, x))
    assert samples.shape == (2, 3, 7, 2)
    assert samples.dtype == torch.float32
    assert not samples.requires_grad
    torch.testing.assert_close(samples[1, 2], transferred(domains_case, model, x).detach())
    assert model.sample(context=source(domains_case, x)).shape == (7, 2)
    assert model.sample(4, source(domains_case, x)).shape == (4, 7, 2)


def test_the_gradient_reaches_the_source(domains_case: Case) -> None:
    x = gaussian(5, 1).requires_grad_()
    transferred(domains_case, fitted_pairs(domains_case), x).sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()


def test_it_comes_back_from_disk(domains_case: Case, tmp_path: Path) -> None:
    model, x = fitted_pairs(domains_case), gaussian(9, 1)
    model.save(tmp_path / "model")
    loaded: Any = GenerativeModel.load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert loaded.hyperparameters() == model.hyperparameters()
    assert torch.equal(transferred(domains_case, loaded, x), transferred(domains_case, model, x))


def test_the_same_seeds_give_the_same_model(domains_case: Case) -> None:
    x, y = pairs(60, 0)
    first, second = (fit(domains_case, x, y, FEW, **poses(domains_case, 60)).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_progress_is_told_and_can_end_the_fit(domains_case: Case) -> None:
    told: list[FitEpoch] = []

    def stop_after_two(epoch: FitEpoch) -> bool:
        told.append(epoch)
        return len(told) < 2

    small = Case(domains_case.name, (*domains_case.settings, "fitting.report_every=1"))
    small.make(5).fit(*pairs(60, 0), progress=stop_after_two, **poses(domains_case, 60))
    assert [epoch.number for epoch in told] == [1, 2]
    assert all(math.isfinite(value) for epoch in told for value in epoch.train.values())


@pytest.mark.parametrize("name", ["X", "y"])
@pytest.mark.parametrize(
    "bad", [np.zeros((0, 2)), np.zeros(8), np.full((8, 2), np.nan), "eight", [[1.0, 2.0], [3.0]]], ids=str
)
def test_bad_rows_are_refused_by_name(domains_case: Case, name: str, bad: Any) -> None:
    rows = {"X": gaussian(8, 0), "y": gaussian(8, 1), name: bad}
    with pytest.raises(InputError, match=rf"\b{name}\b"):
        fit(domains_case, rows["X"], rows["y"], 1, **poses(domains_case, 8))


def test_a_missing_domain_is_refused(domains_case: Case) -> None:
    with pytest.raises(InputError, match=r"y is missing.*two domains"):
        domains_case.make(1).fit(gaussian(8, 0))


def test_domains_that_are_not_equally_many(domains_case: Case) -> None:
    x, y = gaussian(8, 0), gaussian(5, 1)
    if type(domains_case.make()).paired:
        with pytest.raises(InputError, match="X has 8 rows, y has 5: they must be pairs"):
            fit(domains_case, x, y, 1, **poses(domains_case, 8))
    else:
        assert torch.isfinite(fit(domains_case, x, y, FEW).transfer(x)).all()


def test_a_context_that_does_not_belong(domains_case: Case) -> None:
    x, y = pairs(8, 0)
    with pytest.raises(InputError, match=r"\bcontext\b"):
        fit(domains_case, x, y, 1, context=torch.zeros(7, 1))


@pytest.mark.parametrize(("scale", "offset", "rows"), [(1e-6, 0.0, 20), (1e6, -1e6, 20), (0.0, 3.0, 20), (1.0, 0.0, 1)])
def test_poor_data_get_a_finite_map(domains_case: Case, scale: float, offset: float, rows: int) -> None:
    x = gaussian(rows, 0).double() * scale + offset
    model = fit(domains_case, x, gaussian(rows, 1), FEW, **poses(domains_case, rows))
    assert torch.isfinite(transferred(domains_case, model, x.float())).all()


def test_rows_of_another_width_are_refused(domains_case: Case) -> None:
    with pytest.raises(InputError, match="x must have the shape"):
        transferred(domains_case, fitted_pairs(domains_case), torch.zeros(3, 5))
    with pytest.raises(InputError, match="context"):
        fitted_pairs(domains_case).sample(context=torch.zeros(3, 7))
    with pytest.raises(InputError, match="give context="):
        fitted_pairs(domains_case).sample(3)


@pytest.mark.parametrize("verb", ["sample", "save", "transfer"])
def test_nothing_is_asked_of_a_model_that_was_not_fitted(domains_case: Case, verb: str, tmp_path: Path) -> None:
    model: Any = domains_case.make()
    x = gaussian(3, 0)
    ask = {
        "sample": lambda: model.sample(3),
        "save": lambda: model.save(tmp_path),
        "transfer": lambda: transferred(domains_case, model, x),
    }
    with pytest.raises(InputError, match="not been fitted: call fit"):
        ask[verb]()
