"""Mixtures of Student's t-distributions: what a Gaussian mixture predicts when its parameters are uncertain.

Sizes: K components, d columns. Murphy 2012, Machine Learning, section 4.6.3.8; Ding 2016 for the conditional form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Chi2

from genrl.mixtures.covariances import FULL
from genrl.mixtures.em import block_rows
from genrl.mixtures.sampling import pick

__all__ = ["IndependentColumns", "JointColumns", "StudentMixture"]


@dataclass(frozen=True, kw_only=True)
class StudentMixture:
    """Parameters, float64.

    Attributes:
        weights: (K,), which sum to 1.
        means: (K, d).
        scales: (K, d, d) scale matrices, or (K, d) squared scales of independent columns.
        degrees: (K,) of freedom.
    """

    weights: Tensor
    means: Tensor
    scales: Tensor
    degrees: Tensor


class JointColumns:
    """Columns that vary together: a multivariate t for each component."""

    def log_density(self, x: Tensor, mixture: StudentMixture) -> Tensor:
        """(rows, K) log p(component, x)."""
        columns, degrees = mixture.means.shape[1], mixture.degrees
        factors = FULL.factorise(mixture.scales)
        origin = mixture.weights @ mixture.means
        squares = FULL.squares(mixture.means - origin, factors)
        constants = mixture.weights.log() + FULL.log_det(factors, columns) + _log_normaliser(degrees, columns)
        blocks = x.split(block_rows(*mixture.means.shape))
        tails = [torch.log1p(squares(block - origin) / degrees) for block in blocks]
        return constants - (degrees + columns) / 2 * torch.cat(tails)

    def marginal(self, mixture: StudentMixture, known: int) -> StudentMixture:
        """Of the first columns."""
        return StudentMixture(
            weights=mixture.weights,
            means=mixture.means[:, :known],
            scales=mixture.scales[:, :known, :known],
            degrees=mixture.degrees,
        )

    def draw(self, mixture: StudentMixture, picked: Tensor) -> Tensor:
        """(*shape, d) rows of the components picked, which may be of any shape."""
        noise = _student_noise(mixture.degrees[picked], mixture.means.shape[1])
        lower = torch.linalg.cholesky(mixture.scales)
        return mixture.means[picked] + (lower[picked] @ noise[..., None])[..., 0]

    def draw_given(self, mixture: StudentMixture, context: Tensor, shape: tuple[int, ...]) -> Tensor:
        """(*shape, rows, d - c): the later columns given (rows, c) first ones."""
        known = context.shape[1]
        first = self.marginal(mixture, known)
        picked = pick(self.log_density(context, first).softmax(1), shape)
        cross = mixture.scales[:, known:, :known]
        slopes = torch.linalg.solve(first.scales, cross.mT).mT  # (K, d - c, c)
        lower = torch.linalg.cholesky(mixture.scales[:, known:, known:] - slopes @ cross.mT)
        differences = context - first.means[picked]
        solved = torch.linalg.solve(first.scales[picked], differences[..., None])[..., 0]
        squares = (differences * solved).sum(-1)
        degrees = mixture.degrees[picked]
        # What is far from a component in the known columns is uncertain in the others, too.
        widening = ((degrees + squares) / (degrees + known)).sqrt()[..., None]
        noise = widening * _student_noise(degrees + known, lower.shape[-1])
        means = mixture.means[picked, known:] + (slopes[picked] @ differences[..., None])[..., 0]
        return means + (lower[picked] @ noise[..., None])[..., 0]


class IndependentColumns:
    """Columns that are independent given the component: a t for each of them."""

    def log_density(self, x: Tensor, mixture: StudentMixture) -> Tensor:
        """(rows, K) log p(component, x)."""
        columns, degrees = mixture.means.shape[1], mixture.degrees
        factors = mixture.scales.rsqrt()
        constants = mixture.weights.log() + factors.log().sum(1) + columns * _log_normaliser(degrees, 1)
        tails = [
            torch.log1p(((block[:, None] - mixture.means) * factors).square() / degrees[:, None]).sum(-1)
            for block in x.split(block_rows(*mixture.means.shape))
        ]
        return constants - (degrees + 1) / 2 * torch.cat(tails)

    def marginal(self, mixture: StudentMixture, known: int) -> StudentMixture:
        """Of the first columns."""
        return self._columns(mixture, slice(None, known))

    def draw(self, mixture: StudentMixture, picked: Tensor) -> Tensor:
        """(*shape, d) rows of the components picked, which may be of any shape."""
        degrees = mixture.degrees[picked][..., None].expand(*picked.shape, mixture.means.shape[1])
        return mixture.means[picked] + mixture.scales[picked].sqrt() * _student_noise(degrees, 1)[..., 0]

    def draw_given(self, mixture: StudentMixture, context: Tensor, shape: tuple[int, ...]) -> Tensor:
        """(*shape, rows, d - c): the later columns given (rows, c) first ones, which tell of the component alone."""
        known = context.shape[1]
        chances = self.log_density(context, self.marginal(mixture, known)).softmax(1)
        return self.draw(self._columns(mixture, slice(known, None)), pick(chances, shape))

    def _columns(self, mixture: StudentMixture, columns: slice) -> StudentMixture:
        return StudentMixture(
            weights=mixture.weights,
            means=mixture.means[:, columns],
            scales=mixture.scales[:, columns],
            degrees=mixture.degrees,
        )


def _log_normaliser(degrees: Tensor, columns: int) -> Tensor:
    return ((degrees + columns) / 2).lgamma() - (degrees / 2).lgamma() - columns / 2 * (math.pi * degrees).log()


def _student_noise(degrees: Tensor, columns: int) -> Tensor:
    """(*degrees.shape, columns): Gaussian noise over the root of a chi-squared number that the columns share."""
    noise = torch.randn(*degrees.shape, columns, dtype=degrees.dtype, device=degrees.device)
    if not degrees.numel():
        return noise
    return noise * (degrees / Chi2(degrees).sample()).sqrt()[..., None]
