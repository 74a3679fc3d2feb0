"""Checks of numbers and words that constructors take, with one way of saying what is wrong."""

from __future__ import annotations

from genrl.errors import InputError

__all__ = ["at_least", "one_of"]


def at_least(least: float, **arguments: float | tuple[int, ...] | None) -> None:
    """Refuse numbers, and lists of widths, that hold one below `least`, or NaN; None is a number that is not given.

    Raises:
        InputError: one does; the message names it.

    >>> at_least(1, layers=2, hidden=(64, 64), width=None)
    """
    for name, value in arguments.items():
        numbers = () if value is None else value if isinstance(value, tuple | list) else (value,)
        if not all(number >= least for number in numbers):
            raise InputError(f"{name} must be {least} or more, not {value}")


def one_of(choices: tuple[str, ...], **arguments: str) -> None:
    """Refuse words that are none of the choices.

    Raises:
        InputError: one is not; the message names it.

    >>> one_of(("gru", "lstm"), cell="gru")
    """
    for name, value in arguments.items():
        if value not in choices:
            raise InputError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
