"""Training that can be stopped at any moment and gone on with: signals, and checkpoints between two rollouts."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType

from stable_baselines3.common.callbacks import BaseCallback

__all__ = ["Resumable", "StopSignals"]

STDERR = 2


class StopSignals:
    """While entered, the first Ctrl-C or SIGTERM asks for a stop at the next good moment; a second stops at once.

    >>> with StopSignals() as stop:
    ...     stop.requested
    False
    """

    def __init__(self) -> None:
        self.requested = False
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        # Not print: a signal may come while the interpreter is inside a write to the same stream, which may not nest.
        with contextlib.suppress(OSError):
            os.write(STDERR, b"\nstopping after this iteration; once more stops at once\n")


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
