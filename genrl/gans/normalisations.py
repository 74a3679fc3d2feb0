"""What keeps the features of growing networks in bounds, and what lets a discriminator see a batch's variety."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["PixelNorm", "adaptive_instance_norm", "with_batch_deviation"]

TINY = 1e-8


class PixelNorm(nn.Module):
    """Each pixel's features, divided by their root mean square (Karras et al. 2018, section 4.2).

    >>> PixelNorm()(torch.tensor([[3.0, 4.0]])).square().mean().item()
    1.0
    """

    def forward(self, x: Tensor) -> Tensor:
        """(rows, channels, ...), of the same shape."""
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + TINY)


def adaptive_instance_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Scale * (x - mean) / deviation + shift, over the pixels of each channel (Karras et al. 2019, equation 1).

    What comes out has mean `shift` and deviation `scale`, whatever came in.

    Args:
        x: (rows, channels, height, width).
        scale: (rows, channels).
        shift: (rows, channels).
    """
    centred = x - x.mean((2, 3), keepdim=True)
    standard = centred * torch.rsqrt(centred.square().mean((2, 3), keepdim=True) + TINY)
    return torch.addcmul(shift[:, :, None, None], scale[:, :, None, None], standard)


def with_batch_deviation(x: Tensor) -> Tensor:
    """One more channel: the mean over all features of their deviation within the batch (Karras et al. 2018, section 3).

    The same number for each pixel of each row, from which a discriminator sees that a batch lacks variety.

    >>> with_batch_deviation(torch.tensor([1.0, 5.0]).reshape(2, 1, 1, 1))[:, 1].flatten().tolist()
    [2.0, 2.0]
    """
    deviation = (x.var(0, correction=0) + TINY).sqrt().mean()
    return torch.cat((x, deviation.expand(len(x), 1, *x.shape[2:])), 1)
