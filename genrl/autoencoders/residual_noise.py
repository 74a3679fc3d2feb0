"""What an autoencoder trained by squared error leaves unexplained, as Gaussian noise around what it restores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.autoencoders.gaussians import log_normal

__all__ = ["ResidualNoise"]

LEAST_STD = 1e-3  # relative to the deviation of the data


class ResidualNoise(nn.Module):
    """Independent Gaussian noise, whose deviation at each place of a row is measured.

    Args:
        event_shape: of a row.

    >>> noise = ResidualNoise((1,))
    >>> noise.measure(torch.tensor([[-2.0], [2.0]]), torch.ones(1))
    >>> noise.std
    tensor([2.])
    """

    std: Tensor

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("std", torch.ones(event_shape))

    @torch.no_grad()
    def measure(self, residuals: Tensor, deviation: Tensor) -> None:
        """Take the deviation from what is left of rows, (rows, *event_shape); `deviation` is that of the data."""
        self.std.copy_(torch.maximum(residuals.square().mean(0).sqrt(), LEAST_STD * deviation))

    def log_prob(self, residuals: Tensor) -> Tensor:
        """(rows,) of (rows, *event_shape), in nats."""
        return log_normal(residuals, torch.zeros_like(residuals), self.std.log()).flatten(1).sum(1)

    def sample_like(self, rows: Tensor) -> Tensor:
        """(rows, *event_shape)."""
        return self.std * torch.randn_like(rows)
