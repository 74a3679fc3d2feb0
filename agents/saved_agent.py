"""What every agent can do once it has a policy: predict, and be saved to and read from a folder without a pickle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from genrl.training.learner_state import LearnerState

__all__ = ["SavedAgent", "read_agent"]


class SavedAgent(ABC):
    """An agent that acts by one policy of stable-baselines3."""

    @property
    @abstractmethod
    def policy(self) -> BasePolicy:
        """The imitator."""

    @abstractmethod
    def state(self) -> LearnerState:
        """Everything that a checkpoint holds."""

    def predict(
        self,
        observation: NDArray[Any],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Actions for raw observations, one or a batch, as stable-baselines3's `predict`; without noise by default."""
        return self.policy.predict(observation, state, episode_start, deterministic)

    def save(self, path: Path | str) -> None:
        """Write a folder that `load` and `genrl.policies.load_policy` read; no pickle in it."""
        state = self.state()
        write_checkpoint(Path(path), tensors=state.tensors, documents=state.documents, arrays=state.arrays)


def read_agent(
    path: Path | str, kind: str, env: str | VecEnv | None
) -> tuple[Checkpoint, dict[str, Any], str | VecEnv]:
    """What a folder holds of an agent, its description, and the environment to make it on.

    Args:
        path: a folder that `SavedAgent.save` wrote, or a checkpoint of a run.
        kind: of agent, as its description names it.
        env: needed if the agent was made with a `VecEnv`.

    Raises:
        InputError: the folder holds no such agent, is damaged, or the environment is missing.
    """
    saved = read_checkpoint(Path(path))
    document = saved.documents.get("agent", {})
    if document.get("kind") != kind:
        raise InputError(f"{path} holds no agent of kind {kind}; genrl.policies.load_policy reads any policy")
    env = env or document["env_id"]
    if env is None:
        raise InputError("the agent was trained on an environment of your own: pass it as env=")
    return saved, document, env
