"""The simulator: Gymnasium's MuJoCo tasks, many at once, behind the `VecEnv` of stable-baselines3."""

from genrl.envs.make import FAST_TASKS, make_vec_env
from genrl.envs.replayed_vec_env import ReplayedVecEnv
from genrl.envs.vec_env import MujocoVecEnv

__all__ = ["FAST_TASKS", "MujocoVecEnv", "ReplayedVecEnv", "make_vec_env"]
