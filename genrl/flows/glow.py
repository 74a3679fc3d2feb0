"""Glow: flows with learned mixing of columns, and of channels at several scales."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.flows.actnorm import ActNorm
from genrl.flows.conditioner import REACH, Conditioner
from genrl.flows.coupling import AffineCoupling, sizes
from genrl.flows.flow import Flow
from genrl.flows.latent import BaseName
from genrl.flows.lu_linear import LULinear
from genrl.flows.multi_scale import MultiScale
from genrl.flows.stack import Stack
from genrl.flows.transform import Transform
from genrl.nn import ACTIVATIONS, Activation
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["Glow"]


class Glow(Flow):
    """Steps of actnorm, invertible linear map and affine coupling (Kingma & Dhariwal 2018).

    For rows that are images, (C, H, W), the linear map is the 1 x 1 convolution, the networks are convolutional, and
    the steps are repeated at several scales. Rows of other shapes are plain columns. Departures from the paper: scales
    are bounded, and the channels that leave early go to the base distribution as they are, where the paper has one more
    affine layer that depends on those that stay.

    Args:
        transforms: steps, at each level.
        levels: of scale, for images; height and width must be divisible by 2^levels.
        hidden: widths of each coupling's network, on images its channels.
        activation: of those networks.
        base: "normal" or the robust "student_t".
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from genrl.flows import Glow
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> images = torch.rand(200, 1, 4, 4)
    >>> flow = Glow(transforms=2, levels=2, hidden=(8,), fitting=GradientFitting(updates=20)).fit(images)
    >>> flow.sample(3).shape, flow.log_prob(images[:5]).shape
    (torch.Size([3, 1, 4, 4]), torch.Size([5]))
    >>> with TemporaryDirectory() as folder:
    ...     flow.save(folder)
    ...     loaded = Glow.load(folder)
    >>> torch.equal(loaded.log_prob(images), flow.log_prob(images))
    True
    """

    architecture = "invertible: half of what a learned linear map gives transforms the other half"

    def __init__(
        self,
        *,
        transforms: int = 6,
        levels: int = 2,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "relu",
        base: BaseName = "normal",
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__(base=base, fitting=fitting)
        at_least(1, transforms=transforms, levels=levels, hidden=hidden)
        self.transforms = transforms
        self.levels = levels
        self.hidden = tuple(hidden)
        self.activation = activation

    def _transforms(self, event_shape: tuple[int, ...], context_features: int) -> list[Transform]:
        if len(event_shape) == 3:
            return [self._image_transform(event_shape, context_features)]
        features = torch.Size(event_shape).numel()
        kept, changed = sizes(features)
        return [
            step
            for _ in range(self.transforms)
            for step in self._step(
                features, Conditioner(kept, context_features, 2 * changed, self.hidden, self.activation)
            )
        ]

    def _image_transform(self, image: tuple[int, int, int], context_features: int) -> Transform:
        channels, height, width = image
        if height % 2**self.levels or width % 2**self.levels:
            raise InputError(
                f"levels={self.levels} halve an image so many times, which one of {height} x {width} does not bear: "
                "use fewer levels, or pad the images"
            )
        levels = []
        for _ in range(self.levels):
            channels *= 4
            kept, changed = sizes(channels)
            levels.append(
                Stack(
                    [
                        step
                        for _ in range(self.transforms)
                        for step in self._step(
                            channels,
                            ConvolutionalConditioner(kept, context_features, 2 * changed, self.hidden, self.activation),
                        )
                    ]
                )
            )
            channels //= 2
        return MultiScale(image, levels)

    def _step(self, features: int, conditioner: nn.Module) -> list[Transform]:
        return [ActNorm(features), LULinear(features), AffineCoupling(features, conditioner)]


class ConvolutionalConditioner(nn.Module):
    """3 x 3, then 1 x 1, and at last 3 x 3 convolutions of (image, context), zero at first.

    Args:
        channels: of the image.
        context_features: of the context, which every pixel sees; 0 without.
        outputs: channels of the result.
        hidden: channels between.
        activation: between the layers.
    """

    def __init__(
        self, channels: int, context_features: int, outputs: int, hidden: tuple[int, ...], activation: Activation
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels + context_features
        for number, after in enumerate(hidden):
            size = 1 if number else 3
            layers += [nn.Conv2d(before, after, size, padding=size // 2), ACTIVATIONS[activation]()]
            before = after
        last = nn.Conv2d(before, outputs, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.network = nn.Sequential(*layers, last)

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(rows, H, W, channels) to (rows, H, W, outputs)."""
        seen = x.permute(0, 3, 1, 2)
        if context is not None:
            everywhere = context[:, :, None, None].expand(-1, -1, *seen.shape[2:])
            seen = torch.cat((seen, everywhere), 1)
        found: Tensor = self.network(seen.clamp(-REACH, REACH))
        return found.permute(0, 2, 3, 1)
