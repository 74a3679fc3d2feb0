"""What every script here does around its work: parse, keep quiet, and say in one line what the user can put right."""

from __future__ import annotations

import quiet_start

import errno
import json
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NoReturn, TextIO, TypeVar

import tyro

from genrl.errors import InputError, NotFiniteError
from genrl.stop_signals import StopSignals

__all__ = ["Algorithm", "parse_env_kwargs", "run", "when_stopped"]

Config = TypeVar("Config")
Algorithm = Literal["a2c", "crossq", "ddpg", "dqn", "ppo", "recurrent_ppo", "sac", "td3", "tqc", "trpo"]
"""Whose models a `.zip` of stable-baselines3 or sb3-contrib may hold."""

SIGNALLED = 128  # to which shells add the number of the signal
UNREAD = 141  # 128 + SIGPIPE
NOT_FINITE = 1
BAD_INPUT = 2
ADVICE = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "your quota is used up: free some space and try again",
    errno.EACCES: "choose a place that you may read and write",
    errno.EPERM: "choose a place that you may read and write",
    errno.EROFS: "it is read-only: choose another place",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "check the path",
    errno.EEXIST: "choose another path",
    errno.ENAMETOOLONG: "choose a shorter path",
}


NOTHING_SAVED = "stopped before anything was saved"

_saved: list[Callable[[], str]] = []


def when_stopped(describe: Callable[[], str]) -> None:
    """Let `run` say what `describe` gives after a stop signal, in place of that nothing was saved.

    Call it as soon as there is something to come back to; a later call replaces an earlier one.
    """
    _saved[:] = [describe]


def run(main: Callable[[Config], None], config_type: type[Config]) -> NoReturn:
    """Parse the command line into `config_type`, call `main` with it, and exit.

    The help text is `main`'s docstring and the attribute docstrings of `config_type`. Exit codes: 0; 1 if NaN or
    infinity ended the run, and 2 for input that the user can put right, both with one line on standard error; 130 after
    Ctrl-C and 143 after SIGTERM, with what `when_stopped` was given, also where `main` ended in good order; 141,
    without a word, when nobody reads the output any more, as after `| head`. A bug still shows its traceback.

    A signal raises KeyboardInterrupt in `main`, except inside a `StopSignals` of its own, which has its own way.
    """
    warnings.showwarning = _show_warning
    unraisable, sys.unraisablehook = sys.unraisablehook, _show_unraisable
    _saved.clear()
    stop, problem = StopSignals(at_once=True), None
    try:
        with stop:
            _call(main, config_type)
        number = stop.number
    except KeyboardInterrupt:
        number = stop.number or signal.SIGINT
    except Exception as error:
        if stop.number is None:
            raise
        number, problem = stop.number, error  # most likely of what the signal interrupted
    finally:
        stop.close()
        sys.unraisablehook = unraisable
        quiet_start.last_words.clear()
    if number is None:
        sys.exit(0)
    _say_stopped(problem)
    sys.exit(SIGNALLED + number)


def _call(main: Callable[[Config], None], config_type: type[Config]) -> None:
    """Parse, call, and turn what is no bug into one line and a code."""
    try:
        try:
            main(tyro.cli(config_type, description=main.__doc__))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _is_unread(sys.stdout):
            raise
        # What is still to be written would raise again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNREAD)
    except InputError as error:
        _fail(str(error))
    except NotFiniteError as error:
        _fail(str(error), NOT_FINITE)
    except OSError as error:
        if error.errno not in ADVICE:
            raise
        place = f": {error.filename}" if error.filename else ""
        _fail(f"{(error.strerror or str(error)).lower()}{place} ({ADVICE[error.errno]})")


def parse_env_kwargs(pairs: Sequence[str]) -> dict[str, Any]:
    """Constructor keywords of a task from `key=value` words.

    Values are read as JSON (`true`, `0.1`, `[0.2, 1.0]`, `null`), and as a string where they are none.

    Raises:
        InputError: a word has no `=` or no key.

    >>> parse_env_kwargs(["ctrl_cost_weight=0.1", "healthy_z_range=[0.2, 1.0]", "terminate_when_unhealthy=false"])
    {'ctrl_cost_weight': 0.1, 'healthy_z_range': [0.2, 1.0], 'terminate_when_unhealthy': False}
    """
    keywords: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key.isidentifier() or not equals:
            raise InputError(f"--env-kwargs takes key=value words, such as ctrl_cost_weight=0.1, not {pair!r}")
        try:
            keywords[key] = json.loads(value)
        except json.JSONDecodeError:
            keywords[key] = {"True": True, "False": False, "None": None}.get(value, value)
    return keywords


def _is_unread(stream: TextIO) -> bool:
    """Whether an empty line can no longer be written to `stream`, because nobody reads it."""
    try:
        print(file=stream, flush=True)
    except BrokenPipeError:
        return True
    return False


def _fail(message: str, code: int = BAD_INPUT) -> NoReturn:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _say_stopped(problem: Exception | None) -> None:
    try:
        words = _saved[-1]() if _saved else NOTHING_SAVED
    except Exception as error:  # it reads what an interrupted program has left
        words, problem = "stopped", problem or error
    if problem is not None:
        words += f"\nwhile it stopped: {type(problem).__name__}: {' '.join(str(problem).split())}"
    print(words, file=sys.stderr)


def _show_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Nothing about a KeyboardInterrupt in a destructor; it comes again."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """One line, without colours and the place in the source that raised it."""
    text = " ".join(re.sub(r"\x1b\[\d+m|WARN: ", "", str(message)).split())
    # Gymnasium says so of every v4 task. A filter would not do: Gymnasium puts its own in front when imported.
    if "is out of date. You should consider upgrading" not in text:
        print(f"warning: {text}", file=file or sys.stderr)
