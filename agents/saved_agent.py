"""What every agent can do once it has a policy: predict, and be saved to and read from a folder without a pickle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from genrl.training.learner_state import LearnerState
from genrl.training.reading import validate
from genrl.training.saved_task import check_saved_task
from genrl.transitions import Demonstrations

__all__ = ["SavedAgent", "bytes_of", "read_agent", "read_config"]

Config = TypeVar("Config")

FIELDS: dict[str, Any] = {
    "env_id": str | None,
    "env_kwargs": dict[str, Any],
    "num_envs": Annotated[int, Field(ge=1, le=16_384)],  # each is a simulation with memory of its own
    "seed": Annotated[int, Field(ge=0, lt=2**32)],
    "rounds_done": Annotated[int, Field(ge=0, le=10**9)],
    "start": Literal["clone", "noise"] | None,
    "config": dict[str, Any],
}
"""What agents say of themselves in `agent.json`, and of which type it is."""
REQUIRED = ("env_id", "env_kwargs", "seed", "config")


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
    path: Path | str, kind: str, env: str | VecEnv | None, *, trust: bool = False
) -> tuple[Checkpoint, dict[str, Any], str | VecEnv]:
    """What a folder holds of an agent, its description, and the environment to make it on.

    Args:
        path: a folder that `SavedAgent.save` wrote, or a checkpoint of a run.
        kind: of agent, as its description names it.
        env: needed if the agent was made with a `VecEnv`.
        trust: make the environment that the file names although that imports a module or reads a file.

    Raises:
        InputError: the folder holds no such agent, is damaged, or the environment is missing or needs `trust`.
    """
    saved = read_checkpoint(Path(path))
    document, source = saved.documents.get("agent"), Path(path) / "agent.json"
    if not isinstance(document, dict) or document.get("kind") != kind:
        raise InputError(f"{path} holds no agent of kind {kind}; genrl.policies.load_policy reads any policy")
    for name, field in FIELDS.items():
        if name in document:
            document[name] = validate(field, document[name], source, name)
        elif name in REQUIRED:
            raise InputError(f"{source} lacks {name}")
    own = env or document["env_id"]
    if own is None:
        raise InputError("the agent was trained on an environment of your own: pass it as env=")
    if isinstance(own, str):
        asked = env if isinstance(env, str) else None
        check_saved_task(own, document["env_kwargs"], source=source, trust=trust, asked=asked)
    return saved, document, own


def read_config(kind: type[Config], document: dict[str, Any], folder: Path | str) -> Config:
    """The configuration of an agent from its description.

    Raises:
        InputError: a setting is missing, unknown, or out of its range; the message names it.
    """
    config: Config = validate(kind, document["config"], Path(folder) / "agent.json", "config")
    return config


def bytes_of(demonstrations: Demonstrations | None) -> int:
    """Memory of demonstrations with which a saved agent is built."""
    if demonstrations is None:
        return 0
    return demonstrations.observations.nbytes + (0 if demonstrations.actions is None else demonstrations.actions.nbytes)
