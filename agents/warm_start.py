"""A start from cloning: the learner's policy is fitted to the demonstrations before it meets its reward.

Cloning alone falls over: its errors lead to states that no demonstration shows. It does begin in the expert's own way
of moving, though, which a policy that starts from noise may never find. What it takes is a value function that knows
what the clone earns before its first advice is followed, and little noise: much of it, and the clone is lost. A clone
that falls at once has nothing to teach, and its little noise teaches it nothing; learning then starts from noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from genrl.errors import InputError
from genrl.policies import DensityPolicy
from genrl.transitions import Demonstrations

from .cloning import CloningConfig, clone, half_range, labelled_states

__all__ = ["HoldPolicy", "WarmStartConfig", "warm_start"]


@dataclass(frozen=True, kw_only=True)
class WarmStartConfig:
    """How the policy is fitted to the demonstrations before GAIL goes on with it.

    Raises:
        InputError: a number is out of its range.
    """

    updates: int = 10_000
    """Gradient steps of cloning, at most."""
    std: float = 0.2
    """Standard deviation of the actions afterwards, in units of half their range (continuous actions only)."""
    held_rollouts: int = 10
    """First rollouts from which only the value function and the discriminator learn."""
    least_length: float = 0.1
    """Part of the demonstrations' mean length that half of the clones must last, or else learning starts from noise."""

    def __post_init__(self) -> None:
        if self.updates < 1 or not self.std > 0 or self.held_rollouts < 0 or not 0 <= self.least_length <= 1:
            raise InputError(
                "a warm start needs 1 or more updates, a std above 0, 0 or more held rollouts and a least_length from "
                f"0 to 1, not {self.updates}, {self.std}, {self.held_rollouts} and {self.least_length}"
            )


def warm_start(
    policy: ActorCriticPolicy, env: VecEnv, demonstrations: Demonstrations, config: WarmStartConfig, *, seed: int
) -> bool:
    """Fit `policy` to the demonstrations in place and give its actions the configured noise, if the clone stands.

    Args:
        policy: of PPO or TRPO.
        env: reset, and stepped with the clone's actions; rewards are not looked at.
        demonstrations: with actions.
        config: how long, and how much noise.
        seed: of the order of rows and of the episodes held out.

    Returns:
        Whether the policy is now a clone; if not, it is as it was.
    """
    untrained = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    states = labelled_states(demonstrations, policy.action_space)
    clone(policy, states, CloningConfig(updates=config.updates), seed=seed, action_noise=config.std)
    steps = int(config.least_length * np.mean(demonstrations.episode_lengths))
    if share_that_lasts(policy, env, steps) < 0.5:
        policy.load_state_dict(untrained)
        return False
    if isinstance(policy.action_space, spaces.Box) and not isinstance(policy, DensityPolicy):
        with torch.no_grad():
            policy.log_std.copy_((config.std * half_range(policy)).log())
    return True


def share_that_lasts(policy: ActorCriticPolicy, env: VecEnv, steps: int) -> float:
    """Part of the environments, 0 to 1, whose first episode is not over after so many steps without noise."""
    observations: Any = env.reset()
    running = np.ones(env.num_envs, dtype=bool)
    for _ in range(steps):
        actions, _ = policy.predict(observations, deterministic=True)
        observations, _, dones, _ = env.step(actions)
        running &= ~dones
    return float(running.mean())


class HoldPolicy(BaseCallback):
    """Takes back what the first updates do to the policy, so that only the value function learns from them.

    Put it before a callback that saves between two rollouts: the policy is put back at that moment.

    Args:
        rollouts: how many updates are taken back, counted from the learner's very first.
    """

    def __init__(self, rollouts: int) -> None:
        super().__init__()
        self.rollouts = rollouts
        self._held: dict[str, Tensor] = {}

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        learner = self.model
        assert isinstance(learner, OnPolicyAlgorithm)
        done = learner.num_timesteps // (learner.n_steps * learner.n_envs)
        if done <= self.rollouts:
            self._held = {name: tensor.detach().clone() for name, tensor in _actor_parameters(learner).items()}

    def _on_rollout_start(self) -> None:
        assert isinstance(self.model, OnPolicyAlgorithm)
        self._put_back()

    def _on_training_end(self) -> None:
        self._put_back()

    def _put_back(self) -> None:
        assert isinstance(self.model, OnPolicyAlgorithm)
        parameters = _actor_parameters(self.model)
        with torch.no_grad():
            for name, tensor in self._held.items():
                parameters[name].copy_(tensor)
        self._held = {}


def _actor_parameters(learner: OnPolicyAlgorithm) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in learner.policy.named_parameters() if "value" not in name}
