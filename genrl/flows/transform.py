"""What every layer of a flow does: map rows from data to base and back, and tell by how much it stretches them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.nn import mean_and_deviation

__all__ = ["Permutation", "Standardisation", "Transform"]


class Transform(nn.Module, ABC):
    """An invertible map of rows, differentiable in both directions.

    Shapes: x and z are (rows, features), the context is (rows, context_features) or None. A log-determinant is
    (rows,), or a scalar where it is the same for all rows, in nats.
    """

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base: z and log |det dz/dx|."""

    @abstractmethod
    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data: x and log |det dx/dz|."""

    def initialise(self, x: Tensor, context: Tensor | None = None) -> None:
        """Set what depends on data, from the first rows that the transform will see; most have nothing to set."""


class Standardisation(Transform):
    """z = (x - mean) / deviation, with numbers that are measured once and kept as buffers.

    A column that does not vary is only moved: nothing is gained by dividing by its rounding errors.
    """

    mean: Tensor
    deviation: Tensor
    log_det: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.register_buffer("log_det", torch.zeros(()))

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor | None = None) -> None:
        """Measure mean and deviation."""
        mean, deviation = mean_and_deviation(x)
        deviation = torch.where(deviation > 0, deviation, 1.0)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)
        self.log_det.copy_(-deviation.log().sum())

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Standardised columns."""
        return (x - self.mean) / self.deviation, self.log_det

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Columns in their own units."""
        return torch.addcmul(self.mean, z, self.deviation), -self.log_det


class Permutation(Transform):
    """Columns in another order, which changes no volume.

    Args:
        order: order[i] is the column of x that becomes column i of z.
    """

    order: Tensor
    order_back: Tensor
    log_det: Tensor

    def __init__(self, order: Tensor) -> None:
        super().__init__()
        self.register_buffer("order", order)
        self.register_buffer("order_back", order.argsort())
        self.register_buffer("log_det", torch.zeros(()))

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        if not torch.equal(self.order[self.order_back], torch.arange(len(self.order), device=self.order.device)):
            raise InputError("the order of columns is no permutation")

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Columns in the new order."""
        return x.index_select(1, self.order), self.log_det

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Columns in the order they came in."""
        return z.index_select(1, self.order_back), self.log_det
