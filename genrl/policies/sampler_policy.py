"""Policies that draw actions from any conditional model, whether or not it knows how likely they are."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Self

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor

from genrl.autoencoders import VAE, VQVAE
from genrl.envs.saved_space import describe_space, rebuild_space
from genrl.errors import InputError
from genrl.gans import GAN
from genrl.generative_model import GenerativeModel, Progress, describe_model, rebuild_model
from genrl.policies.receding_horizon import PlanState, action_chunks, follow_plans
from genrl.policies.saved_features import SAVED, describe_features, rebuild_features
from genrl.protocols import Mode, Sampler
from genrl.training.reading import bounded, load_tensors, reading

__all__ = [
    "SAMPLER_KIND",
    "SamplerPolicy",
    "action_gan",
    "action_vae",
    "action_vq",
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


def action_vq() -> GenerativeModel:
    """A small VQ-VAE, not fitted, that a policy's actions can be drawn from: which way to go is a matter of codes.

    Behaviour transformers (Lee et al. 2024) have such codes of chunks of actions; there the codes' network sees a
    history of observations, and corrects what the codes leave out. Here encoder and decoder see the observation.
    """
    return VQVAE(32, code_width=4, hidden=(128, 128))


class SamplerPolicy(BasePolicy):
    """Actions drawn from a model of the action given the observation.

    The model is fitted to pairs (`fit`), not improved by a reward: a reinforcement learner would need the exact
    log-probability of an action. That leaves room for models that do not know it, an autoencoder or a GAN. Without
    noise it acts by the model's `mode`; of these two, that is what the likeliest noise becomes, a code or a noise of 0:
    one of the ways that the demonstrations show, or something between them. Of a `VQVAE` it is the likeliest codes.

    With a `chunk` above 1 the model is one of the next so many actions together, of which `executed` are taken before
    it is asked again (Chi et al. 2023): two ways of acting are then not mixed from step to step. `predict` keeps the
    plans in the `state` that it returns; called without it, it makes a new plan and acts by its first action.

    Args:
        observation_space: as for any policy.
        action_space: a Box of one dimension.
        sampler: not fitted; a copy of it is built for the actions.
        chunk: actions that are drawn together.
        executed: of these, before the next are drawn.
        **kwargs: of `BasePolicy`, such as the features extractor.

    Raises:
        InputError: the actions are no Box of one dimension, the model has no samples or no mode, or a plan is shorter
            than what is taken of it.

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
        chunk: int = 1,
        executed: int = 1,
        **kwargs: Any,
    ) -> None:
        if not 1 <= executed <= chunk:
            raise InputError(f"executed must be within 1 .. chunk, not {executed} of {chunk}")
        if not isinstance(action_space, spaces.Box) or len(action_space.shape) != 1:
            raise InputError(f"a sampler of actions needs a Box of one dimension, not {action_space}")
        name = type(sampler).__name__
        if not isinstance(sampler, Sampler) or not isinstance(sampler, Mode):
            raise InputError(
                f"{name} cannot act: it has no samples, or no mode to act by without noise. Take "
                "genrl.autoencoders.VAE or VQVAE, genrl.gans.GAN, genrl.mixtures.MixtureDensityNetwork, a model of "
                "genrl.flows, or genrl.policies.ActionScore"
            )
        super().__init__(observation_space, action_space, **kwargs)
        self.features_extractor = self.make_features_extractor()
        self.chunk = chunk
        self.executed = executed
        self.columns = action_space.shape[0]
        self.sampler = deepcopy(sampler).build(chunk * self.columns, self.features_extractor.features_dim)

    def fit(
        self,
        observations: Tensor,
        actions: Tensor,
        *,
        episodes: Tensor | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Fit the model to pairs, from scratch and on the CPU, by its own settings.

        Args:
            observations: (rows, ...) raw.
            actions: (rows, columns).
            episodes: (rows,) numbers of the episodes, whose rows follow each other in time, to cut chunks from; None
                for one episode.
            progress: called after each pass, if the model is fitted in passes.

        Raises:
            InputError: rows that are not finite or do not belong together.
        """
        device = self.device
        with torch.no_grad():
            seen = self.to("cpu").extract_features(observations.cpu(), self.features_extractor)
        of_episodes = torch.zeros(len(actions), dtype=torch.int64) if episodes is None else episodes.cpu()
        chunks = action_chunks(actions.cpu(), of_episodes, self.chunk)
        self.sampler.fit(chunks.flatten(1), context=seen, progress=progress)
        return self.to(device)

    def predict(
        self,
        observation: Any,
        state: PlanState | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], PlanState | None]:
        """As stable-baselines3's; of chunks the state holds the plans, and an episode's start asks for a new one."""
        if self.chunk == 1:
            return super().predict(observation, state, episode_start, deterministic)
        self.set_training_mode(False)
        seen, is_batch = self.obs_to_tensor(observation)
        assert isinstance(seen, Tensor)

        def make(due: NDArray[np.bool_]) -> NDArray[Any]:
            with torch.no_grad():
                return self._plans(seen[torch.from_numpy(due)], deterministic).cpu().numpy()

        starts = np.zeros(len(seen), bool) if episode_start is None else np.atleast_1d(episode_start).astype(bool)
        actions, plans = follow_plans(make, state, starts, executed=self.executed)
        assert isinstance(self.action_space, spaces.Box)
        actions = np.clip(actions, self.action_space.low, self.action_space.high)
        return (actions if is_batch else actions[0]), plans

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        return self._plans(observation, deterministic)[:, 0]

    def _plans(self, observation: Tensor, deterministic: bool) -> Tensor:
        """(rows, chunk, columns)."""
        assert isinstance(self.sampler, Sampler)
        assert isinstance(self.sampler, Mode)
        seen = self.extract_features(observation, self.features_extractor)
        drawn = self.sampler.mode(seen) if deterministic else self.sampler.sample((), seen)
        return drawn.reshape(-1, self.chunk, self.columns)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        own = {"sampler": self.sampler, "chunk": self.chunk, "executed": self.executed}
        return {**super()._get_constructor_parameters(), **own}


def describe_sampler_policy(policy: SamplerPolicy, env_id: str | None) -> dict[str, Any]:
    """What `rebuild_sampler_policy` needs beside the tensors, as JSON."""
    return {
        "kind": SAMPLER_KIND,
        "env_id": env_id,
        **describe_features(policy),
        "action_space": describe_space(policy.action_space),
        "sampler": describe_model(policy.sampler),
        "chunk": policy.chunk,
        "executed": policy.executed,
    }


def rebuild_sampler_policy(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SamplerPolicy:
    """A policy that predicts as the described one did.

    Raises:
        InputError: the description and the tensors do not fit each other.
    """
    with reading(SAVED, [tensors]):
        observation_space, features = rebuild_features(description, tensors)
        policy = SamplerPolicy(
            observation_space,
            rebuild_space(description["action_space"]),
            sampler=rebuild_model(description["sampler"]),
            chunk=bounded(description.get("chunk", 1), "chunk", SAVED),
            executed=bounded(description.get("executed", 1), "executed", SAVED),
            **features,
        )
        load_tensors(policy, tensors, SAVED)
    policy.set_training_mode(False)
    return policy
