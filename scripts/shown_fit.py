"""A fit that is shown on the terminal, and that a signal ends in good order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from fit_display import FitDisplay

from genrl.generative_model import Progress
from genrl.stop_signals import StopSignals
from genrl.training.fit import FitEpoch

__all__ = ["shown_fit"]


def shown_fit(fit: Callable[[Progress], object], told: Callable[[FitEpoch], dict[str, float]] | None = None) -> float:
    """The seconds that a fit took.

    Args:
        fit: does it, and calls what it is given after each pass.
        told: what is shown of a pass; by default all that it reports of the rows trained on.
    """
    began = time.perf_counter()
    with StopSignals() as stop, FitDisplay() as display:

        def note(epoch: FitEpoch) -> bool:
            display.show(epoch if told is None else replace(epoch, train=told(epoch)))
            return not stop.requested

        fit(note)
    return time.perf_counter() - began
