"""The context of an image: the same for every pixel, or a grid of its own."""

from __future__ import annotations

from math import prod

import torch.nn.functional as F
from torch import Tensor, nn

from genrl.autoregressive.levels import LevelInputs, check_integers
from genrl.errors import InputError
from genrl.nn import Units, mlp

__all__ = ["Condition", "GridAndVector", "Told", "check_context_shape"]

REACH = 10.0  # no network sees a number further out, in deviations


class Condition(nn.Module):
    """Maps (rows, columns) to (rows, width, 1, 1), or to (rows, width, height, width of the image) if it is a grid.

    Van den Oord et al. 2016b, section 2.3: a vector reaches all pixels alike (equation 4), a grid each pixel by what
    lies there (equation 5), brought to the size of the image by repetition and two convolutions.

    Args:
        columns: of the context.
        size: (height, width) of the image.
        width: features.
        shape: (channels, height, width) of a context that is a flattened grid; None of one that is not.
        levels: K if that grid holds the integers 0 .. K - 1, which are no quantities; None if it holds numbers.
        hidden: widths of the layers by which a vector is read; none makes what pixels are told linear in it.
    """

    def __init__(
        self,
        columns: int,
        size: tuple[int, int],
        width: int,
        shape: tuple[int, int, int] | None,
        levels: int | None,
        hidden: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.size, self.shape, self.levels = size, shape, levels
        self.units = Units((columns,))
        if shape is None:
            self.layers: nn.Module = mlp([columns, *hidden, width], activation="silu")
            return
        self.inputs = None if levels is None else LevelInputs(shape[0], levels, width)
        channels = shape[0] if self.inputs is None else self.inputs.outputs
        first, second = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.layers = nn.Sequential(first, nn.ReLU(), second)

    def measure(self, context: Tensor) -> None:
        """Take the units of a context of quantities."""
        if self.levels is None:
            self.units.measure(context)

    def forward(self, context: Tensor) -> Tensor:
        """(rows, columns) to a map."""
        if self.shape is None:
            found: Tensor = self.layers(self._seen(context))
            return found[:, :, None, None]
        if self.inputs is None:
            grid = self._seen(context).reshape(-1, *self.shape)
        else:
            check_integers(context, self.inputs.levels, name="context")
            grid = self.inputs(context.reshape(-1, *self.shape))
        return self.layers(F.interpolate(grid, self.size))

    def _seen(self, context: Tensor) -> Tensor:
        return self.units.remove(context).clamp(-REACH, REACH)


class GridAndVector(nn.Module):
    """A context whose first columns are a grid and whose others are of all pixels: the sum of what either tells.

    Args:
        grid: of the first columns.
        vector: of the others.
    """

    def __init__(self, grid: Condition, vector: Condition) -> None:
        super().__init__()
        assert grid.shape is not None
        self.grid, self.vector, self.places = grid, vector, prod(grid.shape)

    def measure(self, context: Tensor) -> None:
        """Take the units of quantities."""
        self.grid.measure(context[:, : self.places])
        self.vector.measure(context[:, self.places :])

    def forward(self, context: Tensor) -> Tensor:
        """(rows, columns) to (rows, width, height, width of the image)."""
        told: Tensor = self.grid(context[:, : self.places]) + self.vector(context[:, self.places :])
        return told


Told = Condition | GridAndVector
"""What a network of images is told of its context."""


def check_context_shape(shape: tuple[int, int, int] | None, beside: int, columns: int) -> None:
    """Refuse a context that cannot be a grid of this shape with so many columns beside it.

    Raises:
        InputError: its columns are more or fewer.
    """
    if shape is not None and columns not in (0, prod(shape) + beside):
        more = f" and {beside} more" if beside else ""
        raise InputError(f"context must have {prod(shape)} columns, a flattened grid of {shape}{more}, not {columns}")
