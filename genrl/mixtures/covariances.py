"""What the covariance of a mixture's components may look like, and the algebra that goes with each form.

Each form estimates covariances from scatter matrices, factorises their inverse, and evaluates the Gaussian with it.
The names are scikit-learn's. Sizes: K components, d columns, rows in batches of B.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

from genrl.errors import InputError

__all__ = ["COVARIANCES", "FULL", "CovarianceForm", "CovarianceType"]

CovarianceType = Literal["full", "tied", "diag", "spherical"]


class CovarianceForm(ABC):
    """One form of the components' covariances."""

    @abstractmethod
    def scatter(self, differences: Tensor, responsibilities: Tensor) -> Tensor:
        """Sum over rows of r (x - m)(x - m)^T, as much of it as this form needs.

        Args:
            differences: (K, B, d) rows minus each component's mean.
            responsibilities: (B, K).
        """

    @abstractmethod
    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """The most likely covariances.

        Args:
            scatter: summed over all rows, about means that were `shift` away from the new ones.
            shift: (K, d) new means minus those.
            counts: (K,) sums of the responsibilities.
            reg_covar: added to the variances.
        """

    @abstractmethod
    def factorise(self, covariances: Tensor) -> Tensor:
        """Factor F of the inverse, F F^T = covariance^-1, in the layout of this form.

        Raises:
            InputError: a covariance is not positive definite.
        """

    @abstractmethod
    def log_gaussian(self, differences: Tensor, factors: Tensor) -> Tensor:
        """(B, K) log N(x; m, covariance) of (K, B, d) differences."""

    @abstractmethod
    def from_precisions(self, precisions: Tensor) -> Tensor:
        """The covariances whose inverses these are."""

    @abstractmethod
    def as_matrices(self, covariances: Tensor, components: int, columns: int) -> Tensor:
        """(K, d, d), whatever the form."""

    @abstractmethod
    def shape(self, components: int, columns: int) -> tuple[int, ...]:
        """Of the covariances."""

    @abstractmethod
    def num_parameters(self, components: int, columns: int) -> int:
        """Free numbers in the covariances."""


class Full(CovarianceForm):
    """A matrix of its own for each component: (K, d, d)."""

    def scatter(self, differences: Tensor, responsibilities: Tensor) -> Tensor:
        """(K, d, d)."""
        return (differences * responsibilities.T[..., None]).mT @ differences

    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """(K, d, d)."""
        covariances = scatter / counts[:, None, None] - shift[:, :, None] * shift[:, None, :]
        return covariances + reg_covar * torch.eye(shift.shape[1], dtype=shift.dtype)

    def factorise(self, covariances: Tensor) -> Tensor:
        """(K, d, d), upper triangular."""
        return _inverse_factor(covariances)

    def log_gaussian(self, differences: Tensor, factors: Tensor) -> Tensor:
        """(B, K)."""
        return _log_gaussian((differences @ factors).square().sum(-1).T, _log_det(factors), factors.shape[-1])

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

    def scatter(self, differences: Tensor, responsibilities: Tensor) -> Tensor:
        """(d, d), summed over the components."""
        return torch.einsum("kbi,bk,kbj->ij", differences, responsibilities, differences)

    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """(d, d)."""
        covariance = (scatter - (counts[:, None] * shift).T @ shift) / counts.sum()
        return covariance + reg_covar * torch.eye(shift.shape[1], dtype=shift.dtype)

    def factorise(self, covariances: Tensor) -> Tensor:
        """(d, d), upper triangular."""
        return _inverse_factor(covariances)

    def log_gaussian(self, differences: Tensor, factors: Tensor) -> Tensor:
        """(B, K)."""
        return _log_gaussian((differences @ factors).square().sum(-1).T, _log_det(factors), factors.shape[-1])

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


class Diagonal(CovarianceForm):
    """A variance for each column of each component: (K, d)."""

    def scatter(self, differences: Tensor, responsibilities: Tensor) -> Tensor:
        """(K, d), the diagonals."""
        return torch.einsum("kbi,bk->ki", differences.square(), responsibilities)

    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """(K, d)."""
        return scatter / counts[:, None] - shift.square() + reg_covar

    def factorise(self, covariances: Tensor) -> Tensor:
        """(K, d), inverse deviations."""
        return _inverse_deviation(covariances)

    def log_gaussian(self, differences: Tensor, factors: Tensor) -> Tensor:
        """(B, K)."""
        squares = (differences * factors[:, None]).square().sum(-1).T
        return _log_gaussian(squares, factors.log().sum(-1), factors.shape[-1])

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

    def scatter(self, differences: Tensor, responsibilities: Tensor) -> Tensor:
        """(K,), traces."""
        return torch.einsum("kb,bk->k", differences.square().sum(-1), responsibilities)

    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """(K,)."""
        return (scatter / counts - shift.square().sum(1)) / shift.shape[1] + reg_covar

    def factorise(self, covariances: Tensor) -> Tensor:
        """(K,), inverse deviations."""
        return _inverse_deviation(covariances)

    def log_gaussian(self, differences: Tensor, factors: Tensor) -> Tensor:
        """(B, K)."""
        columns = differences.shape[-1]
        squares = (differences.square().sum(-1) * factors[:, None].square()).T
        return _log_gaussian(squares, columns * factors.log(), columns)

    def from_precisions(self, precisions: Tensor) -> Tensor:
        """(K,)."""
        return 1 / precisions

    def as_matrices(self, covariances: Tensor, components: int, columns: int) -> Tensor:
        """Multiples of the identity."""
        return covariances[:, None, None] * torch.eye(columns, dtype=covariances.dtype)

    def shape(self, components: int, columns: int) -> tuple[int, ...]:
        """(K,)."""
        return (components,)

    def num_parameters(self, components: int, columns: int) -> int:
        """K."""
        return components


FULL = Full()

COVARIANCES: dict[CovarianceType, CovarianceForm] = {
    "full": FULL,
    "tied": Tied(),
    "diag": Diagonal(),
    "spherical": Spherical(),
}


def _log_gaussian(squares: Tensor, log_det: Tensor, columns: int) -> Tensor:
    return -0.5 * (squares + columns * math.log(2 * math.pi)) + log_det


def _log_det(factors: Tensor) -> Tensor:
    return factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _inverse_factor(covariances: Tensor) -> Tensor:
    lower, info = torch.linalg.cholesky_ex(covariances)
    if info.any():
        raise _singular()
    identity = torch.eye(covariances.shape[-1], dtype=covariances.dtype).expand_as(covariances)
    return torch.linalg.solve_triangular(lower, identity, upper=False).mT.contiguous()


def _inverse_deviation(variances: Tensor) -> Tensor:
    if not (variances > 0).all():
        raise _singular()
    return variances.rsqrt()


def _singular() -> InputError:
    return InputError(
        "a component has collapsed onto a few rows, so that its covariance has no inverse: "
        "use fewer components, a larger reg_covar, or another covariance_type"
    )
