"""Policies: networks that act, and their form on disk."""

from genrl.policies.actor import Actor
from genrl.policies.actor_critic import ActorCriticNetwork, describe_policy, policy_kwargs, rebuild_policy
from genrl.policies.saved import load_policy, save_policy
from genrl.policies.standardised_features import StandardisedFeatures

__all__ = [
    "Actor",
    "ActorCriticNetwork",
    "StandardisedFeatures",
    "describe_policy",
    "load_policy",
    "policy_kwargs",
    "rebuild_policy",
    "save_policy",
]
