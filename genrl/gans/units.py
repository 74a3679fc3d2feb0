"""The units that the networks see: each column with mean 0 and deviation 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.nn import mean_and_deviation

__all__ = ["Units"]


class Units(nn.Module):
    """Columns to their standard units and back, by numbers that are measured once and kept as buffers.

    A column that does not vary is 0 in its standard units, and comes back as the constant that it is.

    Args:
        features: columns.

    >>> units = Units(2)
    >>> units.measure(torch.tensor([[1.0, 7.0], [3.0, 7.0]]))
    >>> units(torch.tensor([[5.0, 7.0]]))
    tensor([[3., 0.]])
    >>> units.inverse(torch.tensor([[3.0, 0.4]]))
    tensor([[5., 7.]])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))

    @torch.no_grad()
    def measure(self, rows: Tensor) -> None:
        """Take mean and deviation from (rows, features)."""
        mean, deviation = mean_and_deviation(rows)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def forward(self, rows: Tensor) -> Tensor:
        """Standard units."""
        varies = self.deviation > 0
        return torch.where(varies, (rows - self.mean) / torch.where(varies, self.deviation, 1.0), 0.0)

    def inverse(self, standard: Tensor) -> Tensor:
        """The units of the data."""
        return torch.addcmul(self.mean, standard, self.deviation)
