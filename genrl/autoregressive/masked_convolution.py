"""Convolutions that see no pixel after the one they compute, in the order of reading: row by row, left to right."""

from __future__ import annotations

from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Kernel", "MaskType", "MaskedConvolution", "groups", "within"]

MaskType = Literal["A", "B"]
Kernel = int | tuple[int, int]  # odd sizes: of a square, or its height and width


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
    def raster(cls, inputs: Tensor, outputs: Tensor, kernel: Kernel, mask_type: MaskType) -> Self:
        """All of the square that was read before, and of the own pixel the channels before (van den Oord et al. 2016a).

        Args:
            inputs: (channels,) the channel of the image that each is about, from 0 upwards.
            outputs: likewise.
            kernel: its size.
            mask_type: A hides the own channel of the own pixel, as the first layer must; B shows it.
        """
        above, beside = _reach(kernel)
        mask = torch.ones(len(outputs), len(inputs), above + 1, 2 * beside + 1, dtype=torch.bool)
        mask[:, :, -1, beside + 1 :] = False
        mask[:, :, -1, beside] = _sees(inputs, outputs, mask_type)
        return cls(mask, beside)

    @classmethod
    def horizontal(cls, inputs: Tensor, outputs: Tensor, before: int, mask_type: MaskType) -> Self:
        """`before` pixels of the own row, and of the own pixel the channels before; the arguments are those above."""
        mask = torch.ones(len(outputs), len(inputs), 1, before + 1, dtype=torch.bool)
        mask[:, :, 0, -1] = _sees(inputs, outputs, mask_type)
        return cls(mask, before)

    @classmethod
    def vertical(cls, inputs: int, outputs: int, kernel: Kernel) -> Self:
        """All columns of its own row and of those above: its input must hold nothing of the row that is predicted."""
        above, beside = _reach(kernel)
        return cls(torch.ones(outputs, inputs, above + 1, 2 * beside + 1, dtype=torch.bool), beside)

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


def within(kernel: int, event_shape: tuple[int, int, int]) -> tuple[int, int]:
    """The height and width of a kernel that reaches no further than an image does: beyond it there are only zeros.

    >>> within(7, (1, 28, 28)), within(7, (3, 16, 1))
    ((7, 7), (7, 1))
    """
    return min(kernel, 2 * event_shape[1] - 1), min(kernel, 2 * event_shape[2] - 1)


def _reach(kernel: Kernel) -> tuple[int, int]:
    """Rows above, and columns to each side."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return height // 2, width // 2


def _sees(inputs: Tensor, outputs: Tensor, mask_type: MaskType) -> Tensor:
    """(outputs, inputs) of the own pixel: the channels before, and with B the own one."""
    if mask_type == "A":
        return outputs[:, None] > inputs[None, :]
    return outputs[:, None] >= inputs[None, :]
