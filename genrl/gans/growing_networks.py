"""The two players that grow with the images: generator and discriminator of Karras et al. (2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genrl.gans.equalised import equalised
from genrl.gans.growing import grown_image, levels_of, split_depth
from genrl.gans.normalisations import PixelNorm, with_batch_deviation
from genrl.nn import ACTIVATIONS

__all__ = ["GrowingDiscriminator", "GrowingGenerator"]


class GrowingGenerator(nn.Module):
    """Noise and context to a flat image, as deep as it has grown.

    Args:
        noise_features: columns of the noise.
        context_features: of the context, 0 without.
        image_shape: (channels, height, width).
        channels: of each layer between.
    """

    depth: Tensor

    def __init__(self, noise_features: int, context_features: int, image_shape: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.size = (image_shape[1], image_shape[2])
        sizes = levels_of(self.size)
        height, width = sizes[0]
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(
                    PixelNorm(),
                    equalised(nn.Linear(noise_features + context_features, channels * height * width)),
                    nn.Unflatten(1, (channels, height, width)),
                    ACTIVATIONS["leaky_relu"](),
                    PixelNorm(),
                    *_normed(channels),
                )
            ]
        )
        for _ in sizes[1:]:
            self.blocks.append(nn.Sequential(nn.Upsample(scale_factor=2), *_normed(channels), *_normed(channels)))
        self.to_image = nn.ModuleList(equalised(nn.Conv2d(channels, image_shape[0], 1), gain=1.0) for _ in sizes)
        self.register_buffer("depth", torch.tensor(float(len(sizes) - 1)))

    def features(self, noise: Tensor, context: Tensor | None = None) -> list[Tensor]:
        """(rows, channels, height, width) of each level that is seen, from the coarsest on."""
        seen = noise if context is None else torch.cat((noise, context), 1)
        found: list[Tensor] = []
        for block in self.blocks[: split_depth(float(self.depth))[0] + 1]:
            seen = block(seen)
            found.append(seen)
        return found

    def forward(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, channels * height * width)."""
        features = self.features(noise, context)
        return grown_image(features, self.to_image, float(self.depth), self.size).flatten(1)


class GrowingDiscriminator(nn.Module):
    """A flat image and its context to a logit, as deep as it has grown.

    The last features of an image are judged alone, and by an inner product with the context (Miyato & Koyama 2018).

    Args:
        context_features: of the context, 0 without.
        image_shape: (channels, height, width).
        channels: of each layer.
    """

    depth: Tensor

    def __init__(self, context_features: int, image_shape: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.image_shape = image_shape
        sizes = levels_of((image_shape[1], image_shape[2]))
        self.from_image = nn.ModuleList(
            nn.Sequential(equalised(nn.Conv2d(image_shape[0], channels, 1)), ACTIVATIONS["leaky_relu"]()) for _ in sizes
        )
        # blocks[level - 1] leads from that level to the one before.
        self.blocks = nn.ModuleList(
            nn.Sequential(*_convolved(channels, channels), *_convolved(channels, channels), nn.AvgPool2d(2))
            for _ in sizes[1:]
        )
        self.last = nn.Sequential(
            *_convolved(channels + 1, channels),
            equalised(nn.Conv2d(channels, channels, sizes[0])),
            ACTIVATIONS["leaky_relu"](),
            nn.Flatten(),
        )
        self.output = equalised(nn.Linear(channels, 1), gain=1.0)
        self.directions = (
            equalised(nn.Linear(context_features, channels, bias=False), gain=1.0) if context_features else None
        )
        self.register_buffer("depth", torch.tensor(float(len(sizes) - 1)))

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) logits; each depends on the variety of the batch, too."""
        level, share = split_depth(float(self.depth))
        image = F.avg_pool2d(x.unflatten(1, self.image_shape), 2 ** (len(self.from_image) - 1 - level))
        seen = self.from_image[level](image)
        for finer in range(level, 0, -1):
            seen = self.blocks[finer - 1](seen)
            if finer == level and share < 1:
                seen = self.from_image[level - 1](F.avg_pool2d(image, 2)).lerp(seen, share)
        seen = self.last(with_batch_deviation(seen))
        logits: Tensor = self.output(seen).squeeze(1)
        if self.directions is None or context is None:
            return logits
        return logits + torch.linalg.vecdot(self.directions(context), seen)


def _convolved(before: int, after: int) -> tuple[nn.Module, ...]:
    return equalised(nn.Conv2d(before, after, 3, padding=1)), ACTIVATIONS["leaky_relu"]()


def _normed(channels: int) -> tuple[nn.Module, ...]:
    return *_convolved(channels, channels), PixelNorm()
