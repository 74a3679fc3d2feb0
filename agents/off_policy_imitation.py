"""The loop of adversarial imitation for off-policy learners, as a callback beside a replay buffer that pays.

stable-baselines3 collects a few steps, stores them, and takes gradient steps on batches of the replay buffer, which
`LearnedRewardsReplay` pays. Between collecting and learning, every so many steps, the reward model is trained on the
demonstrations against the learner's newest steps (Kostrikov et al. 2019, algorithm 1).
"""

from __future__ import annotations

import time

import torch
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from genrl.errors import InputError
from genrl.protocols import RewardModel
from genrl.training.replay_memory import reserve_replay_memory
from genrl.transitions import Transitions

from .imitation_hook import ImitationHook
from .learned_rewards_replay import LearnedRewardsReplay

__all__ = ["OffPolicyImitation"]

PARTS = ("collect", "discriminator", "relabel", "update", "between")


class OffPolicyImitation(ImitationHook):
    """Trains a reward model while SAC, TD3, TQC or CrossQ learns from a replay buffer that it pays.

    One iteration is the time from one update of the reward model to the next. Each ends with a line of the log:
    `disc/*` (what the update returned), `reward/learned_mean` and `reward/learned_std` of the rows that it saw, and
    the seconds of the iteration as `time/collect`, `time/discriminator`, `time/relabel` (paying batches),
    `time/update` (the learner's own) and `time/between` (what other callbacks do before the next steps, if
    `CollectingBegins` tells when they are done). Where episodes all end together, stable-baselines3's lines, one for
    every few episodes, would bunch up: turn them off with a large `log_interval` of `learn`.

    Args:
        reward_model: learns.
        expert: the demonstrations' transitions.
        update_every: environment steps between two updates of the reward model, counted over all environments.
        window: how many of the newest transitions stand for the learner. The whole buffer is allowed, and holds much
            that the learner has long stopped doing.
        rows: drawn from them for an update.
        expert_share: part of each of the learner's own batches that is drawn from the demonstrations.
        log_interval: iterations between two lines of the log.

    Raises:
        InputError: a number is below 1; or, when training starts, the learner's replay buffer does not pay.
    """

    def __init__(
        self,
        reward_model: RewardModel,
        expert: Transitions,
        *,
        update_every: int = 1024,
        window: int = 16_384,
        rows: int = 4096,
        expert_share: float = 0.0,
        log_interval: int = 1,
    ) -> None:
        super().__init__()
        if min(update_every, window, rows, log_interval) < 1:
            raise InputError(
                "update_every, window, rows and log_interval must be 1 or more, "
                f"not {update_every}, {window}, {rows} and {log_interval}"
            )
        self.reward_model = reward_model
        self.expert = expert
        self.update_every = update_every
        self.window = window
        self.rows = rows
        self.expert_share = expert_share
        self.log_interval = log_interval

    def _on_training_start(self) -> None:
        learner = self.model
        if not isinstance(learner, OffPolicyAlgorithm) or not isinstance(learner.replay_buffer, LearnedRewardsReplay):
            raise InputError("the learner's replay buffer does not pay: make it with LearnedRewardsReplay")
        self._replay = learner.replay_buffer
        reserve_replay_memory(self._replay, learner._total_timesteps)
        self._replay.expert, self._replay.expert_share = self.expert, self.expert_share
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._paid_before = self._replay.paying_seconds
        self._mark = time.perf_counter()
        self._iterations = 0
        self._line_is_due = False

    def _on_rollout_start(self) -> None:
        self._lap("update")
        if self._line_is_due:
            self._write_line()
        self._steps_before = self.model.num_timesteps

    def collecting_begins(self) -> None:
        """What passed since the learner's last update was not collecting."""
        self._lap("between")

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._lap("collect")
        # From the count of steps alone, so that a run that is resumed updates at the same steps.
        if self.model.num_timesteps // self.update_every > self._steps_before // self.update_every:
            self._update_reward_model()
            self._lap("discriminator")

    def _on_training_end(self) -> None:
        if self._line_is_due:
            self._lap("update")
            self._write_line()

    def _update_reward_model(self) -> None:
        newest = self._replay.draw_newest(self.rows, self.window)
        metrics = self._update(self.expert, newest)
        with torch.no_grad():
            learned = self._rewards(newest)
        for name, value in metrics.items():
            self.logger.record(f"disc/{name}", value)
        self.logger.record("reward/learned_mean", float(learned.mean()))
        self.logger.record("reward/learned_std", float(learned.std(correction=0)))
        self._iterations += 1
        self._line_is_due = self._iterations % self.log_interval == 0

    def _write_line(self) -> None:
        """After the learner's update, so that what it recorded is in the line too."""
        learner = self.model
        assert isinstance(learner, OffPolicyAlgorithm)
        for name, seconds in self._seconds.items():
            self.logger.record(f"time/{name}", seconds / self.log_interval)
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._line_is_due = False
        learner.dump_logs()

    def _lap(self, part: str) -> None:
        """Book the time since the last call; what of it the replay buffer spent on paying is booked as that."""
        now, paid = time.perf_counter(), self._replay.paying_seconds
        self._seconds[part] += now - self._mark - (paid - self._paid_before)
        self._seconds["relabel"] += paid - self._paid_before
        self._mark, self._paid_before = now, paid
