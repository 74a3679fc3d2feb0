"""Policies whose actions follow a conditional density of the package, as stable-baselines3 trains them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any, Self

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, describe_model, rebuild_model
from genrl.policies.actor_critic import ActorCriticNetwork, describe_actor_critic, rebuild_actor_critic
from genrl.policies.saved_features import SAVED
from genrl.protocols import Density, Discrete, Mode, Sampler, ScoreFunction, Trainable
from genrl.training.reading import reading

__all__ = [
    "KIND",
    "ActionDensity",
    "DensityPolicy",
    "check_action_density",
    "describe_density_policy",
    "has_exact_density",
    "rebuild_density_policy",
]

KIND = "density_actor_critic"


class DensityPolicy(ActorCriticPolicy):
    """Actions drawn from a density of the action given what the policy network makes of the observation.

    For PPO, which needs the exact log-probability of an action and nothing else: pass it as the policy's class, with
    `policy_kwargs={"density": ...}`. The density models actions in units of `std_init` times half their range, about
    the middle of it, so that its first samples are as large as a Gaussian policy's.

    Args:
        observation_space: as for any actor-critic policy.
        action_space: a bounded Box of one dimension.
        lr_schedule: of the optimiser.
        density: not fitted; a copy of it is built for the actions.
        std_init: about the first standard deviation of the actions, in units of half their range.
        **kwargs: of `ActorCriticPolicy`.

    Raises:
        InputError: the actions are no bounded Box, or the model has no exact density, no samples or no mode.
    """

    middle: Tensor
    unit: Tensor

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        density: GenerativeModel,
        std_init: float = 0.6,
        **kwargs: Any,
    ) -> None:
        if not isinstance(action_space, spaces.Box) or not action_space.is_bounded() or len(action_space.shape) != 1:
            raise InputError(f"a density of actions needs a bounded Box of one dimension, not {action_space}")
        check_action_density(density)
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)
        self.std_init = std_init
        del self.log_std
        self.action_net = deepcopy(density).build(action_space.shape[0], self.mlp_extractor.latent_dim_pi)
        low, high = torch.as_tensor(action_space.low), torch.as_tensor(action_space.high)
        self.register_buffer("middle", (low + high) / 2)
        self.register_buffer("unit", std_init * (high - low) / 2)
        # The one that was made above knows the parameters of the Gaussian that stood here.
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    @property
    def density(self) -> GenerativeModel:
        """Of standardised actions, given what the policy network makes of an observation."""
        assert isinstance(self.action_net, GenerativeModel)
        return self.action_net

    def _get_action_dist_from_latent(self, latent_pi: Tensor) -> Distribution:
        return ActionDensity(self.density, latent_pi, self.middle, self.unit)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "density": self.density, "std_init": self.std_init}


class ActionDensity(Distribution):
    """Of a batch of actions, given the context of each, with the methods that stable-baselines3 asks for.

    Its entropy is not known in closed form (`entropy` gives None): stable-baselines3 then estimates it by
    -log p(action).

    Args:
        density: of standardised actions given a context.
        context: (batch, features).
        middle: (columns,) of the actions' range.
        unit: (columns,), which a standardised action is multiplied by.
    """

    def __init__(self, density: GenerativeModel, context: Tensor, middle: Tensor, unit: Tensor) -> None:
        super().__init__()
        self._density = density
        self._context = context
        self._middle = middle
        self._unit = unit

    def proba_distribution_net(self, *args: Any, **kwargs: Any) -> Any:
        """The network is the density itself."""
        raise NotImplementedError("an ActionDensity comes with its network")

    def proba_distribution(self, *args: Any, **kwargs: Any) -> Self:
        """As it is: made anew for each batch."""
        return self

    def log_prob(self, x: Tensor) -> Tensor:
        """(batch,) in nats, of raw actions."""
        assert isinstance(self._density, Density)
        return self._density.log_prob((x - self._middle) / self._unit, self._context) - self._unit.log().sum()

    def loss(self, x: Tensor) -> Tensor:
        """What the model minimises, of raw actions: the mean negative log-likelihood in nats.

        A model that is trained by something else, as a flow by matching velocities, says it by its own `loss`: in its
        units, and at a fraction of the cost of its likelihood.
        """
        if not isinstance(self._density, Trainable):
            return -self.log_prob(x).mean()
        own = self._density.loss((x - self._middle) / self._unit, self._context)["loss"]
        return own + self._unit.log().sum()

    def entropy(self) -> Tensor | None:
        """None: not known in closed form."""
        return None

    def sample(self) -> Tensor:
        """(batch, columns)."""
        assert isinstance(self._density, Sampler)
        return self._middle + self._unit * self._density.sample((), self._context)

    def mode(self) -> Tensor:
        """(batch, columns)."""
        assert isinstance(self._density, Mode)
        return self._middle + self._unit * self._density.mode(self._context)

    def actions_from_params(self, *args: Any, **kwargs: Any) -> Tensor:
        """Not asked for by any algorithm that this policy works with."""
        raise NotImplementedError("an ActionDensity is made from a context")

    def log_prob_from_params(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Not asked for by any algorithm that this policy works with."""
        raise NotImplementedError("an ActionDensity is made from a context")


def describe_density_policy(policy: DensityPolicy, network: ActorCriticNetwork, env_id: str | None) -> dict[str, Any]:
    """What `rebuild_density_policy` needs beside the tensors, as JSON."""
    described = describe_actor_critic(policy, network, env_id)
    return {**described, "kind": KIND, "density": describe_model(policy.density), "std_init": policy.std_init}


def rebuild_density_policy(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> DensityPolicy:
    """A policy that predicts as the described one did.

    Raises:
        InputError: the description and the tensors do not fit each other.
    """
    with reading(SAVED, [tensors]):
        density, std_init = rebuild_model(description["density"]), float(description["std_init"])
        kind = partial(DensityPolicy, density=density, std_init=std_init)
        policy = rebuild_actor_critic(description, tensors, policy_class=kind)
    assert isinstance(policy, DensityPolicy)
    return policy


def has_exact_density(model: GenerativeModel) -> bool:
    """Whether it tells the log-probability of an action itself, in a way that a learner can improve.

    Not a bound of it, not nothing, and not by solving an equation with a learned score, as a score model does: that is
    as exact as its few steps, and costs a backward pass for each column of each action.
    """
    return isinstance(model, Density) and model.log_prob_kind == "exact" and not isinstance(model, ScoreFunction)


def check_action_density(model: GenerativeModel) -> None:
    """Refuse a model that PPO cannot train as a policy.

    Raises:
        InputError: it has no exact density, no samples, or no mode, or models integers.
    """
    if not has_exact_density(model) or not isinstance(model, Sampler):
        reason = "it knows a bound or a part of it" if isinstance(model, Density) else model.why_no_density
        raise InputError(
            f"{type(model).__name__} does not know the exact probability of an action ({reason}), which a "
            "reinforcement learner needs to weigh what it tried: take a model of genrl.flows or "
            "genrl.mixtures.MixtureDensityNetwork. One that can be sampled, such as a VAE or a GAN, can be cloned: "
            "genrl.policies.SamplerPolicy"
        )
    if isinstance(model, Discrete) and model.takes_integers:
        raise InputError(
            f"{type(model).__name__} is of integers, and actions are real numbers: give it output='gaussians', or wrap "
            "it in genrl.discretised.Discretised"
        )
    if not isinstance(model, Mode):
        raise InputError(
            f"{type(model).__name__} has no mode to act by without noise: take a model of genrl.flows or "
            "genrl.mixtures.MixtureDensityNetwork"
        )
