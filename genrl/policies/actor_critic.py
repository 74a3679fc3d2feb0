"""stable-baselines3's actor-critic policy on standardised observations, and its form on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from genrl.envs.saved_space import describe_space, rebuild_space
from genrl.nn import ACTIVATIONS, Activation, Standardise
from genrl.policies.saved_features import SAVED, describe_features, rebuild_features
from genrl.policies.standardised_features import StandardisedFeatures
from genrl.training.reading import load_tensors, reading, validate

__all__ = ["ActorCriticNetwork", "describe_actor_critic", "policy_kwargs", "rebuild_actor_critic"]


@dataclass(frozen=True, kw_only=True)
class ActorCriticNetwork:
    """Shape of the policy and of the value function, which have the same widths and share nothing else."""

    hidden: tuple[int, ...] = (128, 128)
    """Widths of the hidden layers."""
    activation: Activation = "tanh"
    """Between the layers."""
    log_std_init: float = -0.5
    """Logarithm of the initial standard deviation of the actions (continuous actions only)."""


def policy_kwargs(network: ActorCriticNetwork, standardise: Standardise) -> dict[str, Any]:
    """The `policy_kwargs` of PPO or TRPO with "MlpPolicy"."""
    return {
        **_layers(network),
        "features_extractor_class": StandardisedFeatures,
        "features_extractor_kwargs": {"standardise": standardise},
    }


def _layers(network: ActorCriticNetwork) -> dict[str, Any]:
    return {
        "net_arch": list(network.hidden),
        "activation_fn": ACTIVATIONS[network.activation],
        "log_std_init": network.log_std_init,
    }


def describe_actor_critic(
    policy: ActorCriticPolicy, network: ActorCriticNetwork, env_id: str | None = None
) -> dict[str, Any]:
    """What `rebuild_actor_critic` needs beside the tensors, as JSON.

    Raises:
        InputError: its features extractor is none of this package.
    """
    return {
        "kind": "actor_critic",
        "env_id": env_id,
        **describe_features(policy),
        "action_space": describe_space(policy.action_space),
        "hidden": list(network.hidden),
        "activation": network.activation,
    }


def rebuild_actor_critic(
    description: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    policy_class: Callable[..., ActorCriticPolicy] = ActorCriticPolicy,
) -> ActorCriticPolicy:
    """A policy that predicts as the described one did.

    Args:
        description: what `describe_actor_critic` gave.
        tensors: the policy's state.
        policy_class: of it.

    Raises:
        InputError: the description and the tensors do not fit each other.
    """
    with reading(SAVED, [tensors]):
        observation_space, features = rebuild_features(description, tensors)
        shape = {name: description[name] for name in ("hidden", "activation")}
        network: ActorCriticNetwork = validate(ActorCriticNetwork, shape, SAVED)
        policy = policy_class(
            observation_space,
            rebuild_space(description["action_space"]),
            lambda _: 0.0,
            **_layers(network),
            **features,
        )
        load_tensors(policy, tensors, SAVED)
    policy.set_training_mode(False)
    return policy
