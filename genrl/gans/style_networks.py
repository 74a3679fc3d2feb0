"""The style-based generator: styles decide what each layer draws, and noise where its small details lie."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genrl.gans.equalised import equalised
from genrl.gans.growing import grown_image, levels_of, split_depth
from genrl.gans.normalisations import PixelNorm, adaptive_instance_norm
from genrl.nn import ACTIVATIONS

__all__ = ["Mapping", "StyleGenerator", "StyleLayer"]


class Mapping(nn.Module):
    """Noise and context to a style, (rows, style_features): perceptrons after a normalisation of the noise.

    Args:
        noise_features: columns of the noise.
        context_features: of the context, 0 without.
        style_features: columns of a style, and of each layer.
        layers: how many.
    """

    def __init__(self, noise_features: int, context_features: int, style_features: int, layers: int) -> None:
        super().__init__()
        self.norm = PixelNorm()
        widths = [noise_features + context_features, *(layers * [style_features])]
        self.layers = nn.Sequential()
        for before, after in pairwise(widths):
            self.layers.extend([equalised(nn.Linear(before, after)), ACTIVATIONS["leaky_relu"]()])

    def forward(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, style_features)."""
        seen = self.norm(noise)
        style: Tensor = self.layers(seen if context is None else torch.cat((seen, context), 1))
        return style


class StyleLayer(nn.Module):
    """A convolution, noise, LeakyReLU, and a normalisation whose mean and deviation the style gives.

    Args:
        channels: in and out.
        style_features: columns of a style.
        convolved: False where the features are already those that the noise is added to.
    """

    def __init__(self, channels: int, style_features: int, *, convolved: bool) -> None:
        super().__init__()
        self.convolution = equalised(nn.Conv2d(channels, channels, 3, padding=1)) if convolved else nn.Identity()
        self.noise_scale = nn.Parameter(torch.zeros(channels, 1, 1))
        self.activation = ACTIVATIONS["leaky_relu"]()
        self.affine = equalised(nn.Linear(style_features, 2 * channels), gain=1.0)
        with torch.no_grad():
            self.affine.bias[:channels] = 1.0  # a scale of 1 and a shift of 0, until something is learned

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """Of the shape of x.

        Args:
            x: (rows, channels, height, width).
            style: (rows, style_features).
            noise: (rows, 1, height, width).
        """
        seen = self.activation(self.convolution(x) + self.noise_scale * noise)
        scale, shift = self.affine(style).chunk(2, 1)
        return adaptive_instance_norm(seen, scale, shift)


class StyleGenerator(nn.Module):
    """Noise and context to a flat image, by styles for each of the two layers of each level (Karras et al. 2019).

    It grows as `GrowingGenerator` does. While it is trained, some batches have the styles of two noises, one for the
    layers before a random one and the other from there on: layers then do not count on each other's styles.

    Args:
        noise_features: columns of the noise.
        context_features: of the context, 0 without.
        image_shape: (channels, height, width).
        channels: of each layer.
        style_features: columns of a style.
        mapping_layers: from noise to style.
        mixing: share of the batches with mixed styles.
    """

    depth: Tensor

    def __init__(
        self,
        noise_features: int,
        context_features: int,
        image_shape: tuple[int, ...],
        *,
        channels: int,
        style_features: int,
        mapping_layers: int,
        mixing: float,
    ) -> None:
        super().__init__()
        self.size = (image_shape[1], image_shape[2])
        self.mixing = mixing
        self.sizes = levels_of(self.size)
        self.mapping = Mapping(noise_features, context_features, style_features, mapping_layers)
        self.constant = nn.Parameter(torch.randn(1, channels, *self.sizes[0]))
        self.layers = nn.ModuleList(
            StyleLayer(channels, style_features, convolved=number > 0) for number in range(2 * len(self.sizes))
        )
        self.to_image = nn.ModuleList(equalised(nn.Conv2d(channels, image_shape[0], 1), gain=1.0) for _ in self.sizes)
        self.register_buffer("depth", torch.tensor(float(len(self.sizes) - 1)))

    def styles(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, layers, style_features), the same style for each layer."""
        return self.mapping(noise, context)[:, None].expand(-1, len(self.layers), -1)

    def noises(self, rows: int) -> list[Tensor]:
        """Normal noise for each layer, (rows, 1, height, width)."""
        return [
            torch.randn(rows, 1, *self.sizes[number // 2], device=self.depth.device)
            for number in range(len(self.layers))
        ]

    def features(self, styles: Tensor, noises: Sequence[Tensor]) -> list[Tensor]:
        """(rows, channels, height, width) of each level that is seen, from the coarsest on."""
        seen = self.constant.expand(len(styles), -1, -1, -1)
        found: list[Tensor] = []
        for level in range(split_depth(float(self.depth))[0] + 1):
            if level:
                seen = F.interpolate(seen, scale_factor=2, mode="bilinear")
            for number in (2 * level, 2 * level + 1):
                seen = self.layers[number](seen, styles[:, number], noises[number])
            found.append(seen)
        return found

    def synthesise(self, styles: Tensor, noises: Sequence[Tensor]) -> Tensor:
        """(rows, channels * height * width)."""
        features = self.features(styles, noises)
        return grown_image(features, self.to_image, float(self.depth), self.size).flatten(1)

    def forward(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, channels * height * width)."""
        styles = self.styles(noise, context)
        if self.training and torch.rand(()) < self.mixing:
            other = self.styles(torch.randn_like(noise), context)
            crossing = int(torch.randint(1, len(self.layers), ()))
            styles = torch.cat((styles[:, :crossing], other[:, crossing:]), 1)
        return self.synthesise(styles, self.noises(len(noise)))
