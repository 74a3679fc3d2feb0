"""Networks between rows and grids of vectors, each of which is to become a code."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from genrl.autoencoders.networks import beside
from genrl.nn import Activation, fractionally_strided, halved, mlp, strided

__all__ = ["GridDecoder", "GridEncoder", "grid_of"]

Shape = tuple[int, ...]
COLUMNS_A_POSITION = 4


def grid_of(event_shape: Shape, hidden: tuple[int, ...], positions: int | None = None) -> Shape:
    """The shape of the grid of a row: (height, width) of an image after its strides, (positions,) of other rows.

    Of these, None takes one position for four columns: with too many, hardly any two rows share their codes, and no
    prior can be learned.

    >>> grid_of((1, 8, 8), (32, 64)), grid_of((17,), (32, 64)), grid_of((17,), (32, 64), 2)
    ((2, 2), (5,), (2,))
    """
    if len(event_shape) != 3:
        return (-(-prod(event_shape) // COLUMNS_A_POSITION) if positions is None else positions,)
    _, height, width = event_shape
    return halved((height, width), len(hidden))[-1]


class GridEncoder(nn.Module):
    """(rows, *event_shape) to (rows, *grid, width).

    Images pass convolutions of stride 2 and one of stride 1, other rows linear layers.

    Args:
        event_shape: of a row.
        context_features: of the context, which stands beside a row, or beside every pixel; 0 without.
        grid: as `grid_of` tells.
        width: numbers at each position.
        hidden: widths between, on images channels.
        activation: after each of them.
    """

    def __init__(
        self,
        event_shape: Shape,
        context_features: int,
        grid: Shape,
        width: int,
        hidden: tuple[int, ...],
        activation: Activation,
    ) -> None:
        super().__init__()
        self.is_image = len(event_shape) == 3
        self.shape = (*grid, width)
        if self.is_image:
            widths = [event_shape[0] + context_features, *hidden]
            last = nn.Conv2d(widths[-1], width, 3, padding=1)
            self.layers: nn.Module = nn.Sequential(strided(widths, activation=activation), last)
        else:
            inputs = prod(event_shape) + context_features
            self.layers = mlp([inputs, *hidden, prod(self.shape)], activation=activation)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, *grid, width)."""
        if self.is_image:
            return self.layers(beside(x, context)).movedim(1, -1)
        found: Tensor = self.layers(beside(x.flatten(1), context))
        return found.reshape(len(x), *self.shape)


class GridDecoder(nn.Module):
    """(rows, *grid, width) to (rows, *event_shape): the mirror image of a `GridEncoder`.

    Args:
        grid: as `grid_of` tells.
        width: numbers at each position.
        event_shape: of a row.
        context_features: of the context, which stands beside every position; 0 without.
        hidden: widths of the encoder, met here from the last to the first.
        activation: between the layers.
    """

    def __init__(
        self,
        grid: Shape,
        width: int,
        event_shape: Shape,
        context_features: int,
        hidden: tuple[int, ...],
        activation: Activation,
    ) -> None:
        super().__init__()
        self.shape = event_shape
        self.is_image = len(event_shape) == 3
        if self.is_image:
            channels, *size = event_shape
            widths = [*reversed(hidden), channels]
            self.layers: nn.Module = nn.Sequential(
                nn.Conv2d(width + context_features, widths[0], 3, padding=1),
                fractionally_strided(widths, halved((size[0], size[1]), len(hidden))[::-1], activation=activation),
            )
        else:
            inputs = prod(grid) * width + context_features
            self.layers = mlp([inputs, *reversed(hidden), prod(event_shape)], activation=activation)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, *event_shape)."""
        seen = z.movedim(-1, 1) if self.is_image else z.flatten(1)
        found: Tensor = self.layers(beside(seen, context))
        return found.reshape(len(z), *self.shape)
