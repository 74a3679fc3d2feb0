"""Checks of the settings that autoregressive models take."""

from __future__ import annotations

from genrl.errors import InputError

__all__ = ["at_least", "one_of"]


def at_least(least: float, **settings: float | None) -> None:
    """Refuse numbers below `least`, and NaN; None stands for a number that is not given.

    Raises:
        InputError: one is; the message names it.
    """
    for name, value in settings.items():
        if value is not None and not value >= least:
            raise InputError(f"{name} must be {least} or more, not {value}")


def one_of(choices: tuple[str, ...], **settings: str) -> None:
    """Refuse words that are none of the choices.

    Raises:
        InputError: one is not; the message names it.
    """
    for name, value in settings.items():
        if value not in choices:
            raise InputError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
