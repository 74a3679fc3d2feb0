"""Ends a script in one line where a signal comes before `command_line.run`; to be imported before what is slow."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import signal
import sys
from pathlib import Path
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


def _spare_process_of_glfw() -> None:
    """Name the library that `glfw` brings along, for which it would start a process when MuJoCo imports it.

    A signal in that moment would reach this process too, or leave it without input, and it would end in a traceback.
    """
    package = importlib.util.find_spec("glfw")
    if sys.platform != "linux" or package is None or package.origin is None or "PYGLFW_LIBRARY" in os.environ:
        return
    variant = "wayland" if os.environ.get("XDG_SESSION_TYPE") == "wayland" else "x11"
    library = str(Path(package.origin).with_name(variant) / "libglfw.so")
    with contextlib.suppress(OSError):
        ctypes.CDLL(library)
        os.environ["PYGLFW_LIBRARY"] = library


if _is_script(getattr(sys.modules["__main__"], "__file__", None)):
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, _end)
    _spare_process_of_glfw()
