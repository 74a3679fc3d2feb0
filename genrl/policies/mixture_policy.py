"""A policy whose actions follow a mixture of Gaussians."""

from __future__ import annotations

from typing import Any

from genrl.generative_model import GenerativeModel
from genrl.mixtures import MixtureDensityNetwork
from genrl.policies.density_policy import DensityPolicy

__all__ = ["MixturePolicy", "action_mixture"]


def action_mixture() -> GenerativeModel:
    """Five Gaussians, not fitted, that a policy's actions can follow."""
    return MixtureDensityNetwork(5, hidden=())


class MixturePolicy(DensityPolicy):
    """A `DensityPolicy` with a mixture: PPO's `policy_class`, without further arguments.

    Args:
        *args: of `DensityPolicy`.
        density: another one than `action_mixture()`.
        **kwargs: of `DensityPolicy`.

    >>> from stable_baselines3 import PPO
    >>> learner = PPO(MixturePolicy, "Pendulum-v1", n_steps=64, batch_size=64).learn(64)
    >>> learner.predict(learner.observation_space.sample())[0].shape
    (1,)
    """

    def __init__(self, *args: Any, density: GenerativeModel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, density=density or action_mixture(), **kwargs)
