"""An expert for the mazes of Gymnasium-Robotics: shortest ways from cell to cell, and a controller on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from genrl.envs import make_vec_env
from genrl.errors import InputError

from .noisy_policy import NoisyPolicy

__all__ = ["WaypointController", "maze_waypoints"]

Array = NDArray[Any]
WALL = 1
NOISE_LASTS = 10.0  # steps


class WaypointController:
    """Goes to the middle of the next cell on a shortest way to the goal, and in the goal's cell to the goal.

    It observes (x, y, velocity of x, velocity of y, goal x, goal y), and pushes along both axes as a
    proportional-derivative controller, as the one that recorded the mazes of D4RL (Fu et al. 2020) did.

    Args:
        maze_map: rows of cells, 1 for a wall.
        cell_size: in the units of the positions, which are 0 in the middle of the maze.
        gain: action for a unit of distance.
        damping: action against a unit of velocity.

    >>> controller = WaypointController([[1, 1, 1], [1, 0, 0], [1, 1, 0]])
    >>> controller.predict(np.array([0.0, 0, 0, 0, 1.0, -1.0]))[0]  # right, then down
    array([1., 0.], dtype=float32)
    """

    def __init__(
        self,
        maze_map: Sequence[Sequence[Any]],
        *,
        cell_size: float = 1.0,
        gain: float = 10.0,
        damping: float = 3.0,
    ) -> None:
        self.free = np.array([[cell != WALL for cell in row] for row in maze_map])
        self.cell_size = cell_size
        self.gain = gain
        self.damping = damping
        self._next: dict[tuple[int, int], Array] = {}

    def predict(
        self,
        observation: Array,
        state: tuple[Array, ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, tuple[Array, ...] | None]:
        """Actions for one observation, or a batch."""
        seen = np.atleast_2d(np.asarray(observation, dtype=np.float64))
        if seen.shape[1] != 6:
            raise InputError(f"a maze observes 6 numbers, position, velocity and goal, not {seen.shape[1]}")
        aims = np.stack([self.aim(row[:2], row[4:]) for row in seen])
        pushed = self.gain * (aims - seen[:, :2]) - self.damping * seen[:, 2:4]
        actions = np.clip(pushed, -1, 1).astype(np.float32)
        return (actions[0] if np.ndim(observation) == 1 else actions), None

    def aim(self, position: Array, goal: Array) -> Array:
        """Where to go next."""
        here, there = self.cell(position), self.cell(goal)
        if here == there:
            return goal
        if there not in self._next:
            self._next[there] = next_cells(self.free, there)
        row, column = self._next[there][here]
        # The goal's own cell is entered towards the goal.
        return goal if (row, column) == there else self.middle(row, column)

    def cell(self, position: Array) -> tuple[int, int]:
        """(row, column) at a position; the nearest if it is outside."""
        height, width = self.free.shape
        row = int(np.floor(height / 2 - position[1] / self.cell_size))
        column = int(np.floor(width / 2 + position[0] / self.cell_size))
        return min(max(row, 0), height - 1), min(max(column, 0), width - 1)

    def middle(self, row: int, column: int) -> Array:
        """The position in the middle of a cell."""
        height, width = self.free.shape
        return self.cell_size * np.array([column + 0.5 - width / 2, height / 2 - row - 0.5])


def next_cells(free: Array, goal: tuple[int, int]) -> Array:
    """(rows, columns, 2) the cell that follows each on a shortest way to the goal; itself where there is none.

    Args:
        free: (rows, columns) bool.
        goal: (row, column).

    >>> next_cells(np.array([[True, True], [False, True]]), (1, 1))[0, 0].tolist()
    [0, 1]
    """
    found = np.stack(np.meshgrid(*map(np.arange, free.shape), indexing="ij"), -1)
    reached, waiting = {goal}, deque([goal])
    while waiting:
        row, column = waiting.popleft()
        for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            cell = row + step[0], column + step[1]
            inside = 0 <= cell[0] < free.shape[0] and 0 <= cell[1] < free.shape[1]
            if inside and free[cell] and cell not in reached:
                found[cell] = row, column
                reached.add(cell)
                waiting.append(cell)
    return found


def maze_waypoints(env_id: str, *, noise: float = 0.5, seed: int = 0, **env_kwargs: Any) -> NoisyPolicy:
    """The controller of a task such as PointMaze_UMaze-v3, which strays from its way unless it acts deterministically.

    Recordings then show how one gets away from walls and back to the way, which the controller itself never has to.

    Args:
        env_id: of the task.
        noise: deviation of the noise on actions, of their half range; it lasts for about ten steps.
        seed: of the noise.
        env_kwargs: the task's constructor options.

    Raises:
        InputError: the task is no point maze.
    """
    make_vec_env(env_id, 1, **env_kwargs).close()  # makes the mazes known to Gymnasium, or says what is wrong
    env = gym.make(env_id, **env_kwargs)
    try:
        maze, space = getattr(env.unwrapped, "maze", None), env.action_space
        if maze is None or not isinstance(space, spaces.Box) or space.shape != (2,):
            raise InputError(f"{env_id} is no point maze: waypoints are for tasks such as PointMaze_UMaze-v3")
        controller = WaypointController(maze.maze_map, cell_size=maze.maze_size_scaling)
        return NoisyPolicy(controller, space, noise, lasting=NOISE_LASTS, seed=seed)
    finally:
        env.close()
