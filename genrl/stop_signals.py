"""Stop signals: Ctrl-C (SIGINT) and SIGTERM end a program in good order, and within seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

__all__ = ["StopSignals", "stop_requested", "uninterrupted"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_SECONDS = 6.0
SECONDS_BETWEEN_INTERRUPTS = 3.0  # code that swallows a KeyboardInterrupt, such as a destructor, gets another one
STDOUT, STDERR = 1, 2
SHOW_CURSOR = b"\x1b[?25h"


class StopSignals:
    """While entered, the first SIGINT or SIGTERM sets `requested`, so that a loop can save and end.

    What has not ended `grace_seconds` later is ended by `KeyboardInterrupt`. From the first signal on, the signals have
    their default action: a second one ends the process at once, also inside a long call of a library. The handlers
    that were installed before are put back when the outermost `StopSignals` is left.

    Nested ones share what was received: after a signal all of them are requested, also those entered later, so that
    the parts of a program that were still to come can be skipped. In other threads than the main one, where Python
    handles no signals, nothing is ever requested.

    Args:
        at_once: raise `KeyboardInterrupt` at the first signal already.
        grace_seconds: from the first signal to the `KeyboardInterrupt`; None never raises it. Windows has no timer.

    Attributes:
        requested: whether to stop.
        number: of the first signal; None if there was none.

    >>> with StopSignals() as stop:
    ...     stop.requested
    False
    """

    def __init__(self, *, at_once: bool = False, grace_seconds: float | None = GRACE_SECONDS) -> None:
        self.at_once = at_once
        self.grace_seconds = grace_seconds
        self.requested = False
        self.number: int | None = None

    def __enter__(self) -> StopSignals:
        if _in_main_thread():
            _process.enter(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """What leaving the `with` block does, done again where a signal came in just then."""
        if _in_main_thread():
            _process.leave(self)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Inside, a stop is a `KeyboardInterrupt` at once, also one that was requested before.

        For what is long, saves nothing and can be left at any point, such as an evaluation.
        """
        before, self.at_once = self.at_once, True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self.at_once = before


def stop_requested() -> bool:
    """Whether a signal came since the outermost `StopSignals` was entered; a long loop asks this and ends early."""
    return _process.received is not None


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Inside, a `KeyboardInterrupt` of `StopSignals` waits until the end; for writing what must be whole."""
    if not _in_main_thread():
        yield
        return
    _process.unbroken += 1
    try:
        yield
    finally:
        _process.unbroken -= 1
        if not _process.unbroken:
            is_due, _process.interrupt_is_due = _process.interrupt_is_due, False
    if not _process.unbroken and is_due:
        raise KeyboardInterrupt


class _Process:
    """What this process has received, and who waits for it; handlers of signals belong to the process as a whole."""

    def __init__(self) -> None:
        self.entered: list[StopSignals] = []
        self.received: int | None = None
        self.unbroken = 0
        self.interrupt_is_due = False
        self._handlers: dict[int, Any] = {}

    def enter(self, stop: StopSignals) -> None:
        self.entered.append(stop)
        if self.received is not None:
            stop.requested, stop.number = True, self.received
        elif len(self.entered) == 1:
            self._handlers = {number: signal.signal(number, self._receive) for number in SIGNALS}

    def leave(self, stop: StopSignals) -> None:
        if stop not in self.entered:
            return
        self.unbroken += 1  # a signal that comes now is noted and interrupts nothing
        try:
            if len(self.entered) == 1:
                self._set_timer(None)
                for number, handler in self._handlers.items():
                    signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not Python's
                self._handlers = {}
                self.received = None
            self.entered.remove(stop)
        finally:
            self.unbroken -= 1
            self.interrupt_is_due = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self.received = number
        for stop in self.entered:
            stop.requested, stop.number = True, number
        innermost = self.entered[-1]
        self._set_timer(innermost.grace_seconds)
        # Not print: a signal may come while the interpreter is inside a write to the same stream, which may not nest.
        for stream in (STDOUT, STDERR):
            if os.isatty(stream):  # a live display has hidden the cursor, and may not get to show it again
                _write(stream, SHOW_CURSOR)
        if innermost.at_once:
            self._interrupt()
        else:
            _write(STDERR, b"\nstopping within seconds; once more stops at once\n")

    def _set_timer(self, seconds: float | None) -> None:
        if not hasattr(signal, "setitimer"):  # Windows
            return
        if seconds is not None:
            self._handlers[signal.SIGALRM] = signal.signal(signal.SIGALRM, lambda number, frame: self._interrupt())
            signal.setitimer(signal.ITIMER_REAL, seconds, SECONDS_BETWEEN_INTERRUPTS)
        elif signal.SIGALRM in self._handlers:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _interrupt(self) -> None:
        if self.unbroken:
            self.interrupt_is_due = True
        else:
            raise KeyboardInterrupt


_process = _Process()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _write(stream: int, text: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(stream, text)
