"""Fits in several stages that are told of as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from genrl.training.fit_checkpoints import stop_requested
from genrl.training.fit_history import FitEpoch

__all__ = ["Stages"]


class Stages:
    """Passes the epochs of one stage after another on, numbered through.

    Args:
        progress: told of each epoch; None for nobody.
    """

    def __init__(self, progress: Callable[[FitEpoch], bool | None] | None) -> None:
        self._asked = False
        self._progress = progress
        self._told = 0

    def __call__(self, epoch: FitEpoch) -> bool:
        """False if the fit is to end."""
        before = self._told - epoch.number + 1  # epochs of earlier stages
        self._told += 1
        numbered = replace(epoch, number=self._told, planned=before + epoch.planned)
        self._asked = self._progress is not None and self._progress(numbered) is False
        return not self._asked

    @property
    def asked(self) -> bool:
        """The end was asked for, by `progress` or in the middle of an epoch: later stages are to be left out."""
        return self._asked or stop_requested()
