"""How networks grow with the images that they make: the depth, its course through a game, and what is seen at it.

A depth is a number: at 2 the images of level 2 are made, at 1.3 those of level 1 fade into those of level 2, of which
they have three tenths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genrl.gans.adversarial_fitting import AdversarialFitting, Player

__all__ = ["Growth", "depth_at", "growing_players", "grown_image", "levels_of", "split_depth"]

Size = tuple[int, int]
COARSEST = 4  # pixels of the shorter side below which no level goes


def levels_of(size: Size) -> list[Size]:
    """The sizes of an image from the coarsest level on, each twice the one before.

    >>> levels_of((8, 8)), levels_of((28, 56)), levels_of((9, 9))
    ([(4, 4), (8, 8)], [(7, 14), (14, 28), (28, 56)], [(9, 9)])
    """
    sizes = [size]
    while not (sizes[0][0] % 2 or sizes[0][1] % 2) and min(sizes[0]) >= 2 * COARSEST:
        sizes.insert(0, (sizes[0][0] // 2, sizes[0][1] // 2))
    return sizes


def split_depth(depth: float) -> tuple[int, float]:
    """The finest level that is seen, and its share in the image; the rest is the level before.

    >>> split_depth(0.0), split_depth(2.0), split_depth(1.25)
    ((0, 1.0), (2, 1.0), (2, 0.25))
    """
    level = math.ceil(depth)
    return level, 1.0 - (level - depth)


def depth_at(done: float, deepest: int) -> float:
    """The depth when that share of a game is over (Karras et al. 2018, section 2).

    Equally long parts: level 0, level 1 fades in, level 1, and so on to the deepest.

    >>> [round(depth_at(share / 10, 1), 2) for share in (0, 3, 4, 5, 6, 7, 10)]
    [0.0, 0.0, 0.2, 0.5, 0.8, 1.0, 1.0]
    """
    parts = done * (2 * deepest + 1)
    whole = min(int(parts), 2 * deepest)
    return whole // 2 + (parts - whole if whole % 2 else 0.0)


def grown_image(features: Sequence[Tensor], to_image: nn.ModuleList, depth: float, size: Size) -> Tensor:
    """The image at a depth, enlarged to the size that the data have.

    Enlarging repeats pixels, and averaging over them gives the smaller image back: what is judged at full size is what
    would be judged at the size of the level.

    Args:
        features: of each level up to the finest that is seen, (rows, channels, height, width).
        to_image: for each level, from its features to an image.
        depth: how far the network has grown.
        size: (height, width) of the data.
    """
    level, share = split_depth(depth)
    image: Tensor = to_image[level](features[level])
    if share < 1:
        coarse = F.interpolate(to_image[level - 1](features[level - 1]), scale_factor=2)
        image = coarse.lerp(image, share)
    return F.interpolate(image, size=size)


class Growth:
    """Deepens networks, from level 0 on, as the steps of a game are taken.

    Args:
        networks: each with a buffer `depth`.
        deepest: the last level.
        steps: of the whole game.
    """

    def __init__(self, networks: Sequence[nn.Module], deepest: int, steps: int) -> None:
        self._networks = networks
        self._deepest = deepest
        self._steps = steps
        self._set(0.0)

    def step(self, taken: int) -> None:
        """So many steps were taken."""
        self._set(depth_at(taken / self._steps, self._deepest))

    @torch.no_grad()
    def _set(self, depth: float) -> None:
        for network in self._networks:
            depth_of = network.get_buffer("depth")
            depth_of.fill_(depth)


def growing_players(
    discriminator: Player, generator: Player, deepest: int, settings: AdversarialFitting
) -> tuple[Player, Player]:
    """The same players, both of whose networks grow with the generator's steps, or else the discriminator's."""
    steps = settings.updates * (settings.generator_steps or settings.discriminator_steps)
    growth = Growth((discriminator.network, generator.network), deepest, steps)
    if settings.generator_steps:
        return discriminator, replace(generator, after_step=growth.step)
    return replace(discriminator, after_step=growth.step), generator
