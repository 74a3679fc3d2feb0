"""Posteriors of a mixture's weights: of finitely many components, or of the sticks of a Dirichlet process.

Their parameters are sums over rows, so that the posterior after some rows is a prior for the next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Beta, Dirichlet, kl_divergence

__all__ = ["WEIGHT_POSTERIORS", "WeightConcentrationPriorType", "WeightPosterior"]

WeightConcentrationPriorType = Literal["dirichlet_process", "dirichlet_distribution"]


class WeightPosterior(ABC):
    """A family of distributions over the weights of K components, conjugate to their counts."""

    @abstractmethod
    def prior(self, concentration: float, components: int) -> Tensor:
        """Its parameters before data, float64; the smaller the concentration, the fewer components have weight."""

    @abstractmethod
    def absorb(self, concentration: Tensor, counts: Tensor) -> Tensor:
        """Its parameters after (K,) counts."""

    @abstractmethod
    def expected_log(self, concentration: Tensor) -> Tensor:
        """(K,) E[log weight]."""

    @abstractmethod
    def mean(self, concentration: Tensor) -> Tensor:
        """(K,) E[weight], which sum to 1."""

    @abstractmethod
    def divergence(self, concentration: Tensor, prior: Tensor) -> Tensor:
        """KL divergence from another of the family, in nats."""


class FiniteWeights(WeightPosterior):
    """A symmetric Dirichlet distribution (Bishop 2006, section 10.2): (K,) concentrations."""

    def prior(self, concentration: float, components: int) -> Tensor:
        """(K,)."""
        return torch.full((components,), concentration, dtype=torch.float64)

    def absorb(self, concentration: Tensor, counts: Tensor) -> Tensor:
        """(K,), equation 10.58."""
        return concentration + counts

    def expected_log(self, concentration: Tensor) -> Tensor:
        """Equation 10.66."""
        return concentration.digamma() - concentration.sum().digamma()

    def mean(self, concentration: Tensor) -> Tensor:
        """Equation 10.69."""
        return concentration / concentration.sum()

    def divergence(self, concentration: Tensor, prior: Tensor) -> Tensor:
        """()."""
        return kl_divergence(Dirichlet(concentration), Dirichlet(prior))


class StickBreaking(WeightPosterior):
    """A Dirichlet process, truncated (Blei & Jordan 2006, section 3): (2, K) parameters of a beta for each stick.

    The weight of a component is the share that is broken from what earlier ones left of a stick of length 1.
    """

    def prior(self, concentration: float, components: int) -> Tensor:
        """(2, K)."""
        return torch.tensor([[1.0], [concentration]], dtype=torch.float64).repeat(1, components)

    def absorb(self, concentration: Tensor, counts: Tensor) -> Tensor:
        """(2, K), equations 18 and 19: rows of the component, and rows of all later ones."""
        later = counts.flip(0).cumsum(0).flip(0) - counts
        return concentration + torch.stack([counts, later.clamp(min=0)])

    def expected_log(self, concentration: Tensor) -> Tensor:
        """(K,)."""
        total = concentration.sum(0).digamma()
        broken, left = concentration[0].digamma() - total, concentration[1].digamma() - total
        return broken + left.cumsum(0) - left

    def mean(self, concentration: Tensor) -> Tensor:
        """(K,), what the last stick leaves shared out in proportion."""
        broken = concentration[0] / concentration.sum(0)
        weights = broken * torch.cat([broken.new_ones(1), (1 - broken).cumprod(0)[:-1]])
        return weights / weights.sum()

    def divergence(self, concentration: Tensor, prior: Tensor) -> Tensor:
        """()."""
        return kl_divergence(Beta(*concentration), Beta(*prior)).sum()


WEIGHT_POSTERIORS: dict[WeightConcentrationPriorType, WeightPosterior] = {
    "dirichlet_process": StickBreaking(),
    "dirichlet_distribution": FiniteWeights(),
}
