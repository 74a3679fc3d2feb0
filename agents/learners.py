"""The on-policy learners that can be paid by a reward model, with the settings measured to work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sb3_contrib import TRPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.nn import Standardise
from genrl.policies import (
    ActorCriticNetwork,
    DensityPolicy,
    describe_policy,
    policy_kwargs,
)
from genrl.protocols import RewardModel
from genrl.transitions import Transitions

from .adaptive_learning_rate import AdaptiveLearningRate
from .adversarial_imitation import AdversarialImitation
from .learner_config import LearnerConfig, check_at_least

__all__ = ["OnPolicyConfig", "PPOConfig", "TRPOConfig"]


@dataclass(frozen=True, kw_only=True)
class OnPolicyConfig(LearnerConfig):
    """What PPO and TRPO share.

    Raises:
        InputError: a number is out of its range.
    """

    n_steps: int = 128
    """Steps of each environment in a rollout."""
    batch_size: int = 1024
    """Rows of a minibatch (of TRPO: of its value function); a rollout that is smaller is one minibatch."""
    gamma: float = 0.99
    """Discount."""
    gae_lambda: float = 0.95
    """Trade-off between bias and variance of the advantages."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "n_steps", "batch_size")
        if not 0 <= self.gae_lambda <= 1:
            raise InputError(f"gae_lambda must be from 0 to 1, not {self.gae_lambda}")

    def policy_kwargs(self, standardise: Standardise, network: ActorCriticNetwork) -> dict[str, Any]:
        """Of an actor-critic policy."""
        return policy_kwargs(network, standardise)

    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """Of both algorithms; the rollouts are paid by the callbacks."""
        return {
            "n_steps": self.n_steps,
            "batch_size": min(self.batch_size, self.n_steps * env.num_envs),
            "gae_lambda": self.gae_lambda,
        }

    def callbacks(self, reward_model: RewardModel, expert: Transitions, *, log_interval: int) -> list[BaseCallback]:
        """The hook that pays each rollout."""
        return [AdversarialImitation(reward_model, expert)]

    def describe(self, policy: BasePolicy, network: ActorCriticNetwork, env_id: str | None) -> dict[str, Any]:
        """An actor-critic policy."""
        assert isinstance(policy, ActorCriticPolicy)
        return describe_policy(policy, network, env_id)


@dataclass(frozen=True, kw_only=True)
class PPOConfig(OnPolicyConfig):
    """Proximal policy optimisation (Schulman et al. 2017) as stable-baselines3 has it."""

    algorithm = PPO

    n_epochs: int = 5
    """Passes over a rollout."""
    learning_rate: float = 2e-4
    """Adam's step size, at first if `desired_kl` adapts it."""
    desired_kl: float | None = 0.02
    """KL divergence of an update, which the step size is adapted to; None leaves it fixed."""
    clip_range: float = 0.2
    """How far the probability ratio may move."""
    ent_coef: float = 0.0
    """Weight of the policy's entropy."""
    target_kl: float | None = None
    """The epochs of an update stop where the policy has moved 1.5 times this far; None never stops."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "n_epochs")
        for name in ("desired_kl", "target_kl"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name} must be above 0, or None, not {value}")
        if not self.clip_range > 0:
            raise InputError(f"clip_range must be above 0, not {self.clip_range}")

    def policy(
        self, action_density: GenerativeModel | None, network: ActorCriticNetwork
    ) -> tuple[str | type[BasePolicy], dict[str, Any]]:
        """Any density that knows the exact log-probability of an action will do."""
        if action_density is None:
            return super().policy(action_density, network)
        return DensityPolicy, {"density": action_density, "std_init": math.exp(network.log_std_init)}

    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """Those of both, and its own."""
        return {
            **super().arguments(env, reward_model),
            "n_epochs": self.n_epochs,
            "clip_range": self.clip_range,
            "ent_coef": self.ent_coef,
            "target_kl": self.target_kl,
        }

    def callbacks(self, reward_model: RewardModel, expert: Transitions, *, log_interval: int) -> list[BaseCallback]:
        """The hook that pays each rollout, and what keeps the updates at their size."""
        adaptive = [] if self.desired_kl is None else [AdaptiveLearningRate(self.desired_kl)]
        return [*super().callbacks(reward_model, expert, log_interval=log_interval), *adaptive]


@dataclass(frozen=True, kw_only=True)
class TRPOConfig(OnPolicyConfig):
    """Trust region policy optimisation (Schulman et al. 2015) as sb3-contrib has it."""

    algorithm = TRPO

    n_critic_updates: int = 5
    """Passes of the value function over a rollout."""
    learning_rate: float = 1e-3
    """Adam's step size for the value function."""
    target_kl: float = 0.01
    """Size of the trust region in nats."""
    cg_damping: float = 0.1
    """Damping of the Fisher matrix in the conjugate gradient."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "n_critic_updates")
        if not self.target_kl > 0:
            raise InputError(f"target_kl must be above 0, not {self.target_kl}")

    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """Those of both, and its own."""
        return {
            **super().arguments(env, reward_model),
            "n_critic_updates": self.n_critic_updates,
            "target_kl": self.target_kl,
            "cg_damping": self.cg_damping,
        }
