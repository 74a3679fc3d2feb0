"""Ends a script in one line where a signal comes before `command_line.run`; to be imported before what is slow."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType

__all__ = ["last_words"]

last_words = [b"stopped before anything was saved\n"]
"""What is said; `command_line.run` empties it when the work is done."""


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"".join(last_words))
    os._exit(128 + number)  # what shells expect


def _is_script(path: str | None) -> bool:
    """Whether the running program is one of this folder, and not a test or a program that borrows from here."""
    return path is not None and os.path.dirname(os.path.realpath(path)) == os.path.dirname(os.path.realpath(__file__))


if _is_script(getattr(sys.modules["__main__"], "__file__", None)):
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, _end)
