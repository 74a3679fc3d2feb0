"""Tasks with a goal in their observation: a dict, made a vector by one rule."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

__all__ = ["FlatGoal", "has_goal"]


def has_goal(space: spaces.Space[Any]) -> bool:
    """Whether these observations are of a goal-conditioned task, as Gymnasium-Robotics has them."""
    return isinstance(space, spaces.Dict) and set(space.spaces) == {"observation", "achieved_goal", "desired_goal"}


class FlatGoal(gym.ObservationWrapper[NDArray[Any], Any, Any]):
    """Observes (observation, desired goal) side by side; the achieved goal is a part of the observation already.

    Args:
        env: a goal-conditioned task.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        assert isinstance(env.observation_space, spaces.Dict)
        parts = [env.observation_space[name] for name in ("observation", "desired_goal")]
        assert all(isinstance(part, spaces.Box) and len(part.shape) == 1 for part in parts)
        low, high = (np.concatenate([getattr(part, bound) for part in parts]) for bound in ("low", "high"))
        self.observation_space = spaces.Box(low, high, dtype=np.float64)

    def observation(self, observation: Any) -> NDArray[Any]:
        """The vector."""
        return np.concatenate([observation["observation"], observation["desired_goal"]])
