"""Policies: networks that act, and their form on disk."""

from genrl.policies.actor import Actor
from genrl.policies.actor_critic import ActorCriticNetwork, policy_kwargs
from genrl.policies.autoregressive_policy import AutoregressivePolicy, action_bins, action_sequence
from genrl.policies.density_policy import DensityPolicy, check_action_density, has_exact_density
from genrl.policies.encoder_features import EncoderFeatures
from genrl.policies.flow_policy import FlowPolicy, action_flow, action_velocity
from genrl.policies.mixture_policy import MixturePolicy, action_mixture
from genrl.policies.sampler_policy import SamplerPolicy, action_gan, action_vae, action_vq
from genrl.policies.saved import describe_policy, load_policy, rebuild_policy, save_policy
from genrl.policies.score_policy import ActionScore, ScorePolicy, action_score, action_score_student
from genrl.policies.squashed_actor import describe_squashed_actor, rebuild_squashed_actor, squashed_policy_kwargs
from genrl.policies.standardised_features import StandardisedFeatures

__all__ = [
    "ActionScore",
    "Actor",
    "ActorCriticNetwork",
    "AutoregressivePolicy",
    "DensityPolicy",
    "EncoderFeatures",
    "FlowPolicy",
    "MixturePolicy",
    "SamplerPolicy",
    "ScorePolicy",
    "StandardisedFeatures",
    "action_bins",
    "action_flow",
    "action_gan",
    "action_mixture",
    "action_score",
    "action_score_student",
    "action_sequence",
    "action_vae",
    "action_velocity",
    "action_vq",
    "check_action_density",
    "describe_policy",
    "describe_squashed_actor",
    "has_exact_density",
    "load_policy",
    "policy_kwargs",
    "rebuild_policy",
    "rebuild_squashed_actor",
    "save_policy",
    "squashed_policy_kwargs",
]
