"""The two players for images: all convolutions, no dense layer (Radford et al. 2016)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from genrl.nn import ACTIVATIONS, halved

__all__ = ["ConvolutionalDiscriminator", "ConvolutionalGenerator", "pyramid"]

Size = tuple[int, int]
SMALLEST = 4  # pixels of the longer side at which halving ends
SPREAD = 0.02  # deviation of weights at first


def pyramid(size: Size) -> list[Size]:
    """The sizes of an image and of its halvings, two or more, until no side is longer than 4.

    >>> pyramid((8, 8)), len(pyramid((28, 28))), pyramid((64, 64))[-1]
    ([(8, 8), (4, 4), (2, 2)], 4, (4, 4))
    """
    times = 2
    while max(halved(size, times)[-1]) > SMALLEST:
        times += 1
    return halved(size, times)


class ConvolutionalGenerator(nn.Module):
    """Noise and context to a flat image between -1 and 1, by fractionally strided convolutions.

    Batch norm and ReLU follow each but the last, which a tanh follows.

    Args:
        noise_features: columns of the noise.
        context_features: of the context, 0 without.
        image_shape: (channels, height, width).
        channels: next to the image; twice as many with each halving.
    """

    def __init__(self, noise_features: int, context_features: int, image_shape: tuple[int, ...], channels: int) -> None:
        super().__init__()
        sizes = pyramid((image_shape[1], image_shape[2]))[::-1]
        widths = [channels * 2**level for level in range(len(sizes) - 1)][::-1]
        inputs = noise_features + context_features
        layers: list[nn.Module] = [
            nn.Unflatten(1, (inputs, 1, 1)),
            nn.ConvTranspose2d(inputs, widths[0], sizes[0], bias=False),
        ]
        for (before, after), size in zip(pairwise([*widths, image_shape[0]]), sizes[1:], strict=True):
            layers += [nn.BatchNorm2d(before), nn.ReLU()]
            layers += [nn.ConvTranspose2d(before, after, _kernel(size), 2, 1, bias=size == sizes[-1])]
        self.layers = nn.Sequential(*layers, nn.Tanh(), nn.Flatten())
        _initialise(self)

    def forward(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, channels * height * width)."""
        image: Tensor = self.layers(noise if context is None else torch.cat((noise, context), 1))
        return image


class ConvolutionalDiscriminator(nn.Module):
    """A flat image and its context to a logit, by strided convolutions.

    LeakyReLU follows each but the last, batch norm each but the first and the last. The context joins as channels
    that are the same at each pixel.

    Args:
        context_features: of the context, 0 without.
        image_shape: (channels, height, width).
        channels: next to the image; twice as many with each halving.
    """

    def __init__(self, context_features: int, image_shape: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.image_shape = image_shape
        sizes = pyramid((image_shape[1], image_shape[2]))
        widths = [image_shape[0] + context_features, *(channels * 2**level for level in range(len(sizes) - 1))]
        layers: list[nn.Module] = []
        for (before, after), size in zip(pairwise(widths), sizes, strict=False):
            first = size == sizes[0]
            layers += [nn.Conv2d(before, after, _kernel(size), 2, 1, bias=first)]
            layers += [*(() if first else (nn.BatchNorm2d(after),)), ACTIVATIONS["leaky_relu"]()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, sizes[-1]), nn.Flatten(0))
        _initialise(self)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) logits."""
        image = x.unflatten(1, self.image_shape)
        if context is not None:
            image = torch.cat((image, context[:, :, None, None].expand(-1, -1, *image.shape[2:])), 1)
        logits: Tensor = self.layers(image)
        return logits


def _kernel(larger: Size) -> Size:
    """Which brings exactly this size to its half, rounded up, and back, at stride 2 and a border of 1."""
    return (4 - larger[0] % 2, 4 - larger[1] % 2)


def _initialise(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, std=SPREAD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, SPREAD)
