"""Masked convolutions evaluated at one place, from what they were given at the places before.

A network is written once, for a `View`: it hands each convolution and its input to the view, and takes each map that
lies beside it from the view. `EVERYWHERE` computes whole maps; a `Cache` does so once, keeps the inputs, and then
computes all maps at single pixels, or in single rows.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class _Kept:
    """A convolution and what it has been given, in plain attributes: those of modules cost more than one pixel's sums.

    Attributes:
        inputs: padded maps.
        weight: masked.
        matrix: the same, flat.
        bias: of the convolution.
        looks_around, above, before, after: likewise.
    """

    inputs: Tensor
    weight: Tensor
    matrix: Tensor
    bias: Tensor | None
    looks_around: bool
    above: int
    before: int
    after: int

    def of_one_pixel(self, seen: Tensor) -> Tensor:
        """(rows, outputs) from what the kernel covers, (rows, inputs), by a product of matrices.

        For one pixel a convolution costs more to be called than to be computed.
        """
        return F.linear(seen, self.matrix, self.bias)


class Cache:
    """What every convolution has been given so far: whole maps at first, then single places as they become known.

    A masked convolution never looks at a place that is still to come, so that what the maps hold there is no matter.
    Weights are taken as they are now.
    """

    def __init__(self) -> None:
        self._kept: dict[MaskedConvolution, _Kept] = {}
        self._row = 0
        self._columns: slice | int | None = None  # None: everywhere

    def at(self, row: int, column: int) -> Cache:
        """From now on features (rows, channels) of one pixel."""
        self._row, self._columns = row, column
        return self

    def at_row(self, row: int, width: int) -> Cache:
        """From now on maps (rows, channels, 1, width) of one row of pixels."""
        self._row, self._columns = row, slice(0, width)
        return self

    def crop(self, x: Tensor) -> Tensor:
        """The place of a whole map; of one with one row, or one column, that one."""
        row, columns = self._row if x.shape[2] > 1 else 0, self._columns
        if columns is None:
            return x
        if isinstance(columns, int):
            return x[:, :, row, columns if x.shape[3] > 1 else 0]
        return x[:, :, row : row + 1, columns if x.shape[3] > 1 else slice(None)]

    def __call__(self, convolution: MaskedConvolution, x: Tensor) -> Tensor:
        """Keep x at the present place, and give what the convolution makes of it and of what it was given before."""
        if self._columns is None:
            return self._begin(convolution, x)
        kept = self._kept[convolution]
        if kept.looks_around:
            self.put(convolution, x)
            return self.again(convolution)
        if isinstance(self._columns, int):
            return kept.of_one_pixel(x)
        return F.conv2d(x, kept.weight, kept.bias)

    def put(self, convolution: MaskedConvolution, x: Tensor) -> None:
        """Keep x at the present place as the input of a convolution."""
        kept, columns = self._kept[convolution], self._columns
        if isinstance(columns, int):
            kept.inputs[:, :, self._row + kept.above, columns + kept.before] = x
        elif columns is not None:
            first, last = columns.start + kept.before, columns.stop + kept.before
            kept.inputs[:, :, self._row + kept.above, first:last] = x[:, :, 0]

    def again(self, convolution: MaskedConvolution) -> Tensor:
        """What a convolution makes, at the present place, of what it has been given there and before."""
        kept, row, columns = self._kept[convolution], self._row, self._columns
        if isinstance(columns, int):
            last = columns + kept.before + kept.after + 1
            seen = kept.inputs[:, :, row : row + kept.above + 1, columns:last]
            return kept.of_one_pixel(seen.flatten(1))
        assert columns is not None
        last = columns.stop + kept.before + kept.after
        seen = kept.inputs[:, :, row : row + kept.above + 1, columns.start : last]
        return F.conv2d(seen, kept.weight, kept.bias)

    def _begin(self, convolution: MaskedConvolution, x: Tensor) -> Tensor:
        weight = convolution.masked_weight()
        kept = _Kept(
            inputs=convolution.padded(x),
            weight=weight,
            matrix=weight.flatten(1),
            bias=convolution.bias,
            looks_around=convolution.looks_around,
            above=convolution.above,
            before=convolution.before,
            after=convolution.after,
        )
        self._kept[convolution] = kept
        return F.conv2d(kept.inputs, weight, kept.bias)
