"""What the covariance of a mixture's components may look like, and the algebra that goes with each form.

Each form estimates covariances from scatter matrices, factorises their inverse, and measures distances with it.
The names are scikit-learn's. Sizes: K components, d columns, rows in batches of B.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from genrl.mixtures.covariance_form import CovarianceForm, collapsed
from genrl.mixtures.independent_covariances import DIAGONAL, SPHERICAL

__all__ = ["COVARIANCES", "DIAGONAL", "FULL", "CovarianceForm", "CovarianceType"]

CovarianceType = Literal["full", "tied", "diag", "spherical"]


class Full(CovarianceForm):
    """A matrix of its own for each component: (K, d, d)."""

    def moments(self, rows: Tensor, means: Tensor, responsibilities: Tensor) -> tuple[Tensor, Tensor]:
        """(K, d) and (K, d, d)."""
        components, columns = means.shape
        weighted = ((rows[:, None] - means) * responsibilities[..., None]).flatten(1)
        sums = weighted.sum(0).view(components, columns)
        # One wide product with the rows, in place of K narrow ones with their differences from each mean.
        about_origin = (rows.T @ weighted).view(columns, components, columns).permute(1, 0, 2)
        return sums, about_origin - means[:, :, None] * sums[:, None, :]

    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """(K, d, d)."""
        covariances = scatter / counts[:, None, None] - shift[:, :, None] * shift[:, None, :]
        return (covariances + covariances.mT) / 2 + reg_covar * _identity(covariances)

    def factorise(self, covariances: Tensor) -> Tensor:
        """(K, d, d), upper triangular."""
        return _inverse_factor(covariances)

    def squares(self, means: Tensor, factors: Tensor) -> Callable[[Tensor], Tensor]:
        """All components in one matrix product."""
        components, columns = means.shape
        side_by_side = factors.permute(1, 0, 2).reshape(columns, -1)
        offsets = (means[:, None] @ factors).flatten()

        def of_rows(rows: Tensor) -> Tensor:
            whitened = torch.addmm(offsets, rows, side_by_side, beta=-1)
            return whitened.square_().view(-1, components, columns).sum(-1)

        return of_rows

    def log_det(self, factors: Tensor, columns: int) -> Tensor:
        """(K,)."""
        return _log_det(factors)

    def from_precisions(self, precisions: Tensor) -> Tensor:
        """(K, d, d)."""
        return torch.linalg.inv(precisions)

    def as_matrices(self, covariances: Tensor, components: int, columns: int) -> Tensor:
        """As they are."""
        return covariances

    def shape(self, components: int, columns: int) -> tuple[int, ...]:
        """(K, d, d)."""
        return components, columns, columns

    def num_parameters(self, components: int, columns: int) -> int:
        """K d (d + 1) / 2."""
        return components * columns * (columns + 1) // 2


class Tied(CovarianceForm):
    """One matrix for all components: (d, d)."""

    def moments(self, rows: Tensor, means: Tensor, responsibilities: Tensor) -> tuple[Tensor, Tensor]:
        """(K, d) and (d, d), summed over the components."""
        weighted = (rows[:, None] - means) * responsibilities[..., None]
        sums = weighted.sum(0)
        return sums, rows.T @ weighted.sum(1) - means.T @ sums

    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """(d, d)."""
        covariance = (scatter - (counts[:, None] * shift).T @ shift) / counts.sum()
        return (covariance + covariance.T) / 2 + reg_covar * _identity(covariance)

    def factorise(self, covariances: Tensor) -> Tensor:
        """(d, d), upper triangular."""
        return _inverse_factor(covariances)

    def squares(self, means: Tensor, factors: Tensor) -> Callable[[Tensor], Tensor]:
        """Rows and means are whitened once, by the same factor."""
        whitened_means = means @ factors
        return lambda rows: ((rows @ factors)[:, None] - whitened_means).square_().sum(-1)

    def log_det(self, factors: Tensor, columns: int) -> Tensor:
        """()."""
        return _log_det(factors)

    def from_precisions(self, precisions: Tensor) -> Tensor:
        """(d, d)."""
        return torch.linalg.inv(precisions)

    def as_matrices(self, covariances: Tensor, components: int, columns: int) -> Tensor:
        """The same one K times."""
        return covariances.expand(components, columns, columns)

    def shape(self, components: int, columns: int) -> tuple[int, ...]:
        """(d, d)."""
        return columns, columns

    def num_parameters(self, components: int, columns: int) -> int:
        """Of one matrix, d (d + 1) / 2."""
        return columns * (columns + 1) // 2


FULL = Full()

COVARIANCES: dict[CovarianceType, CovarianceForm] = {
    "full": FULL,
    "tied": Tied(),
    "diag": DIAGONAL,
    "spherical": SPHERICAL,
}


def _log_det(factors: Tensor) -> Tensor:
    return factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _inverse_factor(covariances: Tensor) -> Tensor:
    lower, info = torch.linalg.cholesky_ex(covariances)
    if info.any():
        raise collapsed()
    identity = _identity(covariances).expand_as(covariances)
    return torch.linalg.solve_triangular(lower, identity, upper=False).mT.contiguous()


def _identity(like: Tensor) -> Tensor:
    return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)
