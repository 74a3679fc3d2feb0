"""What every density promises."""

import numpy as np
import pytest
import torch
from family_cases import CLASSES, Case, fitted, fitted_to_context, fitted_to_labels, gaussian
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel


def grid(reach: float = 9.0, points: int = 141) -> tuple[Tensor, float]:
    """The centres of the cells of a square around the origin, and the area of a cell."""
    width = 2 * reach / points
    ticks = torch.linspace(-reach + width / 2, reach - width / 2, points)
    return torch.cartesian_prod(ticks, ticks), width**2


def integral(model: GenerativeModel, context: Tensor | None = None) -> float:
    cells, area = grid()
    given = None if context is None else context.expand(len(cells), -1)
    return float(np.exp(model.score_samples(cells, given).astype(np.float64)).sum() * area)


def check_integral(model: GenerativeModel, value: float) -> None:
    if model.log_prob_kind == "exact":
        assert value == pytest.approx(1.0, abs=0.01)
    elif model.log_prob_kind == "lower_bound":
        assert value < 1.01
    else:
        assert model.log_prob_kind == "unnormalized"


def test_it_integrates_to_one(density_case: Case) -> None:
    check_integral(fitted(density_case), integral(fitted(density_case)))


def test_it_integrates_to_one_for_each_context(context_case: Case) -> None:
    model = fitted_to_context(context_case)
    if not hasattr(model, "log_prob"):
        pytest.skip("it has no density")
    for value in (-0.8, 0.4):
        check_integral(model, integral(model, torch.tensor([[value]])))


def test_it_integrates_to_one_for_each_class(labels_case: Case) -> None:
    model = fitted_to_labels(labels_case)
    if not hasattr(model, "log_prob"):
        pytest.skip("it has no density")
    check_integral(model, integral(model, torch.tensor([[0.0, 1.0]])))


def test_score_samples_is_log_prob(density_case: Case) -> None:
    model, x = fitted(density_case), gaussian(50, 1)
    with torch.no_grad():
        scores = model.log_prob(x)
    assert scores.shape == (50,)
    assert torch.isfinite(scores).all()
    assert np.array_equal(model.score_samples(x.numpy()), scores.numpy())


def test_labels_are_a_context(labels_case: Case) -> None:
    model = fitted_to_labels(labels_case)
    if not hasattr(model, "log_prob"):
        pytest.skip("it has no density")
    x, labels = gaussian(4, 0), np.array([CLASSES[0], CLASSES[1], CLASSES[1], CLASSES[0]])
    one_hot = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert np.allclose(model.score_samples(x, labels), model.score_samples(x, one_hot), atol=1e-5)
    with torch.no_grad():
        assert np.allclose(model.log_prob(x, torch.tensor(labels)), model.score_samples(x, labels), atol=1e-5)


def test_a_row_is_scored_alike_alone_and_among_others(density_case: Case) -> None:
    model, x = fitted(density_case), gaussian(20, 1)
    alone = np.concatenate([model.score_samples(row[None]) for row in x])
    assert np.allclose(model.score_samples(x), alone, atol=1e-4)


def test_data_are_likelier_than_what_lies_far_off(density_case: Case) -> None:
    model, x = fitted(density_case), gaussian(200, 1)
    assert model.score_samples(x).mean() > model.score_samples(x + 6.0).mean() + 3.0


def test_far_outliers_stay_finite(density_case: Case) -> None:
    far = torch.tensor([[1e4, -1e4], [1e6, 0.0]])
    scores = fitted(density_case).score_samples(far)
    assert np.isfinite(scores).all()
    assert (scores < fitted(density_case).score_samples(gaussian(20, 1)).min()).all()


def test_the_gradient_reaches_the_rows(density_case: Case) -> None:
    x = gaussian(10, 1).requires_grad_()
    fitted(density_case).log_prob(x).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert (x.grad.abs().sum(1) > 0).all()


def test_without_a_density_the_refusal_says_why_and_who_has_one(implicit_case: Case) -> None:
    model = implicit_case.make()
    assert model.why_no_density != GenerativeModel.why_no_density, "say why the family has none"
    with pytest.raises(InputError) as refusal:
        model.score_samples(gaussian(3, 0))
    assert f"{type(model).__name__} has no density: {model.why_no_density}" in str(refusal.value)
    for family in ("genrl.mixtures", "genrl.flows", "genrl.bayes", "genrl.autoencoders.VAE"):
        assert family in str(refusal.value)


class Implicit(GenerativeModel):
    """Can be sampled and no more, so that the refusal is tested while every model of the package has a density."""

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        pass

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        return torch.randn(sample_shape)


def test_a_model_without_log_prob_refuses_to_score() -> None:
    with pytest.raises(InputError, match="Implicit has no density: it can be sampled, but does not know log p"):
        Implicit().build(2).score_samples(gaussian(3, 0))
