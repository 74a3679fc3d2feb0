"""Which columns of an observation are positions and velocities, and an environment that shows only some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from genrl.errors import InputError

__all__ = ["ObservationColumns", "position_velocity_columns"]

# Of these tasks' observations the first columns are joint positions and velocities; inertias, actuator and contact
# forces follow, which a strong expert visits in a range that an imitator never reaches.
POSITIONS_AND_VELOCITIES = {("Humanoid", 376): 45, ("Humanoid", 348): 45, ("Ant", 105): 27, ("Ant", 111): 27}


def position_velocity_columns(env_id: str | None, observation_columns: int) -> torch.Tensor | None:
    """The columns that are positions and velocities where a task has more; None for all.

    >>> position_velocity_columns("Humanoid-v4", 376).shape
    torch.Size([45])
    """
    family = (env_id or "").split("/")[-1].rsplit("-v", 1)[0]
    count = POSITIONS_AND_VELOCITIES.get((family, observation_columns))
    return None if count is None else torch.arange(count)


class ObservationColumns(VecEnvWrapper):
    """Shows some columns of the observation, in float32; stable-baselines3's replay buffers would keep float64.

    Args:
        venv: with a Box observation space of one dimension.
        columns: those to show; None for all.

    Raises:
        InputError: the observations are no vectors.
    """

    def __init__(self, venv: VecEnv, columns: Sequence[int] | None = None) -> None:
        space = venv.observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise InputError(f"the observation space must be a Box of one dimension, not {space}")
        self.columns = None if columns is None else tuple(int(column) for column in columns)
        self._picked: Any = slice(None) if self.columns is None else list(self.columns)
        low, high = (bound[self._picked].astype(np.float32) for bound in (space.low, space.high))
        super().__init__(venv, observation_space=spaces.Box(low, high, dtype=np.float32))

    def reset(self) -> NDArray[np.float32]:
        """(num_envs, columns) float32."""
        return self._show(self.venv.reset())

    def step_wait(self) -> VecEnvStepReturn:
        """As usual; terminal observations are cut likewise."""
        observations, rewards, dones, infos = self.venv.step_wait()
        for env in np.flatnonzero(dones).tolist():
            infos[env]["terminal_observation"] = self._show(infos[env]["terminal_observation"])
        return self._show(observations), rewards, dones, infos

    def _show(self, observations: Any) -> NDArray[np.float32]:
        return np.asarray(observations)[..., self._picked].astype(np.float32)
