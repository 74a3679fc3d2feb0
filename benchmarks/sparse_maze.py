"""A maze of one winding corridor that pays at its end and nowhere else."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

__all__ = ["SparseMaze"]

FREE, WALL, AGENT = 0, 1, 2
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))


class SparseMaze(gym.Env[NDArray[np.uint8], int]):
    """Image (rows, size) of 0 free, 1 wall, 2 the agent; actions go up, down, left, right; walls stop it.

    Corridors of `size` cells lie below one another, joined at the right, then at the left, and so on. The first cell is
    the start, the end of the last corridor the goal, which pays and ends the episode; every other step pays 0.

    Args:
        corridors: how many.
        size: cells of each.
        horizon: steps of an episode, at most.
        reward: what the goal pays.

    >>> maze = SparseMaze(corridors=2, size=3)
    >>> maze.reset(seed=0)[0]
    array([[2, 0, 0],
           [1, 1, 0],
           [0, 0, 0]], dtype=uint8)
    >>> rewards = [maze.step(action)[1] for action in (3, 3, 1, 1, 2, 2)]
    >>> rewards
    [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    """

    def __init__(self, *, corridors: int = 4, size: int = 7, horizon: int = 100, reward: float = 1.0) -> None:
        self.walls = np.zeros((2 * corridors - 1, size), bool)
        for below in range(corridors - 1):
            self.walls[2 * below + 1] = True
            self.walls[2 * below + 1, -1 if below % 2 == 0 else 0] = False
        self.goal = (2 * corridors - 2, size - 1 if corridors % 2 else 0)
        self.horizon = horizon
        self.reward = reward
        self.observation_space = spaces.Box(0, 2, self.walls.shape, np.uint8)
        self.action_space = spaces.Discrete(4)

    @property
    def free_cells(self) -> int:
        """How many the agent can stand on."""
        return int((~self.walls).sum())

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """At the start of the first corridor."""
        super().reset(seed=seed)
        self.place, self.taken = (0, 0), 0
        return self._image(), {"place": self.place}

    def step(self, action: int) -> Any:
        """One cell, unless there is a wall."""
        down, right = MOVES[int(action)]
        row, column = self.place[0] + down, self.place[1] + right
        inside = 0 <= row < self.walls.shape[0] and 0 <= column < self.walls.shape[1]
        if inside and not self.walls[row, column]:
            self.place = (row, column)
        self.taken += 1
        found = self.place == self.goal
        return (
            self._image(),
            self.reward * found,
            found,
            self.taken == self.horizon and not found,
            {"place": self.place},
        )

    def _image(self) -> NDArray[np.uint8]:
        image = np.where(self.walls, WALL, FREE).astype(np.uint8)
        image[self.place] = AGENT
        return image
