"""Evaluation while training, and the best policy kept."""

from __future__ import annotations

from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback

from genrl.errors import InputError
from genrl.evaluation.aggregate import Evaluation
from genrl.stop_signals import StopSignals

__all__ = ["LEFT_OUT", "KeepBest"]

LEFT_OUT = "evaluation_left_out_at"
"""Key in a run's config for the step of an evaluation that a stop signal left out."""


class KeepBest(BaseCallback):
    """Evaluates the policy between two rollouts; logs `eval/*` as stable-baselines3 does, and keeps the best.

    The training return is no substitute: it is earned with exploration noise, and can be a fifth of what the same
    policy earns without.

    Args:
        evaluate: plays some episodes with the policy as it is now.
        keep: called with each evaluation that is better than all before.
        every: environment steps between two evaluations.
        best: mean return to beat, where a run goes on.
        from_start: evaluate before the first step too, where learning starts from a policy that is worth keeping.
        overdue: evaluate before the next step, where a run that goes on was stopped before an evaluation.
        stop: once it is requested, an evaluation is broken off and none begins.
        left_out: called with the step of an evaluation that was due and that `stop` left out.

    Raises:
        InputError: `every` is below 1.
    """

    def __init__(
        self,
        evaluate: Callable[[], Evaluation],
        keep: Callable[[Evaluation], None],
        *,
        every: int,
        best: float = float("-inf"),
        from_start: bool = False,
        overdue: bool = False,
        stop: StopSignals | None = None,
        left_out: Callable[[int], object] = lambda steps: None,
    ) -> None:
        super().__init__()
        if every < 1:
            raise InputError(f"the steps between two evaluations must be 1 or more, not {every}")
        self._evaluate = evaluate
        self._keep = keep
        self._every = every
        self.best = best
        self._from_start = from_start
        self._overdue = overdue
        self._stop = stop or StopSignals()
        self._left_out = left_out
        self.latest: Evaluation | None = None
        self._is_evaluated = False

    def _on_training_start(self) -> None:
        is_due = self._overdue or (self._from_start and self.model.num_timesteps == 0)
        self._is_evaluated = False
        self._next = 0 if is_due else (self.model.num_timesteps // self._every + 1) * self._every

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps >= self._next:
            self._run()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._is_evaluated = False  # the learner now changes its policy

    def _on_training_end(self) -> None:
        # A run that is stopped in the middle of a rollout may end with the policy that was just evaluated.
        if not self._is_evaluated:
            self._run()

    def _run(self) -> None:
        steps = self.model.num_timesteps
        self._next = (steps // self._every + 1) * self._every
        self._is_evaluated = True
        try:
            with self._stop.interruptible():
                self.latest = evaluation = self._evaluate()
        except KeyboardInterrupt:
            if not self._stop.requested:
                raise
            self._left_out(steps)
            return
        self.logger.record("eval/mean_reward", float(evaluation.returns.mean()))
        self.logger.record("eval/mean_ep_length", float(evaluation.lengths.mean()))
        self.logger.record("time/total_timesteps", steps, exclude="tensorboard")
        self.logger.dump(steps)
        if evaluation.returns.mean() > self.best:
            self.best = float(evaluation.returns.mean())
            self._keep(evaluation)
