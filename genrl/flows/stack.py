"""Transforms one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from genrl.flows.transform import Transform

__all__ = ["Stack"]


class Stack(Transform):
    """Transforms one after the other: log-determinants add up.

    Args:
        transforms: from data to base.
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(transforms)

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor | None = None) -> None:
        """Each by what the ones before make of the rows."""
        for transform in self.transforms:
            transform.initialise(x, context)
            x = transform(x, context)[0]

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        first, *others = self.transforms
        x, total = first(x, context)
        for transform in others:
            x, log_det = transform(x, context)
            total = total + log_det
        return x, total

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data."""
        *others, last = self.transforms
        z, total = last.inverse(z, context)
        for transform in reversed(others):
            z, log_det = transform.inverse(z, context)
            total = total + log_det
        return z, total

    @property
    def transforms(self) -> list[Transform]:
        """From data to base."""
        return cast("list[Transform]", list(self.layers))
