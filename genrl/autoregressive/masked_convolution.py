"""Convolutions that see no pixel after the one they compute, in the order of reading: row by row, left to right."""

from __future__ import annotations

from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["MaskType", "MaskedConvolution", "groups"]

MaskType = Literal["A", "B"]


class MaskedConvolution(nn.Module):
    """A convolution whose kernel spans the rows `above` and its own, and the columns `before` and `after`.

    Some of its weights are held at zero. The kernel has no rows below, so that nothing is computed to be masked there.

    Args:
        mask: (outputs, inputs, above + 1, before + 1 + after), true where there is a weight; all else follows from it.
        before: columns before the one that is computed; as many after it as the mask has left.
        bias: added to each output.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, before: int, *, bias: bool = True) -> None:
        super().__init__()
        outputs, inputs, height, width = mask.shape
        self.above, self.before, self.after = height - 1, before, width - 1 - before
        self.looks_around = height > 1 or width > 1
        self.register_buffer("mask", mask.float())
        convolution = nn.Conv2d(inputs, outputs, (height, width), bias=bias)
        self.weight, self.bias = convolution.weight, convolution.bias
        with torch.no_grad():  # as large as if the kernel had the weights alone that it has
            self.weight.mul_((self.mask.numel() / self.mask.sum().clamp(min=1)).sqrt())

    @classmethod
    def raster(cls, inputs: Tensor, outputs: Tensor, kernel: int, mask_type: MaskType) -> Self:
        """All of the square that was read before, and of the own pixel the channels before (van den Oord et al. 2016a).

        Args:
            inputs: (channels,) the channel of the image that each is about, from 0 upwards.
            outputs: likewise.
            kernel: its odd size.
            mask_type: A hides the own channel of the own pixel, as the first layer must; B shows it.
        """
        half = kernel // 2
        mask = torch.ones(len(outputs), len(inputs), half + 1, kernel, dtype=torch.bool)
        mask[:, :, -1, half + 1 :] = False
        mask[:, :, -1, half] = _sees(inputs, outputs, mask_type)
        return cls(mask, half)

    @classmethod
    def horizontal(cls, inputs: Tensor, outputs: Tensor, before: int, mask_type: MaskType) -> Self:
        """`before` pixels of the own row, and of the own pixel the channels before; the arguments are those above."""
        mask = torch.ones(len(outputs), len(inputs), 1, before + 1, dtype=torch.bool)
        mask[:, :, 0, -1] = _sees(inputs, outputs, mask_type)
        return cls(mask, before)

    @classmethod
    def vertical(cls, inputs: int, outputs: int, kernel: int) -> Self:
        """All columns of its own row and of those above: its input must hold nothing of the row that is predicted."""
        half = kernel // 2
        return cls(torch.ones(outputs, inputs, half + 1, kernel, dtype=torch.bool), half)

    def forward(self, x: Tensor) -> Tensor:
        """(rows, inputs, height, width) to (rows, outputs, height, width)."""
        return F.conv2d(self.padded(x), self.masked_weight(), self.bias)

    def padded(self, x: Tensor) -> Tensor:
        """With zeros where the kernel reaches over the rim."""
        return F.pad(x, (self.before, self.after, self.above, 0))

    def masked_weight(self) -> Tensor:
        """The weights that count."""
        return self.weight * self.mask


def groups(features: int, channels: int, times: int = 1) -> Tensor:
    """(times * features,) which channel of an image each feature is about, in even parts.

    Args:
        features: how many.
        channels: of the image.
        times: how often the features follow one another, such as for the two halves of a gate.

    >>> groups(6, 3).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    return (torch.arange(features) * channels // features).repeat(times)


def _sees(inputs: Tensor, outputs: Tensor, mask_type: MaskType) -> Tensor:
    """(outputs, inputs) of the own pixel: the channels before, and with B the own one."""
    if mask_type == "A":
        return outputs[:, None] > inputs[None, :]
    return outputs[:, None] >= inputs[None, :]
