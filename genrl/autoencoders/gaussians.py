"""Gaussians with independent columns: their divergence, their density, and draws that pass gradients on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["balanced_noise", "kl_divergence", "log_normal", "log_standard_normal", "reparameterise"]


def kl_divergence(
    mean: Tensor, log_std: Tensor, other_mean: Tensor | float = 0.0, other_log_std: Tensor | float = 0.0
) -> Tensor:
    """KL(N(mean, std^2) || N(other_mean, other_std^2)) of each number, in nats.

    With the other one standard normal it is Kingma & Welling 2014, appendix B.

    >>> kl_divergence(torch.tensor([0.0, 1.0]), torch.zeros(2))
    tensor([0.0000, 0.5000])
    """
    log_ratio = log_std - other_log_std
    distance = (mean - other_mean) * torch.exp(-torch.as_tensor(other_log_std))
    # expm1: near equality the terms of the textbook's form cancel each other's digits.
    return 0.5 * (torch.expm1(2 * log_ratio) - 2 * log_ratio + distance.square())


def log_normal(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """The log-density of each number, in nats."""
    return -0.5 * ((x - mean) * (-log_std).exp()).square() - log_std - 0.5 * math.log(2 * math.pi)


def log_standard_normal(z: Tensor) -> Tensor:
    """(rows,) of (rows, columns), in nats."""
    return -0.5 * (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi))


def reparameterise(mean: Tensor, log_std: Tensor, noise: Tensor) -> Tensor:
    """A draw as a differentiable function of its parameters (Kingma & Welling 2014, equation 4)."""
    return mean + log_std.exp() * noise


def balanced_noise(draws: int, columns: int, seed: int = 0) -> Tensor:
    """(draws, columns) standard normal, the same for the same seed; the second half mirrors the first.

    So whatever is odd in the noise cancels, for an even number of draws. If there are two for each column or more, the
    columns are orthogonal, too, and their mean squares are 1: means of squares and products are exact.
    """
    half = torch.randn(-(-draws // 2), columns, generator=torch.Generator().manual_seed(seed))
    if len(half) >= columns:
        half = torch.linalg.qr(half)[0] * len(half) ** 0.5
    return torch.cat([half, -half])[:draws]
