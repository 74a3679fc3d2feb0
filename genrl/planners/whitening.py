"""Trajectories in units in which little that is linear is left to learn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.nn import mean_and_deviation

__all__ = ["Whitening"]

LEAST = 1e-5  # deviation of a direction, in which less than that is rounding


class Whitening(nn.Module):
    """The linear map of rows to less correlated ones that changes them least: a whitening (Kessy et al. 2018, ZCA-cor)
    or a part of the way there.

    Real trajectories hardly vary in the directions that would break the rules of the task, as far as these are linear.
    Whitened, those directions are as long as the others, so that noise, and a model's errors, are small in them. But
    they are many, and what matters as much, such as where a trajectory ends, is a few directions that are long: a model
    of white rows learns these last. A part of the way keeps some of both. A cell of the new rows is still about the
    time and the column of the old one. Directions in which nothing varies are constants: 0 once removed, and restored
    as they were.

    Args:
        cells: of a row.
        degree: the part of the way, from 0 (each cell divided by its deviation) to 1 (uncorrelated, of variance 1): the
            power to which directions are divided by their deviations.

    Raises:
        InputError: no such degree.

    >>> _ = torch.manual_seed(0)
    >>> start, slope = torch.randn(2, 1000, 1)
    >>> x = torch.cat([start, start + 0.1 * slope], 1)
    >>> white = Whitening(2)
    >>> white.measure(x)
    >>> torch.allclose(white.remove(x).T.cov(correction=0), torch.eye(2), atol=1e-3)
    True
    >>> torch.allclose(white.restore(white.remove(x)), x, atol=1e-4)
    True
    """

    mean: Tensor
    root: Tensor
    inverse: Tensor
    spread: Tensor

    def __init__(self, cells: int, degree: float = 1.0) -> None:
        super().__init__()
        if not 0 <= degree <= 1:
            raise InputError(f"degree must be within 0 .. 1, not {degree}")
        self.degree = degree
        self.register_buffer("mean", torch.zeros(cells))
        self.register_buffer("root", torch.eye(cells))
        self.register_buffer("inverse", torch.eye(cells))
        self.register_buffer("spread", torch.eye(cells))  # takes white rows to these

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """Take the map of (rows, cells), of which there should be many more than cells."""
        mean, deviation = mean_and_deviation(x)
        varies = deviation > 0
        divided = torch.where(varies, 1 / deviation.where(varies, 1.0), 0.0)
        standard = (x.double() - mean) * divided
        variances, directions = torch.linalg.eigh(standard.T @ standard / len(x))
        lengths = variances.clamp(min=0).sqrt()
        kept = lengths > LEAST

        def power(exponent: float) -> Tensor:
            return directions * torch.where(kept, lengths.where(kept, 1.0) ** exponent, 0.0) @ directions.T

        self.mean.copy_(mean)
        self.root.copy_(power(self.degree) * deviation)
        self.inverse.copy_(divided[:, None] * power(-self.degree))
        self.spread.copy_(power(1 - self.degree))

    def remove(self, x: Tensor) -> Tensor:
        """(rows, cells) less correlated."""
        return (x.to(self.mean) - self.mean) @ self.inverse

    def restore(self, x: Tensor) -> Tensor:
        """(rows, cells) as `remove` was given them."""
        return self.mean + x @ self.root
