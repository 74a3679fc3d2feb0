"""Reads transitions back out of a rollout buffer, with the true successor of each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer

from genrl.transitions import Transitions, encode_actions

__all__ = ["EpisodeEnds", "rollout_transitions"]


@dataclass
class EpisodeEnds:
    """Ends of episodes in one rollout, which the buffer does not keep: it holds the next episode's first
    observation where the last one of this episode is needed.
    """

    rows: list[tuple[int, int]] = field(default_factory=list)
    observations: list[NDArray[Any]] = field(default_factory=list)
    terminated: list[bool] = field(default_factory=list)

    def note(self, step: int, dones: NDArray[np.bool_], infos: list[dict[str, Any]]) -> None:
        """Take down what ended at `step` of the rollout, from what `VecEnv.step` returned."""
        for env in np.flatnonzero(dones).tolist():
            self.rows.append((step, env))
            self.observations.append(infos[env]["terminal_observation"])
            self.terminated.append(not infos[env].get("TimeLimit.truncated", False))


def rollout_transitions(
    buffer: RolloutBuffer, ends: EpisodeEnds, last_observations: NDArray[Any], action_space: spaces.Space[Any]
) -> Transitions:
    """All steps of a full rollout, in the buffer's order (step by step, environments within a step).

    Args:
        buffer: full, and not yet flattened by `get`: observations (n_steps, n_envs, observation_dim).
        ends: the ends of episodes in it.
        last_observations: (n_envs, observation_dim), what followed the last step.
        action_space: the buffer holds actions as sampled; they are clipped to this space's bounds.
    """
    successors = np.concatenate([buffer.observations[1:], last_observations[None]]).astype(np.float32, copy=False)
    terminations = np.zeros(successors.shape[:2], dtype=bool)
    if ends.rows:
        steps, envs = np.array(ends.rows).T
        successors[steps, envs] = np.stack(ends.observations)
        terminations[steps, envs] = ends.terminated
    count = buffer.buffer_size * buffer.n_envs
    actions = buffer.actions.reshape(count, -1)
    return Transitions(
        observations=torch.as_tensor(buffer.observations.reshape(count, -1), dtype=torch.float32),
        actions=torch.from_numpy(encode_actions(action_space, actions)),
        next_observations=torch.from_numpy(successors.reshape(count, -1)),
        terminations=torch.from_numpy(terminations.reshape(count)),
    )
