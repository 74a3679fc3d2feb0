"""Masked convolutions evaluated at one place, from what they were given at the places before.

A network is written once, for a `View`: it hands each convolution and its input to the view, and takes each map that
lies beside it from the view. `EVERYWHERE` computes whole maps; a `Cache` does so once, keeps the inputs, and then
computes single columns, or single rows, of all maps.
"""

from __future__ import annotations

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from genrl.autoregressive.masked_convolution import MaskedConvolution

__all__ = ["EVERYWHERE", "Cache", "View"]


class View(Protocol):
    """Which places of its maps a network computes."""

    def __call__(self, convolution: MaskedConvolution, x: Tensor) -> Tensor:
        """The convolution of x there."""
        ...

    def crop(self, x: Tensor) -> Tensor:
        """There, of a map (rows, channels, height, width) that is known everywhere."""
        ...


class _Everywhere:
    """Whole maps."""

    def __call__(self, convolution: MaskedConvolution, x: Tensor) -> Tensor:
        found: Tensor = convolution(x)
        return found

    def crop(self, x: Tensor) -> Tensor:
        return x


EVERYWHERE: View = _Everywhere()


class Cache:
    """What every convolution has been given so far: whole maps at first, then single places as they become known.

    A masked convolution never looks at a place that is still to come, so that what the maps hold there is no matter.
    Weights are taken as they are now.
    """

    def __init__(self) -> None:
        self._inputs: dict[MaskedConvolution, Tensor] = {}  # padded
        self._weights: dict[MaskedConvolution, Tensor] = {}
        self._matrices: dict[MaskedConvolution, Tensor] = {}  # the same, flat
        self._row: int | None = None
        self._columns = slice(0, 0)

    def at(self, row: int, column: int) -> Cache:
        """From now on maps (rows, channels, 1, 1) of one pixel."""
        self._row, self._columns = row, slice(column, column + 1)
        return self

    def at_row(self, row: int, width: int) -> Cache:
        """From now on maps (rows, channels, 1, width) of one row of pixels."""
        self._row, self._columns = row, slice(0, width)
        return self

    def crop(self, x: Tensor) -> Tensor:
        """The place of a whole map; of one with one row, or one column, that one."""
        if self._row is None:
            return x
        row = self._row if x.shape[2] > 1 else 0
        return x[:, :, row : row + 1, self._columns if x.shape[3] > 1 else slice(None)]

    def __call__(self, convolution: MaskedConvolution, x: Tensor) -> Tensor:
        """Keep x at the present place, and give what the convolution makes of it and of what it was given before."""
        if self._row is None:
            weight = convolution.masked_weight()
            self._inputs[convolution], self._weights[convolution] = convolution.padded(x), weight
            self._matrices[convolution] = weight.flatten(1)
            return F.conv2d(self._inputs[convolution], weight, convolution.bias)
        if convolution.looks_around:
            self.put(convolution, x)
            x = self._seen(convolution)
        if self._columns.stop - self._columns.start > 1:
            return F.conv2d(x, self._weights[convolution], convolution.bias)
        # A product of matrices: for one pixel a convolution costs more to be called than to be computed.
        found = F.linear(x.flatten(1), self._matrices[convolution], convolution.bias)
        return found.view(*found.shape, 1, 1)

    def put(self, convolution: MaskedConvolution, x: Tensor) -> None:
        """Keep x at the present place as the input of a convolution."""
        assert self._row is not None
        first, last = self._columns.start + convolution.before, self._columns.stop + convolution.before
        self._inputs[convolution][:, :, self._row + convolution.above, first:last] = x[:, :, 0]

    def _seen(self, convolution: MaskedConvolution) -> Tensor:
        """What the kernel covers at the present place."""
        assert self._row is not None
        rows = slice(self._row, self._row + convolution.above + 1)
        columns = slice(self._columns.start, self._columns.stop + convolution.before + convolution.after)
        return self._inputs[convolution][:, :, rows, columns]
