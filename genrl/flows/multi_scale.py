"""Flows of images at several scales: squeeze, steps, split, and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from genrl.flows.transform import Transform

__all__ = ["MultiScale", "squeeze", "unsqueeze"]


def squeeze(x: Tensor) -> Tensor:
    """(rows, H, W, C) to (rows, H/2, W/2, 4C): each square of four pixels becomes one."""
    rows, height, width, channels = x.shape
    squares = x.reshape(rows, height // 2, 2, width // 2, 2, channels)
    return squares.permute(0, 1, 3, 2, 4, 5).reshape(rows, height // 2, width // 2, 4 * channels)


def unsqueeze(x: Tensor) -> Tensor:
    """What `squeeze` was given."""
    rows, height, width, channels = x.shape
    squares = x.reshape(rows, height, width, 2, 2, channels // 4)
    return squares.permute(0, 1, 3, 2, 4, 5).reshape(rows, 2 * height, 2 * width, channels // 4)


class MultiScale(Transform):
    """Levels of (squeeze, steps), after each but the last of which half of the channels are finished.

    Dinh et al. 2017, section 3.6. Rows come and go flat.

    Args:
        image: channels, height, width of a row.
        levels: the steps of each level; level i sees (H / 2^i, W / 2^i) pixels, counted from 1.
    """

    def __init__(self, image: tuple[int, int, int], levels: Sequence[Transform]) -> None:
        super().__init__()
        self.image = image
        self.levels = nn.ModuleList(levels)

    def initialise(self, x: Tensor, context: Tensor | None = None) -> None:
        """Each level by what the ones before make of the rows."""
        image = self._image(x)
        for level in self._levels():
            image = squeeze(image)
            level.initialise(image, context)
            image = level(image, context)[0].chunk(2, -1)[0]

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base: what is finished first comes first."""
        image, total, finished = self._image(x), x.new_zeros(()), []
        for number, level in enumerate(self._levels(), 1):
            image, log_det = level(squeeze(image), context)
            total = total + log_det
            if number < len(self.levels):
                image, done = image.chunk(2, -1)
                finished.append(done.flatten(1))
        return torch.cat((*finished, image.flatten(1)), 1), total

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data."""
        shapes = self._shapes()
        # Each finished half is as large as what went on from there.
        sizes = [height * width * channels // 2 for height, width, channels in shapes[:-1]]
        *finished, last = z.split([*sizes, z.shape[1] - sum(sizes)], 1)
        image, total = last.reshape(-1, *shapes[-1]), z.new_zeros(())
        for level in reversed(self._levels()):
            image, log_det = level.inverse(image, context)
            total = total + log_det
            image = unsqueeze(image)
            if finished:
                image = torch.cat((image, finished.pop().reshape(image.shape)), -1)
        channels, height, width = self.image
        return image.reshape(-1, height, width, channels).permute(0, 3, 1, 2).flatten(1), total

    def _levels(self) -> list[Transform]:
        return cast("list[Transform]", list(self.levels))

    def _image(self, x: Tensor) -> Tensor:
        return x.reshape(-1, *self.image).permute(0, 2, 3, 1)

    def _shapes(self) -> list[tuple[int, int, int]]:
        """(height, width, channels) within each level."""
        channels, height, width = self.image
        shapes = []
        for _ in self.levels:
            channels, height, width = 4 * channels, height // 2, width // 2
            shapes.append((height, width, channels))
            channels //= 2
        return shapes
