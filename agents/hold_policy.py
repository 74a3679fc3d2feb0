"""Holds the policy of an on-policy learner still while its value function learns."""

from __future__ import annotations

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from torch import Tensor

__all__ = ["HoldPolicy"]


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
