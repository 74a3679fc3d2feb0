"""A policy whose actions follow a normalizing flow."""

from __future__ import annotations

from typing import Any

from genrl.flows import ContinuousFlow, NeuralSplineFlow
from genrl.generative_model import GenerativeModel
from genrl.policies.density_policy import DensityPolicy

__all__ = ["FlowPolicy", "action_flow", "action_velocity"]


def action_flow() -> GenerativeModel:
    """A small spline flow, not fitted, that a policy's actions can follow.

    A spline tears one mode into two by itself; affine couplings as few as these would need the other columns' noise.
    """
    return NeuralSplineFlow(transforms=2, hidden=(64,))


def action_velocity() -> GenerativeModel:
    """A continuous flow, not fitted: cloned by flow matching, and followed in eight steps to act.

    Where an expert goes one of two ways, a smoother or smaller velocity leaves many actions between them. A learner can
    improve it, too, by its exact density; that costs eight steps of a solver for each probability, with a backward pass
    for each column of the action.
    """
    return ContinuousFlow(steps=8, hidden=(256, 256, 256), activation="relu")


class FlowPolicy(DensityPolicy):
    """A `DensityPolicy` with a flow: PPO's `policy_class`, without further arguments.

    Args:
        *args: of `DensityPolicy`.
        density: another one than `action_flow()`.
        **kwargs: of `DensityPolicy`.

    >>> from stable_baselines3 import PPO
    >>> learner = PPO(FlowPolicy, "Pendulum-v1", n_steps=64, batch_size=64).learn(64)
    >>> learner.predict(learner.observation_space.sample())[0].shape
    (1,)
    """

    def __init__(self, *args: Any, density: GenerativeModel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, density=density or action_flow(), **kwargs)
