"""The units of rows: measured once, so that a network sees numbers around 0 and its answer gets its units back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Units", "mean_and_deviation"]


class Units(nn.Module):
    """Mean and deviation of every number of a row, kept as buffers; at first 0 and 1.

    A number that does not vary has deviation 1: nothing is gained by dividing by its rounding errors.

    Args:
        event_shape: of a row.

    >>> units = Units((2,))
    >>> units.measure(torch.tensor([[0.0, 5.0], [4.0, 5.0]]))
    >>> units.remove(torch.tensor([[4.0, 6.0]]))
    tensor([[1., 1.]])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(event_shape))
        self.register_buffer("deviation", torch.ones(event_shape))

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """Each number has a deviation of its own."""
        self._keep(*mean_and_deviation(x))

    @torch.no_grad()
    def measure_together(self, x: Tensor) -> None:
        """All numbers share one deviation, so that squared errors weigh as they do in the rows' own units."""
        mean, deviation = mean_and_deviation(x)
        self._keep(mean, deviation.square().mean().sqrt().expand_as(mean))

    @torch.no_grad()
    def measure_with_constants(self, x: Tensor) -> None:
        """As `measure`, but a number that does not vary is a constant: 0 once removed, and restored as it was.

        Its deviation is 0. For samplers, which are then right there whatever their networks say; a density needs more.
        """
        mean, deviation = mean_and_deviation(x)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def remove(self, x: Tensor) -> Tensor:
        """(rows, ...) around 0, of deviation 1, in the precision of this module."""
        return (x.to(self.mean) - self.mean) / torch.where(self.deviation > 0, self.deviation, torch.inf)

    def restore(self, x: Tensor) -> Tensor:
        """What `remove` was given."""
        return self.mean + self.deviation * x

    def _keep(self, mean: Tensor, deviation: Tensor) -> None:
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > 0, deviation, 1.0))


def mean_and_deviation(x: Tensor) -> tuple[Tensor, Tensor]:
    """Of every number of a row, float64; the deviation is exactly 0 where only rounding errors vary.

    >>> mean_and_deviation(torch.tensor([[1.0, 0.1], [3.0, 0.1]]))[1].tolist()
    [1.0, 0.0]
    """
    rows = x.double()
    mean = rows.mean(0)
    deviation = (rows - mean).square().mean(0).sqrt()
    return mean, torch.where(deviation > 1e-6 * (1.0 + mean.abs()), deviation, 0.0)
