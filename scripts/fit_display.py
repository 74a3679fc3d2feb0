"""A live line for training by epochs on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from code_watch import HIDDEN, said_of_codes
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sample_watch import SAID, said_of_samples

from genrl.training.fit import FitEpoch

__all__ = ["FitDisplay"]

SECONDS_BETWEEN_LINES = 10.0


class FitDisplay:
    """Shows how far a fit has come, the loss on both sides of the split, what else it reports, and the time left."""

    def __init__(self) -> None:
        self._console = Console()
        self._last_line = time.monotonic() - SECONDS_BETWEEN_LINES + 1.0  # the first plain line after a second
        self._bar = Progress(
            BarColumn(bar_width=16),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left at most"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, text="starting")

    def __enter__(self) -> FitDisplay:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def show(self, epoch: FitEpoch) -> None:
        """Call it after each epoch."""
        text = f"epoch {epoch.number}/{epoch.planned} · loss {epoch.train['loss']:.4g}"
        if epoch.validation:
            text += f", held out {epoch.validation['loss']:.4g}"
        for name, value in epoch.train.items():
            if name != "loss" and name not in SAID | HIDDEN:
                text += f" · {name.replace('_', ' ')} {value:.3g}"
        text += said_of_codes(epoch.train) + said_of_samples(epoch.train)
        self._bar.update(self._task, total=epoch.planned, completed=epoch.number, text=text)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            print(text, flush=True)
