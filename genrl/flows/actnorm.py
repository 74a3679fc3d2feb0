"""Activation normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.flows.transform import Transform

__all__ = ["ActNorm"]


class ActNorm(Transform):
    """A learned scale and shift of each feature, z = (x + shift) exp(log_scale) (Kingma & Dhariwal 2018, section 3.1).

    They start so that the first rows have mean 0 and deviation 1 in every feature. Features are on the last axis; those
    in between are positions, which share scale and shift.

    Args:
        features: of the last axis.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(features))
        self.shift = nn.Parameter(torch.zeros(features))

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor | None = None) -> None:
        """Standardise these rows; a feature that does not vary keeps its scale."""
        rows = x.flatten(0, -2).double()
        mean = rows.mean(0)
        deviation = (rows - mean).square().mean(0).sqrt()
        self.shift.copy_(-mean)
        self.log_scale.copy_(-torch.where(deviation > 1e-6 * (1.0 + mean.abs()), deviation, 1.0).log())

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        return (x + self.shift) * self.log_scale.exp(), self.log_scale.sum() * x.shape[1:-1].numel()

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data."""
        return z * (-self.log_scale).exp() - self.shift, -self.log_scale.sum() * z.shape[1:-1].numel()
