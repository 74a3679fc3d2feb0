"""A policy that chooses the columns of an action one after the other."""

from __future__ import annotations

from typing import Any

from genrl.autoregressive import Recurrent, SequenceModel
from genrl.discretised import Discretised
from genrl.generative_model import GenerativeModel
from genrl.policies.density_policy import DensityPolicy

__all__ = ["AutoregressivePolicy", "action_bins", "action_sequence"]


def action_sequence() -> GenerativeModel:
    """A small sequence model, not fitted, that a policy's actions can follow: each column is a mixture of Gaussians."""
    return SequenceModel(core=Recurrent(width=32), output="gaussians", mixtures=3)


def action_bins(bins: int = 11) -> GenerativeModel:
    """The same with bins in place of Gaussians, over the actions' range if the policy has `std_init=1.0`."""
    return Discretised(SequenceModel(core=Recurrent(width=32), levels=bins), bins=bins, reach=1.0)


class AutoregressivePolicy(DensityPolicy):
    """A `DensityPolicy` by the chain rule over action columns: PPO's `policy_class`, without further arguments.

    Each column's distribution depends on the observation and on the columns chosen before it (Metz et al. 2017, with a
    stochastic policy in place of their values), so that it can be of any shape while its density is exact. Without
    noise it takes the likeliest value of each column in turn.

    Args:
        *args: of `DensityPolicy`.
        density: another one than `action_sequence()`.
        **kwargs: of `DensityPolicy`.

    >>> from stable_baselines3 import PPO
    >>> learner = PPO(AutoregressivePolicy, "Pendulum-v1", n_steps=64, batch_size=64).learn(64)
    >>> learner.predict(learner.observation_space.sample())[0].shape
    (1,)
    """

    def __init__(self, *args: Any, density: GenerativeModel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, density=density or action_sequence(), **kwargs)
