"""The units of images: between -1 and 1, which is what a hyperbolic tangent can say."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Range"]


class Range(nn.Module):
    """All numbers by one scale to -1 .. 1 and back, from the least and the greatest of the data.

    Pixels share the scale, so that a picture stays one. Where nothing varies, all is 0, and comes back as it was.

    >>> scale = Range()
    >>> scale.measure_with_constants(torch.tensor([[0.0, 16.0], [8.0, 8.0]]))
    >>> scale.remove(torch.tensor([[4.0, 16.0]]))
    tensor([[-0.5000,  1.0000]])
    >>> scale.restore(torch.tensor([[-0.5, 1.0]]))
    tensor([[ 4., 16.]])
    """

    middle: Tensor
    reach: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("middle", torch.tensor(0.0))
        self.register_buffer("reach", torch.tensor(1.0))

    @torch.no_grad()
    def measure_with_constants(self, rows: Tensor) -> None:
        """Take the ends from (rows, features)."""
        low, high = rows.double().aminmax()
        self.middle.copy_((low + high) / 2)
        self.reach.copy_((high - low) / 2)

    def remove(self, rows: Tensor) -> Tensor:
        """Between -1 and 1, for rows within the data's ends."""
        scaled = rows.to(self.middle) - self.middle
        return scaled / self.reach if self.reach > 0 else torch.zeros_like(scaled)

    def restore(self, scaled: Tensor) -> Tensor:
        """The units of the data."""
        return torch.addcmul(self.middle, scaled, self.reach)
