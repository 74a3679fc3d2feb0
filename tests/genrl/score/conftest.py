"""Scores that are known in closed form."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genrl.score.langevin import Score

COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 1.0]])  # of standardised columns, as the samplers expect


@pytest.fixture
def gaussian_score() -> Score:
    """Of N(0, COVARIANCE) with noise of a level added."""

    def score(x: Tensor, level: Tensor) -> Tensor:
        return -x @ torch.linalg.inv(COVARIANCE + level.square() * torch.eye(2))

    return score


@pytest.fixture
def is_gaussian() -> Callable[[Tensor, float], None]:
    """Checks rows against N(0, COVARIANCE + level^2)."""

    def check(x: Tensor, level: float, tolerance: float = 0.06) -> None:
        assert x.mean(0).abs().max() < tolerance
        assert (torch.cov(x.T) - COVARIANCE - level**2 * torch.eye(2)).abs().max() < tolerance

    return check


@pytest.fixture
def gaussian_at() -> Callable[[Tensor], MultivariateNormal]:
    """N(0, COVARIANCE) with noise of a level added."""
    return lambda level: MultivariateNormal(torch.zeros(2), COVARIANCE + level.square() * torch.eye(2))
