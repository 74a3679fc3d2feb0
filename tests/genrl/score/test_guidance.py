import pytest
import torch
from torch import Tensor

from genrl.score import VarianceExploding
from genrl.score.guidance import classifier_free, guided, held
from genrl.score.sampling import drown, sample_by_langevin

NOISE = VarianceExploding()


def normal(mean: float, deviation: float):
    """The score of N(mean, deviation^2) with noise added."""
    return lambda x, level: (mean - x) / (deviation**2 + level.square())


def test_a_guide_makes_the_product_of_two_gaussians() -> None:
    torch.manual_seed(0)
    led = guided(normal(0.0, 1.0), lambda x: -0.5 * ((x[:, 0] - 3.0) / 0.5).square())
    x = sample_by_langevin(led, NOISE, drown(NOISE, torch.zeros(4000, 1)), 2000)
    # precisions 1 and 4 add up to 5; the mean is weighted by them
    assert float(x.mean()) == pytest.approx(4 * 3 / 5, abs=0.04)
    assert float(x.var()) == pytest.approx(1 / 5, rel=0.1)


def test_a_guide_adds_its_gradient_at_the_denoised_row() -> None:
    x, level = torch.tensor([[2.0], [-1.0]]), torch.tensor(0.7)
    found = guided(normal(0.0, 1.0), lambda x: 3.0 * x[:, 0].square())(x, level)
    shrink = 1 / (1 + 0.49)
    torch.testing.assert_close(found, -x * shrink + 6.0 * shrink * (shrink * x))


def test_classifier_free_weights() -> None:
    x, level = torch.randn(5, 1), torch.tensor(0.3)
    free, conditional = normal(0.0, 1.0), normal(2.0, 0.5)
    for weight, expected in ((0.0, free), (1.0, conditional)):
        torch.testing.assert_close(classifier_free(conditional, free, weight)(x, level), expected(x, level))
    more = classifier_free(conditional, free, 3.0)(x, level)
    torch.testing.assert_close(more, 3 * conditional(x, level) - 2 * free(x, level))


def test_a_guide_of_several_columns_moves_those_it_looks_at() -> None:
    def score(x: Tensor, level: Tensor) -> Tensor:
        return -x / (1 + level.square())

    x = torch.randn(4, 3)
    moved = guided(score, lambda x: 5.0 * x[:, 1])(x, torch.tensor(0.1)) - score(x, torch.tensor(0.1))
    torch.testing.assert_close(moved, torch.tensor([0.0, 5.0 / 1.01, 0.0]).expand(4, 3))


def test_what_is_held_has_noise_of_the_level() -> None:
    torch.manual_seed(0)
    x, known = torch.full((5000, 2), 7.0), torch.tensor([True, False]).expand(5000, 2)
    found = held(x, known)(torch.zeros(5000, 2), torch.tensor(0.5))
    assert float(found[:, 0].mean()) == pytest.approx(7.0, abs=0.03)
    assert float(found[:, 0].std()) == pytest.approx(0.5, rel=0.05)
    assert bool((found[:, 1] == 0).all())
