"""The floor of every table: what uniformly random actions earn, measured on the spot."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from genrl.envs import make_vec_env
from genrl.evaluation.rollouts import evaluate_on_vec_env

__all__ = ["RandomPolicy", "random_return"]


class RandomPolicy:
    """Draws each action uniformly from the action space, whatever it observes."""

    def __init__(self, action_space: spaces.Space[Any], seed: int = 0) -> None:
        self.action_space = copy.deepcopy(action_space)  # its generator must not be that of the env's space
        self.action_space.seed(seed)

    def predict(
        self,
        observation: NDArray[Any],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """One action for each row of a batch of observations."""
        return np.stack([self.action_space.sample() for _ in range(len(observation))]), state


def random_return(
    env_id: str, *, episodes: int = 20, seed: int = 0, env_kwargs: Mapping[str, Any] | None = None
) -> float:
    """Mean return of uniformly random actions over `episodes` episodes from seeds `seed`, `seed + 1`, ..."""
    venv = make_vec_env(env_id, episodes, seed=seed, **(env_kwargs or {}))
    try:
        policy = RandomPolicy(venv.action_space, seed)
        return float(evaluate_on_vec_env(policy, venv, episodes, env_id=env_id, seed=seed).returns.mean())
    finally:
        venv.close()
