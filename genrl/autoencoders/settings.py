"""Checks of the settings that autoencoders take."""

from __future__ import annotations

from genrl.errors import InputError

__all__ = ["at_least", "one_of"]


def at_least(least: float, **settings: float | tuple[int, ...]) -> None:
    """Refuse numbers, and lists of widths, that hold one below `least`, or NaN.

    Raises:
        InputError: one does; the message names it.
    """
    for name, value in settings.items():
        numbers = value if isinstance(value, tuple | list) else (value,)
        if not all(number >= least for number in numbers):
            raise InputError(f"{name} must be {least} or more, not {value}")


def one_of(choices: tuple[str, ...], **settings: str) -> None:
    """Refuse words that are none of the choices.

    Raises:
        InputError: one is not; the message names it.
    """
    for name, value in settings.items():
        if value not in choices:
            raise InputError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
