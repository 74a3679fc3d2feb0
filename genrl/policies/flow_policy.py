"""A policy whose actions follow a normalizing flow."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.type_aliases import Schedule

from genrl.flows import RealNVP
from genrl.generative_model import GenerativeModel
from genrl.policies.density_policy import DensityPolicy

__all__ = ["FlowPolicy"]


class FlowPolicy(DensityPolicy):
    """A `DensityPolicy` with a flow: PPO's `policy_class`, without further arguments.

    Args:
        observation_space: as for any actor-critic policy.
        action_space: a bounded Box of one dimension.
        lr_schedule: of the optimiser.
        density: another flow than a small RealNVP.
        **kwargs: of `DensityPolicy`.

    >>> from stable_baselines3 import PPO
    >>> learner = PPO(FlowPolicy, "Pendulum-v1", n_steps=64, batch_size=64).learn(64)
    >>> learner.predict(learner.observation_space.sample())[0].shape
    (1,)
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        density: GenerativeModel | None = None,
        **kwargs: Any,
    ) -> None:
        density = RealNVP(transforms=2, hidden=(64,)) if density is None else density
        super().__init__(observation_space, action_space, lr_schedule, density=density, **kwargs)
