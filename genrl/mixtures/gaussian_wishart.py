"""Posteriors of the means and precisions of Gaussians: Gaussian-Wishart, or Gaussian-gamma for each column.

Bishop 2006, section 10.2; sizes as everywhere in a mixture: K components, d columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from genrl.mixtures.covariances import DIAGONAL, FULL, CovarianceForm
from genrl.mixtures.em import Moments
from genrl.mixtures.student_mixture import IndependentColumns, JointColumns

__all__ = ["PRECISIONS", "GaussianWishart", "Precision", "VariationalCovarianceType", "absorb", "divergence"]

VariationalCovarianceType = Literal["full", "diag"]


@dataclass(frozen=True, kw_only=True)
class GaussianWishart:
    """p(mean, precision) of each component: N(mean | m, (k precision)^-1) W(precision | W, degrees).

    Attributes:
        means: (K, d), m.
        rows: (K,), k: how many rows the means stand for.
        degrees: (K,) of freedom.
        scales: W^-1, (K, d, d) or, for independent columns, (K, d).
    """

    means: Tensor
    rows: Tensor
    degrees: Tensor
    scales: Tensor


class Precision(ABC):
    """The algebra of full or diagonal precisions.

    A diagonal one is a one-dimensional Wishart, which is a gamma distribution, for each column.
    """

    covariance: CovarianceForm
    student: JointColumns | IndependentColumns

    @abstractmethod
    def outer(self, differences: Tensor) -> Tensor:
        """(K, d) times itself, in the layout of the scales."""

    @abstractmethod
    def squares(self, differences: Tensor, factors: Tensor) -> Tensor:
        """(K,) |difference^T F|^2."""

    @abstractmethod
    def trace(self, scales: Tensor, factors: Tensor) -> Tensor:
        """(K,) tr(scale F F^T)."""

    @abstractmethod
    def per_component(self, values: Tensor) -> Tensor:
        """(K,) numbers, ready to be multiplied with scales."""

    @abstractmethod
    def digamma(self, degrees: Tensor, columns: int) -> Tensor:
        """(K,) E[log |precision|] less what the scale adds to it and d log 2."""

    @abstractmethod
    def lgamma(self, degrees: Tensor, columns: int) -> Tensor:
        """(K,) logarithm of the (multivariate) gamma function that normalises it."""

    @abstractmethod
    def default_scale(self, x: Tensor, reg_covar: float) -> Tensor:
        """The covariance of (rows, d), 0 of a single row, in the layout of one component's scale."""

    @abstractmethod
    def least_degrees(self, columns: int) -> int:
        """The degrees of freedom must be above this."""


class FullPrecision(Precision):
    """A Wishart distribution of (d, d) matrices."""

    covariance = FULL
    student = JointColumns()

    def outer(self, differences: Tensor) -> Tensor:
        """(K, d, d)."""
        return differences[:, :, None] * differences[:, None, :]

    def squares(self, differences: Tensor, factors: Tensor) -> Tensor:
        """(K,)."""
        return (differences[:, None] @ factors).square().sum((1, 2))

    def trace(self, scales: Tensor, factors: Tensor) -> Tensor:
        """(K,)."""
        return ((scales @ factors) * factors).sum((1, 2))

    def per_component(self, values: Tensor) -> Tensor:
        """(K, 1, 1)."""
        return values[:, None, None]

    def digamma(self, degrees: Tensor, columns: int) -> Tensor:
        """(K,), equation B.81."""
        steps = torch.arange(columns, dtype=degrees.dtype, device=degrees.device)
        return ((degrees[:, None] - steps) / 2).digamma().sum(1)

    def lgamma(self, degrees: Tensor, columns: int) -> Tensor:
        """(K,), equation B.79."""
        return torch.special.multigammaln(degrees / 2, columns)

    def default_scale(self, x: Tensor, reg_covar: float) -> Tensor:
        """(d, d)."""
        centred = x - x.mean(0)
        return centred.T @ centred / max(1, len(x) - 1) + reg_covar * torch.eye(x.shape[1]).to(x)

    def least_degrees(self, columns: int) -> int:
        """Columns less 1."""
        return columns - 1


class DiagonalPrecision(Precision):
    """A gamma distribution for each column, with the same degrees of freedom in all of them."""

    covariance = DIAGONAL
    student = IndependentColumns()

    def outer(self, differences: Tensor) -> Tensor:
        """(K, d)."""
        return differences.square()

    def squares(self, differences: Tensor, factors: Tensor) -> Tensor:
        """(K,)."""
        return (differences * factors).square().sum(1)

    def trace(self, scales: Tensor, factors: Tensor) -> Tensor:
        """(K,)."""
        return (scales * factors.square()).sum(1)

    def per_component(self, values: Tensor) -> Tensor:
        """(K, 1)."""
        return values[:, None]

    def digamma(self, degrees: Tensor, columns: int) -> Tensor:
        """(K,)."""
        return columns * (degrees / 2).digamma()

    def lgamma(self, degrees: Tensor, columns: int) -> Tensor:
        """(K,)."""
        return columns * (degrees / 2).lgamma()

    def default_scale(self, x: Tensor, reg_covar: float) -> Tensor:
        """(d,)."""
        return (x - x.mean(0)).square().sum(0) / max(1, len(x) - 1) + reg_covar

    def least_degrees(self, columns: int) -> int:
        """0."""
        return 0


PRECISIONS: dict[VariationalCovarianceType, Precision] = {"full": FullPrecision(), "diag": DiagonalPrecision()}


def absorb(prior: GaussianWishart, moments: Moments, precision: Precision, reg_covar: float) -> GaussianWishart:
    """The posterior after rows with these moments (Bishop 2006, equations 10.60 to 10.63)."""
    counts = moments.counts
    safe = counts.clamp(min=torch.finfo(counts.dtype).tiny)
    shift = moments.sums / safe[:, None]
    within = precision.per_component(counts) * precision.covariance.estimate(moments.scatter, shift, safe, reg_covar)
    within = torch.where(precision.per_component(counts) > 0, within, torch.zeros_like(within))
    difference = moments.centres + shift - prior.means
    rows = prior.rows + counts
    between = precision.per_component(prior.rows * counts / rows) * precision.outer(difference)
    return GaussianWishart(
        means=prior.means + difference * (counts / rows)[:, None],
        rows=rows,
        degrees=prior.degrees + counts,
        scales=prior.scales + within + between,
    )


def divergence(posterior: GaussianWishart, prior: GaussianWishart, precision: Precision) -> Tensor:
    """(K,) KL divergence of each component's posterior from its prior, in nats.

    That of two Wisharts, and that of two Gaussians of the mean in expectation over the precision.
    """
    columns = prior.means.shape[1]
    factors, prior_factors = (precision.covariance.factorise(each.scales) for each in (posterior, prior))
    log_dets = [2 * precision.covariance.log_det(each, columns) for each in (factors, prior_factors)]
    degrees, before = posterior.degrees, prior.degrees
    wishart = (
        before * (log_dets[1] - log_dets[0]) / 2
        + degrees * (precision.trace(prior.scales, factors) - columns) / 2
        + precision.lgamma(before, columns)
        - precision.lgamma(degrees, columns)
        + (degrees - before) * precision.digamma(degrees, columns) / 2
    )
    ratio = prior.rows / posterior.rows
    moved = prior.rows * degrees * precision.squares(posterior.means - prior.means, factors)
    return wishart + (columns * (ratio - 1 - ratio.log()) + moved) / 2


def expected_log_weights(posterior: GaussianWishart, precision: Precision) -> Tensor:
    """(K,) what E[log N(x)] is more than log N(x) with the expected precision (Bishop 2006, equations 10.64, 10.65)."""
    columns, degrees = posterior.means.shape[1], posterior.degrees
    return (precision.digamma(degrees, columns) - columns * (degrees / 2).log() - columns / posterior.rows) / 2
