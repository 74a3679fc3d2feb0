"""Integers as data: whether they are, how many levels they have, and how a network is told one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.errors import InputError

__all__ = ["LevelInputs", "check_integers", "count_levels"]


def check_integers(x: Tensor, levels: int, advice: str = "", name: str = "X") -> None:
    """Refuse numbers other than the integers 0 .. levels - 1; the advice ends the message.

    Raises:
        InputError: there are some.
    """
    if not ((x >= 0) & (x < levels) & (x == x.round())).all():
        raise InputError(f"{name} must hold the integers 0 .. {levels - 1}: round it, or give other levels={advice}")


def count_levels(x: Tensor, advice: str = "") -> int:
    """One more than the greatest integer, at least 2.

    Raises:
        InputError: these are no integers from 0 upwards.
    """
    if not ((x >= 0) & (x == x.round())).all():
        raise InputError(f"X must hold integers from 0 upwards: this model is one of levels{advice}")
    return max(2, int(x.max()) + 1)


class LevelInputs(nn.Module):
    """Levels as a network sees them: a grey value between -1 and 1, or learned numbers that know no order.

    Args:
        channels: of the image; 1 of a sequence.
        levels: K.
        embedding: learned numbers for each level of each channel; None shows the grey value.
    """

    def __init__(self, channels: int, levels: int, embedding: int | None) -> None:
        super().__init__()
        self.levels = levels
        self.outputs = channels * (embedding or 1)
        self.table = None if embedding is None else nn.Embedding(channels * levels, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, channels, ...) to (rows, channels * numbers, ...), those of a channel side by side."""
        if self.table is None:
            return x * (2 / (self.levels - 1)) - 1
        channels, *places = x.shape[1:]
        first = self.levels * torch.arange(channels, device=x.device).reshape(-1, *(1 for _ in places))
        return self.table(x.long() + first).movedim(-1, 2).flatten(1, 2)
