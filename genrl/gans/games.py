"""The games by name: what each of the two networks minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genrl.gans.losses import (
    DiscriminatorLoss,
    GeneratorLoss,
    cross_entropy_discriminator,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
    minimax_generator,
    non_saturating_generator,
    wasserstein_discriminator,
    wasserstein_generator,
)

__all__ = ["GAMES", "Game", "GameName"]

GameName = Literal["minimax", "non_saturating", "least_squares", "wasserstein", "hinge"]


@dataclass(frozen=True, kw_only=True)
class Game:
    """A discriminator's loss, and the loss of the generator that plays against it."""

    discriminator: DiscriminatorLoss
    generator: GeneratorLoss


GAMES: dict[GameName, Game] = {
    "minimax": Game(discriminator=cross_entropy_discriminator, generator=minimax_generator),
    "non_saturating": Game(discriminator=cross_entropy_discriminator, generator=non_saturating_generator),
    "least_squares": Game(discriminator=least_squares_discriminator, generator=least_squares_generator),
    "wasserstein": Game(discriminator=wasserstein_discriminator, generator=wasserstein_generator),
    "hinge": Game(discriminator=hinge_discriminator, generator=hinge_generator),
}
