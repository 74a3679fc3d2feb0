"""The distributions that flows start from: independent columns, light or heavy in the tails."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from genrl.errors import InputError

__all__ = ["BaseName", "Latent", "Normal", "StudentT", "latent_of"]

BaseName = Literal["normal", "student_t"]

DEGREES_OF_FREEDOM = 5.0  # heavy tails whose variance and kurtosis are nearly those of everyday data


class Latent(nn.Module, ABC):
    """A density of (rows, features) with nothing to learn."""

    origin: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        # Says on which device, and in which precision, samples are to be drawn; no weight, so it is not saved.
        self.register_buffer("origin", torch.zeros(()), persistent=False)

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """(rows,) in nats."""

    @abstractmethod
    def sample(self, rows: int) -> Tensor:
        """(rows, features)."""


class Normal(Latent):
    """Mean 0 and variance 1 in every column."""

    def log_prob(self, z: Tensor) -> Tensor:
        """(rows,) in nats."""
        return -0.5 * (z * z).sum(1) - 0.5 * math.log(2 * math.pi) * self.features

    def sample(self, rows: int) -> Tensor:
        """(rows, features)."""
        return torch.randn(rows, self.features, dtype=self.origin.dtype, device=self.origin.device)


class StudentT(Latent):
    """Student's t with 5 degrees of freedom in every column.

    Its negative log-density grows with the logarithm of an outlier where the Gaussian's grows with the square, so that
    a few of them neither dominate the fit nor make an evaluation explode.
    """

    def log_prob(self, z: Tensor) -> Tensor:
        """(rows,) in nats."""
        nu = DEGREES_OF_FREEDOM
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi)
        # log1p(z^2) is 2 log|z| for large |z|; squaring those would overflow.
        far = z.abs() > 1e9
        near = torch.where(far, 0.0, z)
        log_term = torch.where(far, 2 * torch.where(far, z, 1.0).abs().log() - math.log(nu), (near * near / nu).log1p())
        return self.features * constant - (nu + 1) / 2 * log_term.sum(1)

    def sample(self, rows: int) -> Tensor:
        """(rows, features): a normal number over the root of a mean of squares."""
        nu = int(DEGREES_OF_FREEDOM)
        normal = torch.randn(1 + nu, rows, self.features, dtype=self.origin.dtype, device=self.origin.device)
        return normal[0] * normal[1:].square().mean(0).rsqrt()


def latent_of(base: BaseName, features: int) -> Latent:
    """The base distribution of that name.

    Raises:
        InputError: there is none.
    """
    if base == "normal":
        return Normal(features)
    if base == "student_t":
        return StudentT(features)
    raise InputError(f"base must be normal or student_t, not {base!r}")
