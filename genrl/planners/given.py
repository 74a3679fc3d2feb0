"""What a model of trajectories is told: cells that are known of every plan, and are its context."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.planners.conditions import Conditions

__all__ = ["Given"]


@dataclass(frozen=True, kw_only=True)
class Given:
    """Columns whose number in the first row is known whenever a trajectory is drawn.

    A model that is told them in training needs no search for trajectories that agree with them. The other cells that a
    condition may name are seen to when a trajectory is drawn.

    >>> told = Given(first=(0,), throughout=(2,))
    >>> told.modelled(3)
    [0, 1]
    """

    first: tuple[int, ...] = ()
    """Columns that change along a trajectory, such as those of the state."""
    throughout: tuple[int, ...] = ()
    """Columns that do not, such as a goal: they are told only, and no model of them is needed."""

    def __post_init__(self) -> None:
        columns = (*self.first, *self.throughout)
        if len(set(columns)) < len(columns) or min(columns, default=0) < 0:
            raise InputError(f"first and throughout must name different columns from 0, not {columns}")

    def modelled(self, columns: int) -> list[int]:
        """The columns that do change.

        Raises:
            InputError: there is none, or one of the given ones does not exist.
        """
        if max((*self.first, *self.throughout), default=0) >= columns:
            raise InputError(f"given names columns {(*self.first, *self.throughout)}, trajectories have {columns}")
        kept = [column for column in range(columns) if column not in self.throughout]
        if not kept:
            raise InputError("given.throughout names every column: nothing is left to model")
        return kept

    def told(self, grids: Tensor) -> Tensor | None:
        """(rows, given columns) of (rows, time, columns); None if none are given."""
        columns = [*self.first, *self.throughout]
        return grids[:, 0, columns] if columns else None

    def check(self, conditions: Conditions) -> None:
        """Refuse conditions that leave out what the model must be told.

        Raises:
            InputError: they do.
        """
        missing = [c for c in (*self.first, *self.throughout) if not bool(conditions.known[:, 0, c].all())]
        if missing:
            raise InputError(
                f"conditions must hold the first row's columns {missing}: the sampler was fitted with them"
            )

    def whole(self, modelled: Tensor, grids: Tensor) -> Tensor:
        """(rows, time, columns) from the columns that change, and grids whose first row holds the others."""
        kept = self.modelled(grids.shape[2])
        parts = [
            modelled[..., kept.index(column)]
            if column in kept
            else grids[:, :1, column].expand(-1, modelled.shape[1]).to(modelled)
            for column in range(grids.shape[2])
        ]
        return torch.stack(parts, -1)
