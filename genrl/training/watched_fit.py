"""The history of a fit that tells of itself by nothing but what it calls after each pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from genrl.training.fit_checkpoints import stop_requested
from genrl.training.fit_history import FitEpoch, FitHistory

__all__ = ["watched_fit"]


def watched_fit(
    fit: Callable[[Callable[[FitEpoch], bool | None]], Any], progress: Callable[[FitEpoch], bool | None] | None
) -> FitHistory:
    """Fit, and remember the passes.

    Args:
        fit: given what it is to call after each pass, or report; a False that this returns ends the fit.
        progress: told of each, too; a False that it returns is passed on.

    >>> epoch = FitEpoch(number=1, planned=2, train={"loss": 1.0}, validation={})
    >>> watched_fit(lambda note: note(epoch), lambda epoch: False).stopped
    'asked'
    """
    epochs: list[FitEpoch] = []
    asked = False

    def note(epoch: FitEpoch) -> bool:
        nonlocal asked
        epochs.append(epoch)
        asked = progress is not None and progress(epoch) is False
        return not asked

    fit(note)
    held_out = [epoch.validation.get("loss", 0.0) for epoch in epochs]
    # The weights kept are those of the best pass, of the last stage where there are several, or of the last one if
    # nothing was held out to tell.
    last_stage = [at for at, epoch in enumerate(epochs) if epoch.planned == epochs[-1].planned]
    kept = 1 + min(last_stage, key=lambda at: (held_out[at], -at)) if epochs else 0
    return FitHistory(epochs=tuple(epochs), kept=kept, stopped="asked" if asked or stop_requested() else "epochs")
