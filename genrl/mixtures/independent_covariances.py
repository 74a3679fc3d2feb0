"""Covariances of columns that are independent within a component: a variance for each, or one for all of them.

Sums of squared differences are expanded, |x - m|^2 = |x|^2 - 2 x m + |m|^2, into products of matrices, which spares a
temporary of (rows, components, columns). What is left where terms cancel has lost digits in proportion to |m|^2; where
too few remain, differences are taken after all. Sizes: K components, d columns, rows in batches of B.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genrl.mixtures.covariance_form import CovarianceForm, collapsed

__all__ = ["DIAGONAL", "SPHERICAL"]

FAR = 1e8  # squared distance of a mean from the origin, in deviations, beyond which digits of a distance are lost
KEPT = 1e-7  # share of a sum of squares that must be left when the mean's is taken away


class Diagonal(CovarianceForm):
    """A variance for each column of each component: (K, d)."""

    def moments(self, rows: Tensor, means: Tensor, responsibilities: Tensor) -> tuple[Tensor, Tensor]:
        """(K, d), and (K, d) diagonals."""
        about_origin = responsibilities.T @ rows
        sums = about_origin - responsibilities.sum(0)[:, None] * means
        squares = responsibilities.T @ rows.square()
        scatter = squares - means * (about_origin + sums)
        if (scatter < KEPT * squares).any():
            differences, weights = rows - means[:, None], responsibilities.T[:, None]
            return (weights @ differences)[:, 0], (weights @ differences.square_())[:, 0]
        return sums, scatter

    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """(K, d)."""
        return scatter / counts[:, None] - shift.square() + reg_covar

    def factorise(self, covariances: Tensor) -> Tensor:
        """(K, d), inverse deviations."""
        return _inverse_deviation(covariances)

    def squares(self, means: Tensor, factors: Tensor) -> Callable[[Tensor], Tensor]:
        """All components in two matrix products."""
        offsets = -means * factors
        constants = offsets.square().sum(-1)
        if (constants > FAR).any():
            return lambda rows: torch.addcmul(offsets, rows[:, None], factors).square_().sum(-1)
        slopes, precisions = 2 * (offsets * factors).T, factors.square().T
        return lambda rows: torch.addmm(constants, rows, slopes).addmm(rows.square(), precisions)

    def log_det(self, factors: Tensor, columns: int) -> Tensor:
        """(K,)."""
        return factors.log().sum(-1)

    def from_precisions(self, precisions: Tensor) -> Tensor:
        """(K, d)."""
        return 1 / precisions

    def as_matrices(self, covariances: Tensor, components: int, columns: int) -> Tensor:
        """Diagonal ones."""
        return torch.diag_embed(covariances)

    def shape(self, components: int, columns: int) -> tuple[int, ...]:
        """(K, d)."""
        return components, columns

    def num_parameters(self, components: int, columns: int) -> int:
        """K d."""
        return components * columns


class Spherical(CovarianceForm):
    """One variance for each component: (K,)."""

    def moments(self, rows: Tensor, means: Tensor, responsibilities: Tensor) -> tuple[Tensor, Tensor]:
        """(K, d), and (K,) traces."""
        about_origin = responsibilities.T @ rows
        sums = about_origin - responsibilities.sum(0)[:, None] * means
        squares = responsibilities.T @ rows.square().sum(-1)
        scatter = squares - (means * (about_origin + sums)).sum(-1)
        if (scatter < KEPT * squares).any():
            sums, diagonals = DIAGONAL.moments(rows, means, responsibilities)
            return sums, diagonals.sum(-1)
        return sums, scatter

    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """(K,)."""
        return (scatter / counts - shift.square().sum(1)) / shift.shape[1] + reg_covar

    def factorise(self, covariances: Tensor) -> Tensor:
        """(K,), inverse deviations."""
        return _inverse_deviation(covariances)

    def squares(self, means: Tensor, factors: Tensor) -> Callable[[Tensor], Tensor]:
        """All components in one matrix product."""
        precisions, distances = factors.square(), means.square().sum(-1)
        if (distances * precisions > FAR).any():
            return lambda rows: (rows[:, None] - means).square_().sum(-1) * precisions
        constants, slopes = distances * precisions, -2 * (means.T * precisions)
        ones = torch.ones_like(means[:1]).T
        return lambda rows: torch.addmm(constants, rows, slopes).addmm(rows.square() @ ones, precisions[None])

    def log_det(self, factors: Tensor, columns: int) -> Tensor:
        """(K,)."""
        return columns * factors.log()

    def from_precisions(self, precisions: Tensor) -> Tensor:
        """(K,)."""
        return 1 / precisions

    def as_matrices(self, covariances: Tensor, components: int, columns: int) -> Tensor:
        """Multiples of the identity."""
        return covariances[:, None, None] * torch.eye(columns, dtype=covariances.dtype, device=covariances.device)

    def shape(self, components: int, columns: int) -> tuple[int, ...]:
        """(K,)."""
        return (components,)

    def num_parameters(self, components: int, columns: int) -> int:
        """K."""
        return components


DIAGONAL = Diagonal()
SPHERICAL = Spherical()


def _inverse_deviation(variances: Tensor) -> Tensor:
    if not (variances > 0).all():
        raise collapsed()
    return variances.rsqrt()
