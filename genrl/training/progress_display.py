"""A live line of progress on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from stable_baselines3.common.callbacks import BaseCallback

__all__ = ["ProgressDisplay", "StageDisplay", "recent_return"]

Figures = Mapping[str, str]


class ProgressDisplay(BaseCallback):
    """Shows steps, steps a second, the figures that matter, and the time left.

    Args:
        total: environment steps at the end of the run.
        figures: gives name and text of what else to show, from the learner's logger and episodes; called after
            each rollout.
        console: where to show it.
        every_seconds: between two plain lines where the console is no terminal.
    """

    def __init__(
        self,
        total: int,
        figures: Callable[[BaseCallback], Figures],
        *,
        console: Console | None = None,
        every_seconds: float = 10.0,
    ) -> None:
        super().__init__()
        self._total = total
        self._figures = figures
        self._console = console or Console(stderr=False)
        self._every_seconds = every_seconds
        self._shown: Figures = {}
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def _on_training_start(self) -> None:
        self._started = self._last = time.monotonic()
        self._last_line = self._started - self._every_seconds + 5.0  # the first plain line after five seconds
        self._first_step = self.model.num_timesteps
        self._is_stepping = False
        if self._console.is_terminal:
            self._bar = Progress(
                BarColumn(bar_width=16),
                TextColumn("{task.fields[text]}"),
                TimeRemainingColumn(compact=True),
                TextColumn("left"),
                console=self._console,
                transient=False,
                speed_estimate_period=60.0,
            )
            self._task = self._bar.add_task("", total=self._total, completed=self._first_step, text=self._text())
            self._bar.start()

    def _on_step(self) -> bool:
        now = time.monotonic()
        if not self._is_stepping:  # what came before, such as an evaluation, says nothing about the time left
            self._is_stepping = True
            self._started, self._first_step = now, self.model.num_timesteps
        elif now - self._last >= 0.5:
            self._last = now
            self._show(now)
        return True

    def _on_rollout_end(self) -> None:
        self._shown = self._figures(self)

    def _on_training_end(self) -> None:
        if self._bar is None:
            self._print_line(time.monotonic())
        self.close()

    def close(self) -> None:
        """Give the terminal back; needed by hand only where training ended with an error."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self.model.num_timesteps, text=self._text())
            self._bar.stop()

    def _show(self, now: float) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=self.model.num_timesteps, text=self._text())
        elif now - self._last_line >= self._every_seconds:
            self._print_line(now)

    def _print_line(self, now: float) -> None:
        self._last_line = now
        done = self.model.num_timesteps
        rate = (done - self._first_step) / max(now - self._started, 1e-9)
        left = f" · {_time_left(max(self._total - done, 0) / rate)}" if rate > 0 else ""
        print(self._text() + left, file=self._console.file, flush=True)

    def _text(self) -> str:
        done = self.model.num_timesteps
        rate = (done - self._first_step) / max(time.monotonic() - self._started, 1e-9)
        parts = [f"{done:,}/{self._total:,} steps", f"{rate:,.0f}/s"]
        return " · ".join(parts + [f"{name} {text}" for name, text in self._shown.items()])


class StageDisplay:
    """Shows the stages of a work one after the other, how far each has come, and the time that it has left.

    Args:
        console: where to show it.
        every_seconds: between two plain lines of one stage where the console is no terminal.
    """

    def __init__(self, *, console: Console | None = None, every_seconds: float = 10.0) -> None:
        self._console = console or Console(stderr=False)
        self._every_seconds = every_seconds
        self._stage: str | None = None
        self._began = self._last_line = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> StageDisplay:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def show(self, stage: str, done: int, planned: int) -> None:
        """Call it when a stage begins, and often while it goes on."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._last_line = stage, now, now
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._bar.add_task(stage, total=planned)
            if not self._console.is_terminal:
                print(stage, file=self._console.file, flush=True)
        self._bar.update(self._bar.task_ids[-1], completed=done)
        if not self._console.is_terminal and now - self._last_line >= self._every_seconds:
            self._last_line = now
            left = f" · {_time_left((planned - done) * (now - self._began) / done)}" if done else ""
            print(f"{stage}: {done:,}/{planned:,}{left}", file=self._console.file, flush=True)


def _time_left(seconds: float) -> str:
    return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"


def recent_return(callback: BaseCallback) -> float | None:
    """Mean true return of the latest training episodes; None before the first has ended."""
    episodes = callback.model.ep_info_buffer
    return float(np.mean([episode["r"] for episode in episodes])) if episodes else None
