"""The learner that becomes an expert: an algorithm of stable-baselines3 on the fast simulator, with the true reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_contrib import TQC, TRPO
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize

from genrl.envs import make_vec_env
from genrl.envs.finite_env import FiniteEnv
from genrl.envs.observation_columns import ObservationColumns, position_velocity_columns
from genrl.errors import InputError
from genrl.nn import ACTIVATIONS
from genrl.training.devices import available_device

from .hyperparameters import Algorithm, ExpertSettings

__all__ = ["ALGORITHMS", "build_learner"]

ALGORITHMS: dict[Algorithm, type[BaseAlgorithm]] = {"ppo": PPO, "trpo": TRPO, "sac": SAC, "td3": TD3, "tqc": TQC}


def build_learner(
    algorithm: Algorithm,
    env_id: str,
    settings: ExpertSettings,
    *,
    seed: int,
    device: str = "cpu",
    env_kwargs: Mapping[str, Any] | None = None,
) -> BaseAlgorithm:
    """A learner that has not learned yet, on environments that pay the task's own reward.

    Where a task observes more than positions and velocities (Humanoid), the learner sees those alone.

    Args:
        algorithm: which.
        env_id: a Gymnasium id.
        settings: everything else.
        seed: of networks, exploration and environments.
        device: "cpu", "cuda" or "auto".
        env_kwargs: the environment's constructor keywords.

    Raises:
        InputError: the task or the device is unknown, or its observations or actions are no vectors.
    """
    venv: VecEnv = FiniteEnv(
        VecMonitor(make_vec_env(env_id, settings.num_envs, seed=seed, **(env_kwargs or {}))), env_id
    )
    if not isinstance(venv.action_space, spaces.Box) or len(venv.action_space.shape) != 1:
        raise InputError(f"{env_id} takes actions from {venv.action_space}; experts act by vectors within bounds (Box)")
    columns = position_velocity_columns(env_id, (venv.observation_space.shape or (0,))[0])
    venv = ObservationColumns(venv, None if columns is None else columns.tolist())
    if settings.normalise:
        venv = VecNormalize(venv, gamma=settings.arguments["gamma"])
    start, end = settings.learning_rate, settings.final_learning_rate
    arguments = dict(settings.arguments)
    if "n_steps" in arguments:
        arguments["batch_size"] = min(arguments["batch_size"], arguments["n_steps"] * settings.num_envs)
    if settings.action_noise is not None:
        size = venv.action_space.shape[0]  # type: ignore[index]
        arguments["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, settings.action_noise))
    return ALGORITHMS[algorithm](
        "MlpPolicy",
        venv,
        learning_rate=start if end is None else LinearSchedule(start, end, 1.0),
        policy_kwargs={
            "net_arch": list(settings.hidden),
            "activation_fn": ACTIVATIONS[settings.activation],
            **settings.policy,
        },
        seed=seed,
        device=available_device(device),
        **arguments,
    )
