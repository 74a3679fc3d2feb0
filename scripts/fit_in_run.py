"""A fit that is shown, logged and saved in its run directory while it goes on, until a signal ends it in good order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from fit_display import FitDisplay
from stable_baselines3.common import logger as sb3_logger

from genrl.generative_model import Progress
from genrl.stop_signals import StopSignals
from genrl.training.fit import FitEpoch
from genrl.training.run_directory import RunDirectory

__all__ = ["fit_in_run"]

SECONDS_BETWEEN_CHECKPOINTS = 30.0

Result = TypeVar("Result")


def fit_in_run(
    directory: RunDirectory, planned: int, fit: Callable[[Progress], Result], save: Callable[[int], None]
) -> tuple[Result, list[FitEpoch]]:
    """Fit, log each pass, and save now and then.

    Args:
        directory: whose config counts the "updates_done" before.
        planned: updates of this fit.
        fit: does it, and calls what it is given after each pass.
        save: writes a checkpoint, given all updates done; also called at the end.

    Returns:
        What `fit` gives, and the passes.
    """
    directory.set_aside_progress()
    logger = sb3_logger.configure(str(directory.path), ["csv", "tensorboard"])
    before = directory.config["updates_done"]
    saved_at, epochs = time.monotonic(), list[FitEpoch]()

    def done() -> int:
        return before + round(planned * epochs[-1].number / epochs[-1].planned)

    with StopSignals() as stop, FitDisplay() as display:

        def note(epoch: FitEpoch) -> bool:
            nonlocal saved_at
            epochs.append(epoch)
            for side, metrics in (("train", epoch.train), ("validation", epoch.validation)):
                for name, value in metrics.items():
                    logger.record(f"{side}/{name}", value)
            logger.record("updates", done())
            logger.dump(done())
            display.show(epoch)
            if time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS:
                save(done())
                saved_at = time.monotonic()
            return not stop.requested

        result = fit(note)
        # A fit whose patience is at an end has done what it was to do.
        save(done() if stop.requested and epochs else before + planned)
    logger.close()
    return result, epochs
