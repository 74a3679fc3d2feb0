"""How a network sees a number such as the time: as waves, of which small changes are large."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["TimeEmbedding"]


class TimeEmbedding(nn.Module):
    """Cosines and sines of pi t, 2 pi t, ... for a time t within 0 .. 1 (after Vaswani et al. 2017, section 3.5).

    Args:
        frequencies: how many.

    >>> TimeEmbedding(2)(torch.tensor([[1.0]])).round().abs()
    tensor([[1., 1., 0., 0.]])
    """

    waves: Tensor

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.columns = 2 * frequencies
        self.register_buffer("waves", math.pi * torch.arange(1, frequencies + 1), persistent=False)

    def forward(self, time: Tensor) -> Tensor:
        """(rows, 1) to (rows, columns)."""
        phase = time * self.waves
        return torch.cat((phase.cos(), phase.sin()), 1)
