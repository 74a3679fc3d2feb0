"""Policies that draw actions from any conditional model, whether or not it knows how likely they are."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Self

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor

from genrl.autoencoders import VAE
from genrl.errors import InputError
from genrl.gans import GAN
from genrl.generative_model import GenerativeModel, Progress, describe_model, rebuild_model
from genrl.policies.saved_features import describe_features, rebuild_features
from genrl.policies.saved_space import describe_space, rebuild_space
from genrl.protocols import Mode, Sampler

__all__ = [
    "SAMPLER_KIND",
    "SamplerPolicy",
    "action_gan",
    "action_vae",
    "describe_sampler_policy",
    "rebuild_sampler_policy",
]

SAMPLER_KIND = "sampler"


def action_vae() -> GenerativeModel:
    """A small VAE, not fitted, that a policy's actions can be drawn from.

    With the full weight of the divergence it gives up on telling two ways apart by the code, and draws what lies
    between them.
    """
    return VAE(latents=2, hidden=(128, 128), beta=0.1)


def action_gan() -> GenerativeModel:
    """A small GAN, not fitted, that a policy's actions can be drawn from."""
    return GAN(noise_features=4)


class SamplerPolicy(BasePolicy):
    """Actions drawn from a model of the action given the observation.

    The model is fitted to pairs (`fit`), not improved by a reward: a reinforcement learner would need the exact
    log-probability of an action. That leaves room for models that do not know it, an autoencoder or a GAN. Without
    noise it acts by the model's `mode`; of these two, that is what the likeliest noise becomes, a code or a noise of 0:
    one of the ways that the demonstrations show, or something between them.

    Args:
        observation_space: as for any policy.
        action_space: a Box of one dimension.
        sampler: not fitted; a copy of it is built for the actions.
        **kwargs: of `BasePolicy`, such as the features extractor.

    Raises:
        InputError: the actions are no Box of one dimension, or the model has no samples or no mode.

    >>> import numpy as np
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> seen, action = spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (2,))
    >>> policy = SamplerPolicy(seen, action, sampler=VAE(latents=2, fitting=GradientFitting(updates=50)))
    >>> observations = torch.rand(300, 3)
    >>> policy.fit(observations, observations[:, :2]).predict(np.zeros((5, 3)))[0].shape
    (5, 2)
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *,
        sampler: GenerativeModel,
        **kwargs: Any,
    ) -> None:
        if not isinstance(action_space, spaces.Box) or len(action_space.shape) != 1:
            raise InputError(f"a sampler of actions needs a Box of one dimension, not {action_space}")
        name = type(sampler).__name__
        if not isinstance(sampler, Sampler) or not isinstance(sampler, Mode):
            raise InputError(
                f"{name} cannot act: it has no samples, or no mode to act by without noise. Take "
                "genrl.autoencoders.VAE, genrl.gans.GAN, genrl.mixtures.MixtureDensityNetwork or a model of genrl.flows"
            )
        super().__init__(observation_space, action_space, **kwargs)
        self.features_extractor = self.make_features_extractor()
        self.sampler = deepcopy(sampler).build(action_space.shape[0], self.features_extractor.features_dim)

    def fit(self, observations: Tensor, actions: Tensor, *, progress: Progress | None = None) -> Self:
        """Fit the model to pairs, from scratch and on the CPU, by its own settings.

        Args:
            observations: (rows, ...) raw.
            actions: (rows, columns).
            progress: called after each pass, if the model is fitted in passes.

        Raises:
            InputError: rows that are not finite or do not belong together.
        """
        device = self.device
        with torch.no_grad():
            seen = self.to("cpu").extract_features(observations.cpu(), self.features_extractor)
        self.sampler.fit(actions.cpu(), context=seen, progress=progress)
        return self.to(device)

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        assert isinstance(self.sampler, Sampler)
        assert isinstance(self.sampler, Mode)
        seen = self.extract_features(observation, self.features_extractor)
        return self.sampler.mode(seen) if deterministic else self.sampler.sample((), seen)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "sampler": self.sampler}


def describe_sampler_policy(policy: SamplerPolicy, env_id: str | None) -> dict[str, Any]:
    """What `rebuild_sampler_policy` needs beside the tensors, as JSON."""
    return {
        "kind": SAMPLER_KIND,
        "env_id": env_id,
        **describe_features(policy),
        "action_space": describe_space(policy.action_space),
        "sampler": describe_model(policy.sampler),
    }


def rebuild_sampler_policy(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SamplerPolicy:
    """A policy that predicts as the described one did.

    Raises:
        InputError: the description and the tensors do not fit each other.
    """
    try:
        observation_space, features = rebuild_features(description, tensors)
        policy = SamplerPolicy(
            observation_space,
            rebuild_space(description["action_space"]),
            sampler=rebuild_model(description["sampler"]),
            **features,
        )
        policy.load_state_dict(dict(tensors))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"the saved policy is damaged or of another version: {error}") from error
    policy.set_training_mode(False)
    return policy
