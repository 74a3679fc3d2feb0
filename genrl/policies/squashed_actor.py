"""The actors of SAC, TQC, TD3 and CrossQ on standardised observations, and their form on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import PositiveInt
from sb3_contrib.crossq.policies import Actor as CrossQActor
from sb3_contrib.tqc.policies import Actor as TQCActor
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.sac.policies import Actor as SACActor
from stable_baselines3.td3.policies import Actor as TD3Actor
from torch import Tensor

from genrl.envs.saved_space import rebuild_box
from genrl.nn import ACTIVATIONS, Activation, Standardise
from genrl.policies.saved_features import SAVED, describe_features, rebuild_features
from genrl.policies.standardised_features import StandardisedFeatures
from genrl.training.reading import load_tensors, reading, validate

__all__ = ["describe_squashed_actor", "rebuild_squashed_actor", "squashed_policy_kwargs"]

SquashedActor = SACActor | TQCActor | TD3Actor | CrossQActor

ACTORS: dict[str, type[SquashedActor]] = {
    "sac_actor": SACActor,
    "tqc_actor": TQCActor,
    "td3_actor": TD3Actor,
    "crossq_actor": CrossQActor,
}

PREFIX = "actor."


def squashed_policy_kwargs(
    standardise: Standardise, *, hidden: tuple[int, ...], critic_hidden: tuple[int, ...], activation: Activation
) -> dict[str, Any]:
    """The `policy_kwargs` of SAC, TQC, TD3 or CrossQ with "MlpPolicy".

    Args:
        standardise: of the observations; policy and value functions share it.
        hidden: widths of the policy's hidden layers.
        critic_hidden: widths of the value functions'.
        activation: between the layers.
    """
    return {
        "net_arch": {"pi": list(hidden), "qf": list(critic_hidden)},
        "activation_fn": ACTIVATIONS[activation],
        "features_extractor_class": StandardisedFeatures,
        "features_extractor_kwargs": {"standardise": standardise},
    }


def describe_squashed_actor(policy: BasePolicy, env_id: str | None = None) -> dict[str, Any]:
    """What `rebuild_squashed_actor` needs beside the tensors, as JSON.

    Args:
        policy: of SAC, TQC, TD3 or CrossQ.
        env_id: the task that it was trained on, if known.

    Raises:
        InputError: its features extractor is none of this package.
    """
    actor: Any = policy.actor
    return {
        "kind": next(kind for kind, actor_class in ACTORS.items() if type(actor) is actor_class),
        "env_id": env_id,
        **describe_features(actor),
        "action_low": actor.action_space.low.tolist(),
        "action_high": actor.action_space.high.tolist(),
        "hidden": list(actor.net_arch),
        "activation": next(name for name, layer in ACTIVATIONS.items() if layer is actor.activation_fn),
    }


def rebuild_squashed_actor(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> BasePolicy:
    """An actor that predicts as the described policy did; its value functions are left behind.

    Args:
        description: what `describe_squashed_actor` gave.
        tensors: the state dict of the whole policy.

    Raises:
        InputError: the description and the tensors do not fit each other.
    """
    mine = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    with reading(SAVED, [mine]):
        observation_space, features = rebuild_features(description, mine)
        extractor = features.pop("features_extractor_class")(
            observation_space, **features.pop("features_extractor_kwargs")
        )
        actor: BasePolicy = ACTORS[description["kind"]](
            observation_space,
            rebuild_box(description["action_low"], description["action_high"]),
            net_arch=list(validate(tuple[PositiveInt, ...], description["hidden"], SAVED, "hidden")),
            features_extractor=extractor,
            features_dim=extractor.features_dim,
            activation_fn=ACTIVATIONS[description["activation"]],
            **features,
        )
        load_tensors(actor, mine, SAVED)
    actor.set_training_mode(False)
    return actor
