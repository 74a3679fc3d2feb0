"""Convolutional long short-term memory over images: row by row, and along the diagonals."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.autoregressive.masked_convolution import MaskedConvolution, groups

__all__ = ["DiagonalBiLSTM", "RowLSTM", "skewed", "unskewed"]


class RowLSTM(nn.Module):
    """A state for each pixel, from three states of the row above: it sees a triangle (van den Oord et al. 2016a, 3.1).

    Args:
        inputs: features that come in.
        width: features of a state.
        channels: of the image.
        pixels: the network's inputs of a pixel; none are needed here.
    """

    def __init__(self, inputs: int, width: int, channels: int, pixels: int) -> None:
        super().__init__()
        self.input_to_state = MaskedConvolution.horizontal(groups(inputs, channels), groups(width, channels, 4), 1, "B")
        self.state_to_state = nn.Conv1d(width, 4 * width, 3, padding=1, bias=False)

    def forward(self, x: Tensor, pixels: Tensor) -> Tensor:
        """(rows, inputs, height, width) to (rows, features of a state, height, width); `pixels` is not looked at."""
        state = cell = x.new_zeros(len(x), self.state_to_state.in_channels, x.shape[3])
        found = []
        for gates in self.input_to_state(x).unbind(2):
            state, cell = lstm_step(gates + self.state_to_state(state), cell)
            found.append(state)
        return torch.stack(found, 2)


class DiagonalBiLSTM(nn.Module):
    """States from the left and above, and from the right and above: together all that was read (section 3.2).

    The maps are skewed, so that a column of them is a diagonal of the image and is computed at once (figure 3).
    Departures from the paper: the direction from the right is kept from what is to come by moving its inputs down by a
    row, not its outputs; and it is shown the pixels, without which it would never see the last of the row above.

    Args:
        inputs: features that come in.
        width: features of a state.
        channels: of the image.
        pixels: the network's inputs of a pixel.
    """

    def __init__(self, inputs: int, width: int, channels: int, pixels: int) -> None:
        super().__init__()
        gates = groups(width, channels, 4)
        self.from_left = _Diagonal(MaskedConvolution.raster(groups(inputs, channels), gates, 1, "B"), width)
        self.from_right = _Diagonal(nn.Conv2d(inputs + pixels, 4 * width, 1), width)

    def forward(self, x: Tensor, pixels: Tensor) -> Tensor:
        """(rows, inputs, height, width) to (rows, features of a state, height, width)."""
        above = F.pad(torch.cat((x, pixels), 1), (0, 0, 1, 0))[:, :, :-1]
        found: Tensor = self.from_left(x) + self.from_right(above.flip(3)).flip(3)
        return found


class _Diagonal(nn.Module):
    """One direction: each state from the one to its left and the one above it."""

    def __init__(self, input_to_state: nn.Module, width: int) -> None:
        super().__init__()
        self.input_to_state = input_to_state
        self.state_to_state = nn.Conv1d(width, 4 * width, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        gates = skewed(self.input_to_state(x))
        inside = skewed(x.new_ones(1, 1, height, width))  # states before a row begins are 0
        state = cell = x.new_zeros(len(x), self.state_to_state.in_channels, height)
        found = []
        for gate, here in zip(gates.unbind(3), inside.unbind(3), strict=True):
            state, cell = lstm_step(gate + self.state_to_state(F.pad(state, (1, 0))), cell)
            state, cell = state * here, cell * here
            found.append(state)
        return unskewed(torch.stack(found, 3), width)


def lstm_step(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """The next state and cell, (rows, width, ...) each, from (rows, 4 width, ...): equation 3 of the paper."""
    out, forget, write, new = gates.chunk(4, 1)
    cell = forget.sigmoid() * cell + write.sigmoid() * new.tanh()
    return out.sigmoid() * cell.tanh(), cell


def skewed(x: Tensor) -> Tensor:
    """(rows, channels, height, width) to (..., height, width + height - 1), each row moved by one more than the last.

    >>> skewed(torch.tensor([[1, 2], [3, 4]])[None, None])[0, 0]
    tensor([[1, 2, 0],
            [0, 3, 4]])
    """
    height, width = x.shape[2:]
    return F.pad(x, (0, height)).flatten(2)[..., :-height].unflatten(2, (height, width + height - 1))


def unskewed(x: Tensor, width: int) -> Tensor:
    """What `skewed` was given.

    >>> unskewed(skewed(torch.arange(6).reshape(1, 1, 2, 3)), 3)[0, 0]
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    height = x.shape[2]
    return F.pad(x.flatten(2), (0, height)).unflatten(2, (height, -1))[..., :width]
