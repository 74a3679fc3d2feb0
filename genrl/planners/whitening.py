"""Trajectories in units in which nothing linear is left to learn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.nn import mean_and_deviation

__all__ = ["Whitening"]

LEAST = 1e-5  # deviation of a direction, in which less than that is rounding


class Whitening(nn.Module):
    """The linear map of rows to uncorrelated ones of variance 1 that changes them least (Kessy et al. 2018, ZCA-cor).

    Real trajectories hardly vary in the directions that would break the rules of the task, as far as these are linear.
    Here those directions are as long as the others, so that noise, and a model's errors, are small in them. A cell of
    the new rows is still about the time and the column of the old one. Directions in which nothing varies are
    constants: 0 once removed, and restored as they were.

    Args:
        cells: of a row.

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

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(cells))
        self.register_buffer("root", torch.eye(cells))
        self.register_buffer("inverse", torch.eye(cells))

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
        stretch = torch.where(kept, 1 / lengths.where(kept, 1.0), 0.0)
        self.mean.copy_(mean)
        self.root.copy_((directions * torch.where(kept, lengths, 0.0)) @ directions.T * deviation)
        self.inverse.copy_(divided[:, None] * (directions * stretch) @ directions.T)

    def remove(self, x: Tensor) -> Tensor:
        """(rows, cells) whitened."""
        return (x.to(self.mean) - self.mean) @ self.inverse

    def restore(self, x: Tensor) -> Tensor:
        """(rows, cells) as `remove` was given them."""
        return self.mean + x @ self.root
