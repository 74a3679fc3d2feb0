"""Checks of the hyperparameters of adversarial models."""

from __future__ import annotations

import math

from genrl.errors import InputError
from genrl.gans.games import GAMES, GameName
from genrl.gans.penalties import PENALTIES, PenaltyName

__all__ = ["check_domain_game", "check_game", "check_image", "check_weights", "check_widths"]


def check_game(
    objective: GameName,
    penalty: PenaltyName | None,
    penalty_weight: float,
    weight_clip: float | None,
    *,
    spectral: bool,
) -> None:
    """Refuse names that there are not, numbers out of their range, and a Wasserstein critic without bounds.

    Raises:
        InputError: it names the argument.
    """
    if objective not in GAMES:
        raise InputError(f"there is no objective {objective!r}: give one of {', '.join(GAMES)}")
    if penalty is not None and penalty not in PENALTIES:
        raise InputError(f"there is no penalty {penalty!r}: give one of {', '.join(PENALTIES)}, or None")
    if not 0 <= penalty_weight < math.inf:
        raise InputError(f"penalty_weight must be 0 or more, not {penalty_weight}")
    if weight_clip is not None and not weight_clip > 0:
        raise InputError(f"weight_clip must be above 0, not {weight_clip}")
    if spectral and weight_clip is not None:
        raise InputError("weight_clip and spectral both bound the discriminator's weights: choose one")
    if objective == "wasserstein" and penalty is None and weight_clip is None and not spectral:
        raise InputError("wasserstein needs a bounded critic: give penalty, weight_clip or spectral")


def check_widths(**widths: int | tuple[int, ...] | None) -> None:
    """Refuse widths below 1.

    Raises:
        InputError: one is; the message names it.
    """
    for name, value in widths.items():
        numbers = () if value is None else (value,) if isinstance(value, int) else tuple(value)
        if any(number < 1 for number in numbers):
            raise InputError(f"{name} must be 1 or more, not {value}")


def check_image(event_shape: tuple[int, ...], model: str, *, least: int = 4, even: bool = False) -> None:
    """Refuse rows that are no images, or none of a size that fits.

    Raises:
        InputError: they are; the message names the model.
    """
    fits = len(event_shape) == 3 and min(event_shape[1:]) >= least
    if not fits or (even and any(side % 2 for side in event_shape[1:])):
        raise InputError(
            f"{model} makes images: X must have the shape (rows, channels, height, width), with {'even ' * even}sides "
            f"of {least} or more, not (rows, {', '.join(map(str, event_shape))})"
        )


def check_domain_game(objective: GameName, **weights: float) -> None:
    """Refuse a name that there is not, an unbounded critic, and weights below 0.

    Args:
        objective: of a game whose discriminator is bounded by nothing.
        weights: of losses, by name.

    Raises:
        InputError: it names the argument.
    """
    if objective not in GAMES:
        raise InputError(f"there is no objective {objective!r}: give one of {', '.join(GAMES)}")
    if objective == "wasserstein":
        raise InputError("objective cannot be wasserstein here: its critic needs a bound, choose another game")
    check_weights(**weights)


def check_weights(**weights: float) -> None:
    """Refuse weights of losses below 0.

    Raises:
        InputError: one is; the message names it.
    """
    for name, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise InputError(f"{name} must be 0 or more, not {weight}")
