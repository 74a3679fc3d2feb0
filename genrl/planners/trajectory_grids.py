"""Demonstrations cut into grids (time x column): what trajectory samplers learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genrl.errors import InputError
from genrl.planners.given import Given
from genrl.transitions import Demonstrations, Trajectory

__all__ = ["Returns", "TrajectoryColumns", "cut_trajectories"]

Returns = Literal["to_go", "window"]


@dataclass(frozen=True, kw_only=True)
class TrajectoryColumns:
    """What the columns of a grid are: observations, then actions, then (if asked for) the return.

    >>> TrajectoryColumns(observations=4, actions=2, goal=(2, 3), returns="to_go").given
    Given(first=(0, 1, 6), throughout=(2, 3))
    """

    observations: int
    """How many columns an observation has."""
    actions: int
    """And an action; 0 leaves actions out of the grid, which are noise to a plan that is not followed by them."""
    goal: tuple[int, ...] = ()
    """Those of the observation that do not change in an episode."""
    returns: Returns | None = None
    """What the last column holds, if it is none of the others: "to_go" the sum of all rewards from each row to the end
    of the episode (Chen et al. 2021), "window" that of the grid's steps alone, the same in every row."""

    @property
    def count(self) -> int:
        """All of them."""
        return self.observations + self.actions + (self.returns is not None)

    @property
    def action_columns(self) -> slice:
        """Where the action is."""
        return slice(self.observations, self.observations + self.actions)

    @property
    def given(self) -> Given:
        """What is known when a plan is made: the observation, and the return that is wished for."""
        first = [column for column in range(self.observations) if column not in self.goal]
        throughout = list(self.goal)
        if self.returns is not None:
            (first if self.returns == "to_go" else throughout).append(self.count - 1)
        return Given(first=tuple(first), throughout=tuple(throughout))


def cut_trajectories(
    demonstrations: Demonstrations,
    columns: TrajectoryColumns,
    *,
    horizon: int,
    stride: int = 1,
    every: int = 1,
    at_end: Literal["drop", "hold"] = "drop",
) -> Tensor:
    """Grids from all over the episodes.

    A row's action is the mean of the actions until the next row.

    Args:
        demonstrations: with actions, if the grids are to have them.
        columns: of the grids.
        horizon: rows.
        stride: steps from row to row.
        every: steps from the start of a grid to that of the next.
        at_end: "drop" leaves out grids that reach beyond the end of the episode; "hold" goes on with its last
            observation and action, which is right where the episode ends at rest.

    Returns:
        (grids, horizon, columns) float32.

    Raises:
        InputError: no actions where the grids are to have them, other columns, numbers below 1, or no episode as long
            as a grid.
    """
    if min(horizon, stride, every) < 1:
        raise InputError(f"horizon, stride and every must be 1 or more, not {horizon}, {stride} and {every}")
    acted = demonstrations.require_actions("a plan with actions").shape[1:] if columns.actions else (0,)
    width = demonstrations.observations.shape[1], *acted
    if width != (columns.observations, columns.actions):
        raise InputError(f"the demonstrations have {width} columns of observations and actions, not those of {columns}")
    parts = [
        _cut(trajectory, columns, horizon, stride, every, hold=at_end == "hold")
        for trajectory in demonstrations.trajectories()
    ]
    found = np.concatenate(parts)
    if not len(found):
        longest = int(demonstrations.episode_lengths.max())
        raise InputError(f"no episode has the {horizon * stride} steps of a grid, the longest {longest}: less horizon")
    return torch.from_numpy(found)


def _cut(
    trajectory: Trajectory, columns: TrajectoryColumns, horizon: int, stride: int, every: int, *, hold: bool
) -> NDArray[np.float32]:
    """(grids, horizon, columns) of one episode."""
    length, steps = len(trajectory), horizon * stride
    starts = np.arange(0, length if hold else length - steps + 1, every)
    taken = starts[:, None] + np.arange(steps)  # (grids, steps)
    rows = [trajectory.observations[np.minimum(taken[:, ::stride], length)]]
    if columns.actions:
        assert trajectory.actions is not None
        acted = trajectory.actions[np.minimum(taken, length - 1)]
        rows.append(acted.reshape(len(starts), horizon, stride, columns.actions).mean(2))
    if columns.returns is not None:
        to_go = np.append(np.cumsum(trajectory.rewards[::-1], dtype=np.float64)[::-1], 0.0)  # (length + 1,)
        earned = to_go[np.minimum(taken[:, ::stride], length)]
        if columns.returns == "window":
            earned = np.repeat(earned[:, :1] - to_go[np.minimum(starts + steps, length), None], horizon, 1)
        rows.append(earned[..., None])
    return np.concatenate(rows, -1).astype(np.float32)
