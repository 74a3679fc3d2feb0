"""Fits in several stages that are told of as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from genrl.training.fit import FitEpoch

__all__ = ["Stages"]


class Stages:
    """Passes the epochs of one stage after another on, numbered through.

    Attributes:
        asked: whoever was told has asked for the end: later stages are to be left out.

    Args:
        progress: told of each epoch; None for nobody.
    """

    def __init__(self, progress: Callable[[FitEpoch], bool | None] | None) -> None:
        self.asked = False
        self._progress = progress
        self._told = 0

    def __call__(self, epoch: FitEpoch) -> bool:
        """False if the fit is to end."""
        before = self._told - epoch.number + 1  # epochs of earlier stages
        self._told += 1
        numbered = replace(epoch, number=self._told, planned=before + epoch.planned)
        self.asked = self._progress is not None and self._progress(numbered) is False
        return not self.asked
