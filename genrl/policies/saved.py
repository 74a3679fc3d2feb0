"""Policies on disk: whatever kind a folder holds, it loads as something that predicts."""

from __future__ import annotations

from pathlib import Path

from stable_baselines3.common.policies import ActorCriticPolicy

from genrl.errors import InputError
from genrl.policies.actor import Actor
from genrl.policies.actor_critic import ActorCriticNetwork, describe_policy, rebuild_policy
from genrl.policies.density_policy import KIND as DENSITY
from genrl.policies.density_policy import rebuild_density_policy
from genrl.policies.squashed_actor import ACTORS, rebuild_squashed_actor
from genrl.protocols import Policy
from genrl.training.checkpoint import read_checkpoint, write_checkpoint

__all__ = ["load_policy", "save_policy"]


def save_policy(
    policy: ActorCriticPolicy, network: ActorCriticNetwork, folder: Path | str, env_id: str | None = None
) -> None:
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
    folder = Path(folder)
    if (folder / "policy.json").is_file():
        checkpoint = read_checkpoint(folder)
        if "policy" not in checkpoint.documents or "policy" not in checkpoint.tensors:
            raise InputError(f"the manifest of {folder} names no policy: use another checkpoint")
        description, tensors = checkpoint.documents["policy"], checkpoint.tensors["policy"]
        if isinstance(description, dict) and description.get("kind") in ACTORS:
            return rebuild_squashed_actor(description, tensors)
        if isinstance(description, dict) and description.get("kind") == DENSITY:
            return rebuild_density_policy(description, tensors)
        return rebuild_policy(description, tensors)
    if (folder / "actor.json").is_file():
        return Actor.load(folder)
    raise InputError(f"{folder} holds no policy: a folder with policy.json or actor.json is needed")
