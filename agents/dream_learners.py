"""The learners that can learn in dreams: unmodified SAC and PPO, and how much each dreams for a real step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import (
    ActorCriticNetwork,
    describe_policy,
    describe_squashed_actor,
    policy_kwargs,
    squashed_policy_kwargs,
)

__all__ = ["DreamPPOConfig", "DreamSACConfig"]


@dataclass(frozen=True, kw_only=True)
class DreamSACConfig:
    """SAC on short dreams from real states, as in model-based policy optimisation (Janner et al. 2019)."""

    updates_per_step: float = 2.0
    """Gradient steps for each real step; the paper takes 20 to 40, where real steps are dear and time is not."""
    dreamt_per_update: int = 8
    """Dreamt steps for each gradient step."""
    hidden: tuple[int, ...] = (128, 128)
    """Widths of the hidden layers of policy and value functions."""
    learning_rate: float = 1e-3
    """Adam's step size."""
    gamma: float = 0.99
    """Discount."""
    batch_size: int = 256
    """Rows of a gradient step."""
    rounds_kept: int = 5
    """Rounds whose dreams are learned from; older ones are of worse models."""
    tau: float = 0.005
    """Weight of the newest value functions in the slow copies that they learn from."""
    temperature: float = 1.0
    """The first weight of the entropy, which is then learned; less where rewards are small."""

    def dreamt_steps(self, real_steps: int) -> int:
        """Steps to dream for so many real ones."""
        return round(real_steps * self.updates_per_step * self.dreamt_per_update)

    def build(
        self, env: VecEnv, standardise: Standardise, *, steps_per_round: int, seed: int, device: str
    ) -> BaseAlgorithm:
        """The learner.

        Raises:
            InputError: the actions are discrete.
        """
        if not isinstance(env.action_space, spaces.Box):
            raise InputError(f"SAC needs a Box of actions, not {env.action_space}: take the learner ppo")
        return SAC(
            "MlpPolicy",
            env,
            learning_rate=self.learning_rate,
            gamma=self.gamma,
            batch_size=self.batch_size,
            buffer_size=max(env.num_envs, self.rounds_kept * self.dreamt_steps(steps_per_round)),
            tau=self.tau,
            ent_coef=f"auto_{self.temperature}",
            learning_starts=0,
            train_freq=1,
            gradient_steps=max(1, env.num_envs // self.dreamt_per_update),
            policy_kwargs=squashed_policy_kwargs(
                standardise, hidden=self.hidden, critic_hidden=self.hidden, activation="relu"
            ),
            seed=seed,
            device=device,
        )

    def describe(self, policy: BasePolicy, env_id: str | None) -> dict[str, Any]:
        """The policy as `genrl.policies.load_policy` needs it beside the tensors."""
        return describe_squashed_actor(policy, env_id)


@dataclass(frozen=True, kw_only=True)
class DreamPPOConfig:
    """PPO on dreams, which is cheap in gradient steps and wants many dreams."""

    dreamt_per_step: int = 200
    """Dreamt steps for each real step."""
    n_steps: int = 16
    """Steps of each dream in a rollout; a dream may go on in the next."""
    n_epochs: int = 5
    """Passes over a rollout."""
    batch_size: int = 512
    """Rows of a minibatch."""
    learning_rate: float = 5e-4
    """Adam's step size."""
    gamma: float = 0.95
    """Discount; dreams are short."""
    gae_lambda: float = 0.95
    """Trade-off between bias and variance of the advantages."""
    network: ActorCriticNetwork = field(default_factory=ActorCriticNetwork)
    """The policy."""

    def dreamt_steps(self, real_steps: int) -> int:
        """Steps to dream for so many real ones."""
        return real_steps * self.dreamt_per_step

    def build(
        self, env: VecEnv, standardise: Standardise, *, steps_per_round: int, seed: int, device: str
    ) -> BaseAlgorithm:
        """The learner; how many steps a round has does not matter to it."""
        return PPO(
            "MlpPolicy",
            env,
            n_steps=self.n_steps,
            n_epochs=self.n_epochs,
            batch_size=min(self.batch_size, self.n_steps * env.num_envs),
            learning_rate=self.learning_rate,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            policy_kwargs=policy_kwargs(self.network, standardise),
            seed=seed,
            device=device,
        )

    def describe(self, policy: BasePolicy, env_id: str | None) -> dict[str, Any]:
        """The policy as `genrl.policies.load_policy` needs it beside the tensors."""
        assert isinstance(policy, ActorCriticPolicy)
        return describe_policy(policy, self.network, env_id)
