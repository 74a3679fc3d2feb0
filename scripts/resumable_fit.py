"""A fit in its run directory: shown, logged, saved while it goes on, ended by a signal, and resumed exactly."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from fit_display import FitDisplay
from stable_baselines3.common import logger as sb3_logger

from genrl.errors import InputError, NotFiniteError
from genrl.generative_model import Progress
from genrl.stop_signals import StopSignals
from genrl.training.checkpoint import CheckpointParts
from genrl.training.fit import FitEpoch
from genrl.training.fit_checkpoints import FitCheckpoints
from genrl.training.reading import validate
from genrl.training.run_directory import RunDirectory

__all__ = ["FitReport", "resumable_fit"]

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class FitReport(Generic[Result]):
    """How a fit went.

    Attributes:
        result: what the function that fits gave.
        epochs: all of them, also those before an interruption.
        seconds: that it took, together with those before an interruption.
        stopped: a signal ended it early.
    """

    result: Result
    epochs: list[FitEpoch]
    seconds: float
    stopped: bool


def resumable_fit(
    directory: RunDirectory,
    fit: Callable[[Progress], Result],
    *,
    beside: Callable[[], CheckpointParts] | None = None,
    shown: Callable[[FitEpoch], dict[str, float]] | None = None,
    rescue: Callable[[], None] | None = None,
) -> FitReport[Result]:
    """Fit, or go on with a fit from the latest checkpoint of the run; a signal ends it in good order.

    A checkpoint is written now and then, when a signal ends the fit, and at the end. It is of the end of an epoch: what
    was done of an unfinished one is done again. The run goes on exactly if `fit` does all over again what lies before
    and between its training loops: it starts with a fresh model from the same seed and the same data.

    Args:
        directory: of the run; each epoch becomes a row of its `progress.csv`.
        fit: does it, and calls what it is given after each epoch.
        beside: gives what else a checkpoint is to hold.
        shown: what is shown of an epoch; by default all that it reports of the rows trained on.
        rescue: called where NaN or infinity ends the fit after an epoch or more, to save the model, which then has the
            last weights that are worth it.

    Raises:
        InputError: the checkpoint is of another fit.
        NotFiniteError: the fit was ended by NaN or infinity; a checkpoint was written.
    """
    saved = directory.latest_checkpoint() if directory.has_checkpoint else None
    clock = {"seconds": 0.0}
    if saved is not None:
        clock = validate(dict[str, float], saved.documents.get("clock", clock), saved.folder / "clock.json")
    began, epochs = time.perf_counter(), list[FitEpoch]()

    def seconds() -> float:
        return clock.get("seconds", 0.0) + time.perf_counter() - began

    def save(parts: CheckpointParts) -> None:
        more = CheckpointParts(tensors={}, documents={}, arrays={}) if beside is None else beside()
        directory.save(
            checkpoints.epochs_done,
            tensors={**more.tensors, **parts.tensors},
            documents={**more.documents, **parts.documents, "clock": {"seconds": seconds()}},
            arrays={**more.arrays, **parts.arrays},
        )

    checkpoints = FitCheckpoints(saved, save=save)  # refuses a damaged state before the log is begun anew
    log = contextlib.closing(sb3_logger.configure(str(directory.path), ["csv", "tensorboard"]))
    with log as logger, StopSignals() as stop, FitDisplay() as display, checkpoints:
        if saved is None:
            save(checkpoints.state())  # to go on from, should the first epoch be interrupted

        def note(epoch: FitEpoch) -> bool:
            epochs.append(epoch)
            for side, metrics in (("train", epoch.train), ("validation", epoch.validation)):
                for name, value in metrics.items():
                    logger.record(f"{side}/{name}", value)
            logger.record("epoch", len(epochs))
            logger.dump(len(epochs))
            if not checkpoints.replaying:
                display.show(epoch if shown is None else replace(epoch, train=shown(epoch)))
            return not stop.requested

        try:
            result = fit(note)
        except NotFiniteError as error:
            if not epochs:
                raise
            save(checkpoints.state())
            if rescue is not None:
                with contextlib.suppress(InputError):  # a part of the model may not be fitted yet
                    rescue()
            raise NotFiniteError(f"{error}. What was learned before is in {directory.path}") from None
    return FitReport(result=result, epochs=epochs, seconds=seconds(), stopped=stop.requested)
