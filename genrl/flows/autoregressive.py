"""The masked autoregressive affine transform, and its use in the opposite direction."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.flows.conditioner import REACH
from genrl.flows.transform import Transform
from genrl.nn import Activation
from genrl.nn.masked_linear import MaskedLinear, MaskedMLP

__all__ = ["Inverted", "MaskedAffine"]

LOG_SCALE_LIMIT = 7.0
"""Wider than a coupling's, whose inverse multiplies the errors of all columns: here each column is undone by itself."""


class MaskedAffine(Transform):
    """Each column is scaled and moved by numbers that depend on the columns before it.

    Papamakarios et al. 2017, equation 4, solved for the noise. All columns at once from data to base; from base to
    data one after the other.

    Args:
        features: columns.
        context_features: of the context, 0 without.
        hidden: widths of the masked network.
        activation: of that network.
    """

    def __init__(
        self, features: int, context_features: int, *, hidden: tuple[int, ...], activation: Activation
    ) -> None:
        super().__init__()
        self.features = features
        self.network = MaskedMLP(features, context_features, 2, hidden, activation)
        # Unlike a coupling it does not start as the identity, which cost 0.1 nats on eight Gaussians; but without
        # regard to the context.
        first = self.network.hidden[0]
        assert isinstance(first, MaskedLinear)
        with torch.no_grad():
            first.weight[:, :context_features] = 0.0

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base, in one pass."""
        given = None if context is None else context.clamp(-REACH, REACH)
        raw, shift = self.network(x.clamp(-REACH, REACH), given).unbind(1)
        log_scale = bounded(raw)
        return torch.addcmul(shift, x, log_scale.exp()), log_scale.sum(1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data, column by column."""
        seen = z.new_empty(len(z), 0) if context is None else context.clamp(-REACH, REACH)
        network = self.network.sequential(len(z))
        columns, raws = [], []
        for noise in z.split(1, 1):
            raw, shift = network.next(seen).split(1, 1)
            column = (noise - shift) * bounded(-raw).exp()
            seen = torch.cat((seen, column.clamp(-REACH, REACH)), 1)
            columns.append(column)
            raws.append(raw)
        return torch.cat(columns, 1), -bounded(torch.cat(raws, 1)).sum(1)


class Inverted(Transform):
    """Another transform, used from its other end.

    Args:
        transform: whose inverse becomes the way from data to base.
    """

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self.transform = transform

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The other's way back."""
        return self.transform.inverse(x, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The other's way forth."""
        found: tuple[Tensor, Tensor] = self.transform(z, context)
        return found


def bounded(raw: Tensor) -> Tensor:
    """Log-scales within -7 .. 7, 0 for 0 with slope 1; far out it still has a slope to come back by."""
    return raw / (1 + raw.abs() / LOG_SCALE_LIMIT)
