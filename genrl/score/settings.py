"""Checks of the settings that score models take."""

from __future__ import annotations

from genrl.errors import InputError

__all__ = ["at_least_one"]


def at_least_one(**settings: int | tuple[int, ...]) -> None:
    """Refuse counts, and lists of widths, that hold a number below 1.

    Raises:
        InputError: one does; the message names it.
    """
    for name, value in settings.items():
        numbers = value if isinstance(value, tuple | list) else (value,)
        if any(number < 1 for number in numbers):
            raise InputError(f"{name} must be 1 or more, not {value}")
