"""Policies on disk: whatever kind a folder holds, it loads as something that predicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from torch import Tensor

from genrl.errors import InputError
from genrl.policies.actor import Actor
from genrl.policies.actor_critic import ActorCriticNetwork, describe_actor_critic, rebuild_actor_critic
from genrl.policies.density_policy import KIND, DensityPolicy, describe_density_policy, rebuild_density_policy
from genrl.policies.sampler_policy import (
    SAMPLER_KIND,
    SamplerPolicy,
    describe_sampler_policy,
    rebuild_sampler_policy,
)
from genrl.policies.squashed_actor import ACTORS, rebuild_squashed_actor
from genrl.protocols import Policy
from genrl.training.atomic_files import read_folder
from genrl.training.checkpoint import read_checkpoint, write_checkpoint

__all__ = ["describe_policy", "load_policy", "rebuild_policy", "save_policy"]


def describe_policy(policy: BasePolicy, network: ActorCriticNetwork, env_id: str | None = None) -> dict[str, Any]:
    """What `rebuild_policy` needs beside the tensors, as JSON.

    Args:
        policy: an actor-critic one, or one that draws from a model.
        network: the shape of an actor-critic one.
        env_id: the task that it was trained on, if known.
    """
    if isinstance(policy, SamplerPolicy):
        return describe_sampler_policy(policy, env_id)
    if isinstance(policy, DensityPolicy):
        return describe_density_policy(policy, network, env_id)
    assert isinstance(policy, ActorCriticPolicy)
    return describe_actor_critic(policy, network, env_id)


def rebuild_policy(description: Any, tensors: Mapping[str, Tensor]) -> Policy:
    """A policy of any kind that predicts as the described one did.

    Raises:
        InputError: the description and the tensors do not fit each other.
    """
    if not isinstance(description, dict) or not isinstance(kind := description.get("kind", "actor_critic"), str):
        raise InputError("policy.json is damaged or of another version: it describes no policy")
    if kind in ACTORS:
        return rebuild_squashed_actor(description, tensors)
    if kind == SAMPLER_KIND:
        return rebuild_sampler_policy(description, tensors)
    if kind == KIND:
        return rebuild_density_policy(description, tensors)
    return rebuild_actor_critic(description, tensors)


def save_policy(policy: BasePolicy, network: ActorCriticNetwork, folder: Path | str, env_id: str | None = None) -> None:
    """Write `policy.safetensors` and `policy.json` atomically."""
    write_checkpoint(
        Path(folder),
        tensors={"policy": policy.state_dict()},
        documents={"policy": describe_policy(policy, network, env_id)},
        arrays={},
    )


def load_policy(folder: Path | str) -> Policy:
    """The policy in a folder: a checkpoint of this package, or an actor with its `actor.json`.

    Raises:
        InputError: the folder holds neither, or what it holds is damaged.
    """
    return read_folder(Path(folder), _load_policy)


def _load_policy(folder: Path) -> Policy:
    if (folder / "policy.json").is_file():
        checkpoint = read_checkpoint(folder)
        if "policy" not in checkpoint.documents or "policy" not in checkpoint.tensors:
            raise InputError(f"the manifest of {folder} names no policy: use another checkpoint")
        return rebuild_policy(checkpoint.documents["policy"], checkpoint.tensors["policy"])
    if (folder / "actor.json").is_file():
        return Actor.load(folder)
    raise InputError(f"{folder} holds no policy: a folder with policy.json or actor.json is needed")
