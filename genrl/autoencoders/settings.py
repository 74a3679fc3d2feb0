"""Checks of the settings that autoencoders take."""

from __future__ import annotations

from genrl.errors import InputError

__all__ = ["at_least", "codebook_settings", "one_of"]


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


def codebook_settings(*, commitment: float, decay: float, restart_below: float) -> None:
    """Refuse what no codebook can learn by.

    Raises:
        InputError: one is out of its range; the message names it.
    """
    at_least(0, commitment=commitment, restart_below=restart_below)
    for name, value in (("decay", decay), ("restart_below", restart_below)):
        if not 0 <= value < 1:
            raise InputError(f"{name} must be within 0 .. 1 and below 1, not {value}")
