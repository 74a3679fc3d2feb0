"""Training that can be stopped at any moment and gone on with: checkpoints between two rollouts."""

from __future__ import annotations

import time
from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback

from genrl.stop_signals import StopSignals

__all__ = ["Resumable", "StopSignals"]


class Resumable(BaseCallback):
    """Saves between two rollouts, where the state of a learner is whole: now and then, when asked to stop, at the end.

    Put it last in the list of callbacks: what the others do at the same moment belongs into the checkpoint.

    Args:
        save: called with the number of environment steps done.
        every_seconds: between two checkpoints; a killed run loses at most this, and one rollout.
        stop: ends the training, right after a checkpoint.
    """

    def __init__(self, save: Callable[[int], None], stop: StopSignals, *, every_seconds: float = 60.0) -> None:
        super().__init__()
        self._save = save
        self._stop = stop
        self._every_seconds = every_seconds
        self._stopping = False

    def _on_training_start(self) -> None:
        self._saved_at = time.monotonic()

    def _on_rollout_start(self) -> None:
        self._stopping = self._stop.requested
        # Before the first rollout there is something to go on with, too.
        first = self.num_timesteps == 0
        if first or self._stopping or time.monotonic() - self._saved_at >= self._every_seconds:
            self._save(self.model.num_timesteps)
            self._saved_at = time.monotonic()

    def _on_step(self) -> bool:
        # One step too late for the checkpoint just written, which is therefore exact.
        return not self._stopping

    def _on_training_end(self) -> None:
        if not self._stopping:
            self._save(self.model.num_timesteps)
