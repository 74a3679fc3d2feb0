"""The off-policy learners that can be paid by a reward model: how they learn, and how their reward does beside them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from sb3_contrib import TQC, CrossQ
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.nn import Activation, Standardise
from genrl.policies import ActorCriticNetwork, describe_squashed_actor, squashed_policy_kwargs
from genrl.protocols import RewardModel
from genrl.rewards import AdversarialTraining
from genrl.transitions import Transitions

from .learned_rewards_replay import LearnedRewardsReplay, check_bounded
from .learner_config import LearnerConfig, check_at_least, check_weight
from .off_policy_imitation import OffPolicyImitation

__all__ = ["CrossQConfig", "EntropyConfig", "OffPolicyConfig", "SACConfig", "TD3Config", "TQCConfig"]


def _slow_discriminator() -> AdversarialTraining:
    """Slower than on-policy: the value function has to follow, and it learns from old steps, too."""
    return AdversarialTraining(learning_rate=3e-4, steps=8, batch_size=256, penalty_weight=1.0)


@dataclass(frozen=True, kw_only=True)
class OffPolicyConfig(LearnerConfig):
    """What all of them share. On a CPU simulation is cheap beside gradient steps, so many are simulated for each."""

    writes_log: ClassVar[bool] = True
    run_steps: ClassVar[int] = 1_000_000
    eval_freq: ClassVar[int] = 50_000
    checkpoint_seconds: ClassVar[float] = 600.0  # the replay buffer is in each, up to a gigabyte

    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of the policy."""
    critic_hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of the value functions."""
    activation: Activation = "relu"
    """Between the layers."""
    learning_rate: float = 3e-4
    """Adam's step size."""
    gamma: float = 0.99
    """Discount."""
    batch_size: int = 256
    """Rows of a gradient step."""
    buffer_size: int = 300_000
    """Transitions kept, over all environments."""
    learning_starts: int = 8192
    """Steps of uniformly random actions before the learner takes its first gradient step."""
    train_freq: int = 1
    """Steps of each environment between two rounds of gradient steps."""
    gradient_steps: int = 8
    """Gradient steps in a round."""
    reward_update_every: int = 1024
    """Environment steps, over all environments, between two updates of the reward model."""
    reward_window: int = 16_384
    """The newest transitions, which stand for the learner when the reward model is updated."""
    reward_rows: int = 4096
    """Drawn from them for an update."""
    expert_share: float = 0.5
    """Part of each batch that is drawn from the demonstrations, so that values along the expert's way are known long
    before the learner walks it (Ball et al. 2023, section 4.1)."""
    reward_momentum: float = 0.05
    """Weight of the newest statistics that standardise the reward; values learned with the older ones must last."""
    reward_training: AdversarialTraining = field(default_factory=_slow_discriminator)
    """How the discriminator is trained beside this learner."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "batch_size", "buffer_size", "train_freq", "gradient_steps")
        check_at_least(1, self, "reward_update_every", "reward_window", "reward_rows")
        check_at_least(0, self, "learning_starts")
        check_weight(self, "reward_momentum")
        if not 0 <= self.expert_share < 1:
            raise InputError(f"expert_share must be at least 0 and below 1, not {self.expert_share}")

    def callbacks(self, reward_model: RewardModel, expert: Transitions, *, log_interval: int) -> list[BaseCallback]:
        """The callback that trains the reward model beside this learner."""
        return [
            OffPolicyImitation(
                reward_model,
                expert,
                update_every=self.reward_update_every,
                window=self.reward_window,
                rows=self.reward_rows,
                expert_share=self.expert_share,
                log_interval=log_interval,
            )
        ]

    def without_demonstrations(self) -> OffPolicyConfig:
        """Learns from its own steps alone."""
        return replace(self, expert_share=0.0)

    def describe(self, policy: BasePolicy, network: ActorCriticNetwork, env_id: str | None) -> dict[str, Any]:
        """The actor; the value functions are left behind."""
        return describe_squashed_actor(policy, env_id)

    def discriminator_training(self, configured: AdversarialTraining) -> AdversarialTraining:
        """At the pace of this learner, not of the on-policy recipe."""
        return self.reward_training

    @property
    def statistics_momentum(self) -> float:
        """Slow, because values are learned from old rewards."""
        return self.reward_momentum

    def policy_kwargs(self, standardise: Standardise, network: ActorCriticNetwork) -> dict[str, Any]:
        """Of an actor and value functions with widths of their own."""
        return squashed_policy_kwargs(
            standardise, hidden=self.hidden, critic_hidden=self.critic_hidden, activation=self.activation
        )

    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """Of all four algorithms; the replay buffer is what pays.

        Raises:
            InputError: the actions are not from a bounded Box.
        """
        check_bounded(env.action_space)
        return {
            "batch_size": self.batch_size,
            "buffer_size": self.buffer_size,
            "learning_starts": self.learning_starts,
            "train_freq": self.train_freq,
            "gradient_steps": self.gradient_steps,
            "replay_buffer_class": LearnedRewardsReplay,
            "replay_buffer_kwargs": {"reward_model": reward_model},
        }


@dataclass(frozen=True, kw_only=True)
class EntropyConfig:
    """How much a policy's entropy is worth beside its reward.

    Raises:
        InputError: the temperature is negative, or 0 where it is learned.
    """

    temperature: float = 0.1
    """The weight of the entropy; the first one where it is learned."""
    learned: bool = True
    """Keep the entropy at minus the number of action columns by moving the temperature."""

    def __post_init__(self) -> None:
        if not (self.temperature > 0 or (self.temperature == 0 and not self.learned)):
            raise InputError(
                f"temperature must be above 0 where it is learned, and 0 or more where not, not {self.temperature}"
            )

    @property
    def ent_coef(self) -> str | float:
        """As stable-baselines3 takes it."""
        return f"auto_{self.temperature}" if self.learned else self.temperature


@dataclass(frozen=True, kw_only=True)
class SACConfig(OffPolicyConfig):
    """Soft actor-critic (Haarnoja et al. 2018) as stable-baselines3 has it."""

    algorithm = SAC

    tau: float = 0.005
    """Weight of the newest value functions in the slow copies that they learn from."""
    entropy: EntropyConfig = field(default_factory=EntropyConfig)
    """The worth of the policy's entropy."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight(self, "tau")

    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """Those of all four, and its own."""
        return {
            **super().arguments(env, reward_model),
            "tau": self.tau,
            "ent_coef": self.entropy.ent_coef,
        }


@dataclass(frozen=True, kw_only=True)
class TD3Config(OffPolicyConfig):
    """Twin delayed deep deterministic policy gradients (Fujimoto et al. 2018) as stable-baselines3 has it."""

    algorithm = TD3

    tau: float = 0.005
    """Weight of the newest networks in the slow copies that they learn from."""
    action_noise: float = 0.1
    """Deviation of the exploration noise, where the actions' range is -1 to 1."""
    policy_delay: int = 2
    """Gradient steps of the value functions for one of the policy."""
    target_policy_noise: float = 0.2
    """Deviation of the noise that smooths the value over actions."""
    target_noise_clip: float = 0.5
    """Bound of that noise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight(self, "tau")
        check_at_least(1, self, "policy_delay")
        check_at_least(0, self, "action_noise", "target_policy_noise", "target_noise_clip")

    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """Those of all four, and its own."""
        size = int(np.prod(env.action_space.shape or ()))
        return {
            **super().arguments(env, reward_model),
            "tau": self.tau,
            "action_noise": NormalActionNoise(np.zeros(size), np.full(size, self.action_noise)),
            "policy_delay": self.policy_delay,
            "target_policy_noise": self.target_policy_noise,
            "target_noise_clip": self.target_noise_clip,
        }


@dataclass(frozen=True, kw_only=True)
class TQCConfig(OffPolicyConfig):
    """Truncated quantile critics (Kuznetsov et al. 2020) as sb3-contrib has it."""

    algorithm = TQC

    tau: float = 0.005
    """Weight of the newest value functions in the slow copies that they learn from."""
    entropy: EntropyConfig = field(default_factory=EntropyConfig)
    """The worth of the policy's entropy."""
    n_critics: int = 2
    """Value functions."""
    n_quantiles: int = 25
    """Quantiles of each of them."""
    top_quantiles_to_drop: int = 2
    """Of each of them, the largest, against overestimation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight(self, "tau")
        check_at_least(1, self, "n_critics", "n_quantiles")
        check_at_least(0, self, "top_quantiles_to_drop")
        if self.top_quantiles_to_drop >= self.n_quantiles:
            raise InputError(
                f"top_quantiles_to_drop must leave some of the {self.n_quantiles} quantiles, not drop "
                f"{self.top_quantiles_to_drop}"
            )

    def policy_kwargs(self, standardise: Standardise, network: ActorCriticNetwork) -> dict[str, Any]:
        """With quantiles for values."""
        quantiles = {"n_critics": self.n_critics, "n_quantiles": self.n_quantiles}
        return {**super().policy_kwargs(standardise, network), **quantiles}

    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """Those of all four, and its own."""
        return {
            **super().arguments(env, reward_model),
            "tau": self.tau,
            "ent_coef": self.entropy.ent_coef,
            "top_quantiles_to_drop_per_net": self.top_quantiles_to_drop,
        }


@dataclass(frozen=True, kw_only=True)
class CrossQConfig(OffPolicyConfig):
    """CrossQ (Bhatt et al. 2024) as sb3-contrib has it: batch normalisation in place of slow copies."""

    algorithm = CrossQ

    learning_rate: float = 3e-4
    """Adam's step size; sb3-contrib's is 1e-3, with which imitation of Hopper was less steady (one seed each)."""
    entropy: EntropyConfig = field(default_factory=EntropyConfig)
    """The worth of the policy's entropy."""
    policy_delay: int = 3
    """Gradient steps of the value functions for one of the policy."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "policy_delay")

    def arguments(self, env: VecEnv, reward_model: RewardModel) -> dict[str, Any]:
        """Those of all four, and its own."""
        return {
            **super().arguments(env, reward_model),
            "ent_coef": self.entropy.ent_coef,
            "policy_delay": self.policy_delay,
        }
