"""The reinforcement learners that can be paid by a reward model, with the settings measured to work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sb3_contrib import TRPO
from stable_baselines3 import PPO
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

__all__ = ["PPOConfig", "TRPOConfig"]


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """Proximal policy optimisation (Schulman et al. 2017) as stable-baselines3 has it."""

    n_steps: int = 128
    """Steps of each environment in a rollout."""
    batch_size: int = 2048
    """Rows of a minibatch; a rollout that is smaller is one minibatch."""
    n_epochs: int = 5
    """Passes over a rollout."""
    learning_rate: float = 5e-4
    """Adam's step size."""
    gamma: float = 0.99
    """Discount."""
    gae_lambda: float = 0.95
    """Trade-off between bias and variance of the advantages."""
    clip_range: float = 0.2
    """How far the probability ratio may move."""
    ent_coef: float = 0.0
    """Weight of the policy's entropy."""
    target_kl: float | None = 0.02
    """The epochs of an update stop where the policy has moved 1.5 times this far; None never stops."""

    def build(self, env: VecEnv, policy_kwargs: dict[str, Any], *, seed: int, device: str) -> OnPolicyAlgorithm:
        """The learner on `env`."""
        return PPO(
            "MlpPolicy",
            env,
            n_steps=self.n_steps,
            batch_size=min(self.batch_size, self.n_steps * env.num_envs),
            n_epochs=self.n_epochs,
            learning_rate=self.learning_rate,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            clip_range=self.clip_range,
            ent_coef=self.ent_coef,
            target_kl=self.target_kl,
            policy_kwargs=policy_kwargs,
            seed=seed,
            device=device,
        )


@dataclass(frozen=True, kw_only=True)
class TRPOConfig:
    """Trust region policy optimisation (Schulman et al. 2015) as sb3-contrib has it."""

    n_steps: int = 128
    """Steps of each environment in a rollout."""
    batch_size: int = 2048
    """Rows of a minibatch of the value function."""
    n_critic_updates: int = 5
    """Passes of the value function over a rollout."""
    learning_rate: float = 1e-3
    """Adam's step size for the value function."""
    gamma: float = 0.99
    """Discount."""
    gae_lambda: float = 0.95
    """Trade-off between bias and variance of the advantages."""
    target_kl: float = 0.01
    """Size of the trust region in nats."""
    cg_damping: float = 0.1
    """Damping of the Fisher matrix in the conjugate gradient."""

    def build(self, env: VecEnv, policy_kwargs: dict[str, Any], *, seed: int, device: str) -> OnPolicyAlgorithm:
        """The learner on `env`."""
        return TRPO(
            "MlpPolicy",
            env,
            n_steps=self.n_steps,
            batch_size=min(self.batch_size, self.n_steps * env.num_envs),
            n_critic_updates=self.n_critic_updates,
            learning_rate=self.learning_rate,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            target_kl=self.target_kl,
            cg_damping=self.cg_damping,
            policy_kwargs=policy_kwargs,
            seed=seed,
            device=device,
        )
