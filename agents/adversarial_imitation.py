"""THE loop of adversarial imitation, as a callback of an unmodified on-policy learner.

Between collecting a rollout and learning from it, stable-baselines3 calls `on_rollout_end`. There the reward
model is trained on the demonstrations against the rollout, and the whole rollout is paid with the new model
(Ho & Ermon 2016, algorithm 1: D is updated before the policy).
"""

from __future__ import annotations

import time

import numpy as np
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from genrl.protocols import RewardModel
from genrl.transitions import Transitions

from .imitation_hook import ImitationHook
from .rollout_transitions import EpisodeEnds, rollout_transitions

__all__ = ["AdversarialImitation"]


class AdversarialImitation(ImitationHook):
    """Trains a reward model on each rollout of PPO or TRPO and rewrites the rollout's rewards with it.

    The environment must pay 0 (`LearnerEnv`). What the buffer then holds as rewards is exactly the bootstrap
    term gamma * V(terminal observation) that stable-baselines3 adds where a time limit cut an episode; it is kept.

    Logs `disc/*` (what the reward model's update returns), `reward/learned_mean`, `reward/learned_std`, and the
    seconds spent as `time/collect`, `time/discriminator`, `time/relabel`, `time/update`, and as `time/between` what
    other callbacks do before the next rollout: evaluations and checkpoints. Who tells when that is over is
    `CollectingBegins`, last in the list of callbacks; without it that time is counted as collecting.

    Args:
        reward_model: learns and pays.
        expert: the demonstrations' transitions.
    """

    def __init__(self, reward_model: RewardModel, expert: Transitions) -> None:
        super().__init__()
        self.reward_model = reward_model
        self.expert = expert
        self._ends = EpisodeEnds()
        self._step_in_rollout = 0
        self._update_started: float | None = None

    def _on_rollout_start(self) -> None:
        self._between_started = self._collect_started = time.perf_counter()
        if self._update_started is not None:
            self.logger.record("time/update", self._between_started - self._update_started)
        self._ends = EpisodeEnds()
        self._step_in_rollout = 0

    def collecting_begins(self) -> None:
        """The clock of the rollout starts."""
        self._collect_started = time.perf_counter()
        self.logger.record("time/between", self._collect_started - self._between_started)

    def _on_step(self) -> bool:
        self._ends.note(self._step_in_rollout, self.locals["dones"], self.locals["infos"])
        self._step_in_rollout += 1
        return True

    def _on_rollout_end(self) -> None:
        learner = self.model
        assert isinstance(learner, OnPolicyAlgorithm)
        buffer = learner.rollout_buffer
        started = time.perf_counter()
        rollout = rollout_transitions(buffer, self._ends, self.locals["new_obs"], learner.action_space)
        rollout = rollout.to(learner.device)
        metrics = self._update(self.expert, rollout)
        updated = time.perf_counter()

        learned = self._rewards(rollout).reshape(buffer.rewards.shape).cpu().numpy()
        bootstrap = buffer.rewards
        buffer.rewards = (learned + bootstrap).astype(np.float32)
        buffer.compute_returns_and_advantage(last_values=self.locals["values"], dones=self.locals["dones"])
        relabelled = time.perf_counter()

        for name, value in metrics.items():
            self.logger.record(f"disc/{name}", value)
        self.logger.record("reward/learned_mean", float(learned.mean()))
        self.logger.record("reward/learned_std", float(learned.std()))
        self.logger.record("time/collect", started - self._collect_started)
        self.logger.record("time/discriminator", updated - started)
        self.logger.record("time/relabel", relabelled - updated)
        self._update_started = relabelled
