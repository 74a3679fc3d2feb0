"""What is known of a trajectory before it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genrl.errors import InputError

__all__ = ["Conditions", "known_late"]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Cells of trajectories that hold exactly: the current observation, a goal, a desired return, a way point.

    Attributes:
        values: (trajectories or 1, time, columns); what stands in cells that are not known does not matter.
        known: the same shape, true where a cell is known.

    Raises:
        InputError: shapes that differ, or a known number that is not finite.
    """

    values: Tensor
    known: Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape != self.known.shape or self.known.dtype != torch.bool:
            raise InputError(
                "conditions need values (trajectories, time, columns) and truth values known of that shape, not "
                f"{tuple(self.values.shape)} and {self.known.dtype} of {tuple(self.known.shape)}"
            )
        if not torch.isfinite(self.values[self.known]).all():
            raise InputError("conditions hold NaN or infinity: a known cell must be a number")

    @classmethod
    def at(cls, time: int, columns: Sequence[int], values: Any, *, shape: tuple[int, int]) -> Conditions:
        """Some columns of one row.

        Args:
            time: of the row; from the end if negative.
            columns: of the grid.
            values: (columns,) for all trajectories, or (trajectories, columns).
            shape: (time, columns) of the grid.

        Raises:
            InputError: a place outside the grid, or other values than there are columns.

        >>> goal = Conditions.at(-1, [0, 1], [3.0, 4.0], shape=(5, 3))
        >>> goal.values[0, -1], int(goal.known.sum())
        (tensor([3., 4., 0.]), 2)
        """
        rows = torch.as_tensor(values, dtype=torch.float32)
        rows = rows[None] if rows.ndim == 1 else rows
        steps, width = shape
        if not -steps <= time < steps or any(not 0 <= column < width for column in columns):
            raise InputError(f"row {time}, columns {list(columns)} are not all in a grid of {steps} rows x {width}")
        if rows.ndim != 2 or rows.shape[1] != len(columns):
            raise InputError(f"values must be (trajectories, {len(columns)}), not {tuple(rows.shape)}")
        grid = rows.new_zeros(len(rows), steps, width)
        known = torch.zeros_like(grid, dtype=torch.bool)
        grid[:, time, list(columns)] = rows
        known[:, time, list(columns)] = True
        return cls(values=grid, known=known)

    def __and__(self, other: Conditions) -> Conditions:
        """Both; where both know a cell, the second is right."""
        values, theirs = torch.broadcast_tensors(self.values, other.values)
        mine, known = torch.broadcast_tensors(self.known, other.known)
        return Conditions(values=torch.where(known, theirs, values), known=mine | known)

    def filled(self, n: int, horizon: int) -> Conditions:
        """The conditions of n trajectories, of which nothing is known after the last row here.

        Raises:
            InputError: they are of more rows, or of another number of trajectories.
        """
        count, steps, width = self.values.shape
        if count not in (1, n):
            raise InputError(f"conditions are of {count} trajectories, but n is {n}: give one, or one for each")
        if steps > horizon:
            raise InputError(f"conditions are of {steps} rows, but trajectories have {horizon}")
        values = self.values.new_zeros(n, horizon, width)
        known = torch.zeros_like(values, dtype=torch.bool)
        values[:, :steps] = torch.where(self.known, self.values, 0.0)
        known[:, :steps] = self.known
        return Conditions(values=values, known=known)


def known_late(known: Tensor) -> bool:
    """Some cell is known after one that is not, so that what is drawn in order must be weighed by it.

    Args:
        known: (rows, ...), the cells of a row in the order in which they are drawn.
    """
    in_order = known.flatten(1)
    return bool((in_order[:, 1:] & ~in_order[:, :-1]).any())
