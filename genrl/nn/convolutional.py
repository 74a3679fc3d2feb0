"""Convolutions that halve an image, and fractionally strided ones that double it again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from genrl.nn.mlp import ACTIVATIONS, Activation

__all__ = ["fractionally_strided", "halved", "strided"]

Size = tuple[int, int]


def halved(size: Size, times: int) -> list[Size]:
    """The (height, width) of an image at first and after each halving, odd sides rounded up.

    >>> halved((8, 7), 2)
    [(8, 7), (4, 4), (2, 2)]
    """
    sizes = [size]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


def strided(channels: Sequence[int], *, activation: Activation = "relu") -> nn.Sequential:
    """3 x 3 convolutions of stride 2, with an activation after each; none for a single number of channels.

    Args:
        channels: of the image, and after each convolution.
        activation: after each.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


def fractionally_strided(
    channels: Sequence[int], sizes: Sequence[Size], *, activation: Activation = "relu"
) -> nn.Sequential:
    """3 x 3 convolutions of stride 1/2, with an activation before each: the way back from what `strided` computes.

    Args:
        channels: of what comes in, and after each convolution.
        sizes: (height, width) likewise, those of `halved` in the opposite order: which of the two sizes that a halving
            brings to the same one is meant.
        activation: before each.

    >>> import torch
    >>> sizes = halved((5, 6), 2)[::-1]
    >>> fractionally_strided([4, 8, 1], sizes)(torch.zeros(3, 4, *sizes[0])).shape
    torch.Size([3, 1, 5, 6])
    """
    layers: list[nn.Module] = []
    for (before, after), ((height, width), larger) in zip(pairwise(channels), pairwise(sizes), strict=True):
        missing = (larger[0] - 2 * height + 1, larger[1] - 2 * width + 1)
        layers += [
            ACTIVATIONS[activation](),
            nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=missing),
        ]
    return nn.Sequential(*layers)
