"""Standardisation of inputs that have one column more than those it was fitted on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.nn.standardise import Standardise

__all__ = ["ExtraColumn"]


class ExtraColumn(nn.Module):
    """Standardises all columns but the last, which passes unchanged.

    Args:
        inner: of the columns before the last; it may be shared, and is followed.
    """

    def __init__(self, inner: Standardise) -> None:
        super().__init__()
        self.inner = inner

    @property
    def in_features(self) -> int:
        """Columns of the raw input."""
        return self.inner.in_features + 1

    @property
    def out_features(self) -> int:
        """Columns of the standardised output."""
        return self.inner.out_features + 1

    def forward(self, raw: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return torch.cat([self.inner(raw[..., :-1]), raw[..., -1:]], dim=-1)
