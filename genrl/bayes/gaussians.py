"""Gaussians given a class: what is kept of the rows of each, and three forms of covariance made from it.

Moments of two sets of rows can be merged exactly, which is what learning from a stream rests on. Sizes: C classes,
d columns. All in float64.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from genrl.errors import InputError

__all__ = ["FORMS", "ClassCovariance", "ClassMoments", "GaussianCovarianceType", "Spread", "merge"]

GaussianCovarianceType = Literal["full", "diag", "tied"]


@dataclass(frozen=True, kw_only=True)
class ClassMoments:
    """What is kept of the rows.

    Attributes:
        counts: (C,) rows of each class.
        means: (C, d), 0 for a class without rows.
        scatter: sums of (x - mean)(x - mean)^T over the rows of each class, in the layout of the form.
    """

    counts: Tensor
    means: Tensor
    scatter: Tensor


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A covariance, factorised: covariance = A A^T and its inverse = F F^T.

    Attributes:
        roots: A.
        factors: F.
    """

    roots: Tensor
    factors: Tensor


class ClassCovariance(ABC):
    """One form of the classes' covariances."""

    @abstractmethod
    def scatter(self, rows: list[Tensor]) -> Tensor:
        """Of (rows, d) differences from the mean, for each class."""

    @abstractmethod
    def between(self, difference: Tensor, weights: Tensor) -> Tensor:
        """The scatter of weights (C,) times the outer squares of differences (C, d)."""

    @abstractmethod
    def covariances(self, moments: ClassMoments, reg_covar: float) -> Tensor:
        """The most likely ones, in the layout of the form, with `reg_covar` added to the variances."""

    @abstractmethod
    def factorise(self, covariances: Tensor) -> Spread:
        """Both factors.

        Raises:
            InputError: a variance is not positive.
        """

    @abstractmethod
    def log_gaussian(self, x: Tensor, means: Tensor, factors: Tensor) -> Tensor:
        """(rows, C) log N(x; mean, covariance) in nats."""

    @abstractmethod
    def spread(self, noise: Tensor, classes: Tensor, roots: Tensor) -> Tensor:
        """(..., d) white noise given the covariance of the class of each."""

    @abstractmethod
    def shape(self, classes: int, columns: int) -> tuple[int, ...]:
        """Of the covariances, and of the scatter."""


class FullCovariance(ClassCovariance):
    """A matrix of its own for each class: (C, d, d)."""

    def scatter(self, rows: list[Tensor]) -> Tensor:
        """(C, d, d)."""
        return torch.stack([_gram(part) for part in rows])

    def between(self, difference: Tensor, weights: Tensor) -> Tensor:
        """(C, d, d)."""
        return weights[:, None, None] * difference[:, :, None] * difference[:, None, :]

    def covariances(self, moments: ClassMoments, reg_covar: float) -> Tensor:
        """(C, d, d)."""
        shares = moments.scatter / moments.counts.clamp(min=1)[:, None, None]
        return shares + reg_covar * torch.eye(shares.shape[-1]).to(shares)

    def factorise(self, covariances: Tensor) -> Spread:
        """(C, d, d) each."""
        return _factorise(covariances)

    def log_gaussian(self, x: Tensor, means: Tensor, factors: Tensor) -> Tensor:
        """All classes in one matrix product, relative to an origin amid them."""
        classes, columns = means.shape
        origin = means.mean(0)
        offsets = ((means - origin)[:, None] @ factors).flatten()
        side_by_side = factors.permute(1, 0, 2).reshape(columns, -1)
        whitened = torch.addmm(offsets, x - origin, side_by_side, beta=-1).view(-1, classes, columns)
        return _log_gaussian(whitened.square().sum(-1), torch.linalg.slogdet(factors).logabsdet, columns)

    def spread(self, noise: Tensor, classes: Tensor, roots: Tensor) -> Tensor:
        """(..., d)."""
        out = torch.empty_like(noise)
        for number, root in enumerate(roots):
            out[..., classes == number, :] = noise[..., classes == number, :] @ root.T
        return out

    def shape(self, classes: int, columns: int) -> tuple[int, ...]:
        """(C, d, d)."""
        return classes, columns, columns


class TiedCovariance(ClassCovariance):
    """One matrix for all classes: (d, d)."""

    def scatter(self, rows: list[Tensor]) -> Tensor:
        """(d, d), within the classes."""
        return torch.stack([_gram(part) for part in rows]).sum(0)

    def between(self, difference: Tensor, weights: Tensor) -> Tensor:
        """(d, d)."""
        return (weights[:, None] * difference).T @ difference

    def covariances(self, moments: ClassMoments, reg_covar: float) -> Tensor:
        """(d, d)."""
        share = moments.scatter / moments.counts.sum().clamp(min=1)
        return share + reg_covar * torch.eye(len(share)).to(share)

    def factorise(self, covariances: Tensor) -> Spread:
        """(d, d) each."""
        return _factorise(covariances)

    def log_gaussian(self, x: Tensor, means: Tensor, factors: Tensor) -> Tensor:
        """Rows and means are whitened once."""
        origin = means.mean(0)
        squares = (((x - origin) @ factors)[:, None] - (means - origin) @ factors).square().sum(-1)
        return _log_gaussian(squares, torch.linalg.slogdet(factors).logabsdet, means.shape[1])

    def spread(self, noise: Tensor, classes: Tensor, roots: Tensor) -> Tensor:
        """(..., d)."""
        return noise @ roots.T

    def shape(self, classes: int, columns: int) -> tuple[int, ...]:
        """(d, d)."""
        return columns, columns


class DiagonalCovariance(ClassCovariance):
    """A variance for each column of each class: (C, d)."""

    def scatter(self, rows: list[Tensor]) -> Tensor:
        """(C, d)."""
        return torch.stack([part.square().sum(0) for part in rows])

    def between(self, difference: Tensor, weights: Tensor) -> Tensor:
        """(C, d)."""
        return weights[:, None] * difference.square()

    def covariances(self, moments: ClassMoments, reg_covar: float) -> Tensor:
        """(C, d)."""
        return moments.scatter / moments.counts.clamp(min=1)[:, None] + reg_covar

    def factorise(self, covariances: Tensor) -> Spread:
        """(C, d) each."""
        _check_variances(covariances)
        return Spread(roots=covariances.sqrt(), factors=covariances.rsqrt())

    def log_gaussian(self, x: Tensor, means: Tensor, factors: Tensor) -> Tensor:
        """Class by class, so that memory stays that of the rows."""
        squares = [((x - mean) * factor).square().sum(-1) for mean, factor in zip(means, factors, strict=True)]
        return _log_gaussian(torch.stack(squares, -1), factors.log().sum(-1), means.shape[1])

    def spread(self, noise: Tensor, classes: Tensor, roots: Tensor) -> Tensor:
        """(..., d)."""
        return noise * roots[classes]

    def shape(self, classes: int, columns: int) -> tuple[int, ...]:
        """(C, d)."""
        return classes, columns


FORMS: dict[GaussianCovarianceType, ClassCovariance] = {
    "full": FullCovariance(),
    "tied": TiedCovariance(),
    "diag": DiagonalCovariance(),
}


def merge(first: ClassMoments, second: ClassMoments, form: ClassCovariance) -> ClassMoments:
    """The moments of both sets of rows together (Chan, Golub & LeVeque 1983, equation 2.1)."""
    counts = first.counts + second.counts
    safe = counts.clamp(min=1)
    difference = second.means - first.means
    between = form.between(difference, first.counts * second.counts / safe)
    return ClassMoments(
        counts=counts,
        means=first.means + difference * (second.counts / safe)[:, None],
        scatter=first.scatter + second.scatter + between,
    )


def _gram(rows: Tensor) -> Tensor:
    """rows^T rows, by blocks that stay in the processor's cache."""
    total = rows.new_zeros(rows.shape[1], rows.shape[1])
    for block in rows.split(512):
        total.addmm_(block.T, block)
    return total


def _factorise(covariances: Tensor) -> Spread:
    """By eigenvalues of the correlations: columns of any scale, constant or copies of one another, do no harm."""
    deviations = _check_variances(covariances.diagonal(dim1=-2, dim2=-1)).sqrt()
    correlations = covariances / deviations[..., :, None] / deviations[..., None, :]
    values, vectors = torch.linalg.eigh(correlations)
    least = covariances.shape[-1] * torch.finfo(values.dtype).eps  # what rounding makes of a zero
    lengths, vectors = values.clamp(min=least).sqrt()[..., None, :], vectors.contiguous()
    return Spread(
        roots=deviations[..., :, None] * vectors * lengths,
        factors=vectors / deviations[..., :, None] / lengths,
    )


def _check_variances(variances: Tensor) -> Tensor:
    if not (variances > 0).all():
        raise InputError("a column of X is constant within a class, so that its variance is 0: raise reg_covar")
    return variances


def _log_gaussian(squares: Tensor, log_det: Tensor, columns: int) -> Tensor:
    return -0.5 * (squares + columns * math.log(2 * math.pi)) + log_det
