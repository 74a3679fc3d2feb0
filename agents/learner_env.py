"""The environment as the learner sees it: raw float32 observations, and a reward of nothing."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor, is_vecenv_wrapped
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from genrl.envs.finite_env import FiniteEnv
from genrl.errors import InputError

__all__ = ["LearnerEnv"]


class LearnerEnv(VecEnvWrapper):
    """Hides the task's reward, after a monitor below has noted it for the log as `rollout/ep_rew_mean`.

    NaN or infinity that the environment gives raises a `NotFiniteError` (see `FiniteEnv`).

    Args:
        venv: with a Box observation space of one dimension; wrapped in a monitor unless it has one.

    Raises:
        InputError: it has another observation space.
    """

    def __init__(self, venv: VecEnv) -> None:
        space = venv.observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise InputError(f"the observation space must be a Box of one dimension, not {space}: wrap the environment")
        monitored = is_vecenv_wrapped(venv, VecMonitor) or venv.env_is_wrapped(Monitor)[0]
        venv = venv if monitored else VecMonitor(venv)
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        super().__init__(FiniteEnv(venv), observation_space=spaces.Box(low, high, dtype=np.float32))

    def reset(self) -> VecEnvObs:
        """(num_envs, observation_dim) float32."""
        observations = self.venv.reset()
        assert isinstance(observations, np.ndarray)
        return observations.astype(np.float32)

    def step_wait(self) -> VecEnvStepReturn:
        """As usual, with rewards of 0 in an array of its own: the learner adds to it in place."""
        observations, _, dones, infos = self.venv.step_wait()
        assert isinstance(observations, np.ndarray)
        return observations.astype(np.float32), np.zeros(self.num_envs, dtype=np.float32), dones, infos
