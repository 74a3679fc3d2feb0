"""Moments at which an agent's state is whole: it is saved there now and then, and learning can be ended there."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["LearningStopped", "Pauses"]


class LearningStopped(Exception):
    """Leaves the learning at a moment when the agent's state is whole."""


class Pauses:
    """What is to be done when an agent's state is whole.

    Args:
        save: called every `every_seconds`, and before a stop.
        stop: whether learning is to end.
        every_seconds: between two calls of `save`.

    >>> pauses = Pauses(lambda: print("saved"), lambda: True)
    >>> try:
    ...     pauses.at_rest()
    ... except LearningStopped:
    ...     print("stopped")
    saved
    stopped
    """

    def __init__(
        self,
        save: Callable[[], None] | None = None,
        stop: Callable[[], bool] | None = None,
        every_seconds: float = 60.0,
    ) -> None:
        self._save = save
        self._stop = stop
        self._every_seconds = every_seconds
        self._saved_at = time.monotonic()

    def stop_requested(self) -> bool:
        """Whether learning is to end."""
        return self._stop is not None and self._stop()

    def at_rest(self) -> None:
        """To be called when the state is whole.

        Raises:
            LearningStopped: a stop was requested; the state has been saved.
        """
        if self.stop_requested():
            if self._save is not None:
                self._save()
            raise LearningStopped
        self.save_if_due()

    def save_if_due(self) -> None:
        """Save, if that is long ago."""
        if self._save is not None and time.monotonic() - self._saved_at >= self._every_seconds:
            self._save()
            self._saved_at = time.monotonic()
