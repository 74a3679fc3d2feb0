"""Everything an on-policy learner and its environment carry from one rollout to the next, and back again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor
from torch import Tensor

from genrl.protocols import ResumableEnv
from genrl.training.optimizer_state import flatten_optimizer, unflatten_optimizer

__all__ = ["LearnerState", "learner_state", "restore_learner"]


@dataclass(frozen=True, kw_only=True)
class LearnerState:
    """Parts of a checkpoint (see `genrl.training.checkpoint`)."""

    tensors: dict[str, dict[str, Tensor]]
    documents: dict[str, Any]
    arrays: dict[str, dict[str, NDArray[Any]]]


def learner_state(learner: OnPolicyAlgorithm) -> LearnerState:
    """The state between two rollouts: policy, optimiser, counters, environments, last observations."""
    optimizer_tensors, optimizer_document = flatten_optimizer(learner.policy.optimizer.state_dict())
    documents = {
        "policy_optimizer": optimizer_document,
        "progress": {
            "num_timesteps": learner.num_timesteps,
            "n_updates": learner._n_updates,
            "recent_episodes": [
                {"r": float(episode["r"]), "l": int(episode["l"])} for episode in learner.ep_info_buffer or ()
            ],
        },
    }
    arrays: dict[str, dict[str, NDArray[Any]]] = {}
    assert learner.env is not None
    simulator = _layer(learner.env, ResumableEnv)
    if simulator is not None and learner._last_obs is not None:
        monitor = _layer(learner.env, VecMonitor)
        assert monitor is not None
        assert isinstance(learner._last_obs, np.ndarray)
        arrays["simulator"] = simulator.simulator_state()
        arrays["episodes"] = {
            "last_observations": learner._last_obs,
            "last_episode_starts": np.asarray(learner._last_episode_starts),
            "returns": monitor.episode_returns,
            "lengths": monitor.episode_lengths,
        }
    return LearnerState(
        tensors={"policy": learner.policy.state_dict(), "policy_optimizer": optimizer_tensors},
        documents=documents,
        arrays=arrays,
    )


def restore_learner(learner: OnPolicyAlgorithm, state: LearnerState) -> None:
    """Put back what `learner_state` gave. Environments that cannot be restored start new episodes instead."""
    learner.policy.load_state_dict(state.tensors["policy"])
    learner.policy.optimizer.load_state_dict(
        unflatten_optimizer(state.tensors["policy_optimizer"], state.documents["policy_optimizer"])
    )
    progress = state.documents["progress"]
    learner.num_timesteps = progress["num_timesteps"]
    learner._n_updates = progress["n_updates"]
    learner.ep_info_buffer = deque(progress["recent_episodes"], maxlen=learner._stats_window_size)
    learner.ep_success_buffer = deque(maxlen=learner._stats_window_size)
    assert learner.env is not None
    simulator = _layer(learner.env, ResumableEnv)
    if simulator is None or "simulator" not in state.arrays:
        return
    simulator.restore_simulator_state(state.arrays["simulator"])
    episodes = state.arrays["episodes"]
    learner._last_obs = episodes["last_observations"]
    learner._last_episode_starts = episodes["last_episode_starts"]
    monitor = _layer(learner.env, VecMonitor)
    assert monitor is not None
    monitor.episode_returns = episodes["returns"]
    monitor.episode_lengths = episodes["lengths"]


def _layer(env: VecEnv, kind: Any) -> Any:
    """The outermost layer of a wrapped environment that is a `kind`, or None."""
    while not isinstance(env, kind):
        if not isinstance(env, VecEnvWrapper):
            return None
        env = env.venv
    return env
