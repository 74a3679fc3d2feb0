"""Coupling transforms: some columns decide what is done to the others, and are themselves left alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.flows.conditioner import Conditioner
from genrl.flows.rational_quadratic import parameters_per_value, rational_quadratic, rational_quadratic_inverse
from genrl.flows.transform import Transform
from genrl.nn import Activation

__all__ = ["MOST_LOG_SCALE", "AffineCoupling", "SplineCoupling"]

MOST_LOG_SCALE = 3.0
"""A transform stretches or shrinks no column by more than e^3, which keeps its inverse exact in single precision."""


class AffineCoupling(Transform):
    """The later part of the last axis is scaled and moved by numbers that depend on the earlier part.

    Dinh et al. 2017, equations 4 to 6. The changed part comes out first, so that the next coupling changes the other
    one. The logarithm of the scale is bounded by a sigmoid.

    Args:
        features: of the last axis.
        conditioner: maps (kept part, context) to the log-scales and shifts of the changed part, side by side.
    """

    def __init__(self, features: int, conditioner: nn.Module) -> None:
        super().__init__()
        self.kept, self.changed = sizes(features)
        self.conditioner = conditioner

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        kept, changed = x.split((self.kept, self.changed), -1)
        log_scale, shift = self._affine(kept, context)
        return torch.cat((torch.addcmul(shift, changed, log_scale.exp()), kept), -1), log_scale.flatten(1).sum(1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data."""
        changed, kept = z.split((self.changed, self.kept), -1)
        log_scale, shift = self._affine(kept, context)
        log_shrinkage = -log_scale
        return torch.cat((kept, (changed - shift) * log_shrinkage.exp()), -1), log_shrinkage.flatten(1).sum(1)

    def _affine(self, kept: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        raw, shift = self.conditioner(kept, context).chunk(2, -1)
        return bounded(raw), shift


class SplineCoupling(Transform):
    """The later columns go through monotone splines whose knots depend on the earlier ones.

    Durkan et al. 2019, section 3.2. The changed columns come out first, so that the next coupling changes the others.

    Args:
        features: columns.
        context_features: of the context, 0 without.
        hidden: widths of the conditioner.
        activation: of the conditioner.
        bins: of each spline.
        box: the splines are the identity outside [-box, box].
    """

    def __init__(
        self,
        features: int,
        context_features: int,
        *,
        hidden: tuple[int, ...],
        activation: Activation,
        bins: int,
        box: float,
    ) -> None:
        super().__init__()
        self.kept, self.changed = sizes(features)
        self.box = box
        self.shape = (self.changed, parameters_per_value(bins))
        self.conditioner = Conditioner(
            self.kept, context_features, self.changed * parameters_per_value(bins), hidden, activation
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        kept, changed = x.split((self.kept, self.changed), 1)
        raw = self.conditioner(kept, context).unflatten(1, self.shape)
        changed, log_slope = rational_quadratic(changed, raw, self.box)
        return torch.cat((changed, kept), 1), log_slope.sum(1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data."""
        changed, kept = z.split((self.changed, self.kept), 1)
        raw = self.conditioner(kept, context).unflatten(1, self.shape)
        changed, log_slope = rational_quadratic_inverse(changed, raw, self.box)
        return torch.cat((kept, changed), 1), log_slope.sum(1)


def sizes(features: int) -> tuple[int, int]:
    """How many of the features are kept, and how many changed; a single one is changed."""
    return features // 2, features - features // 2


def bounded(raw: Tensor) -> Tensor:
    """Log-scales within -MOST_LOG_SCALE .. MOST_LOG_SCALE, 0 for 0; a sigmoid is several times cheaper than a tanh."""
    return 2 * MOST_LOG_SCALE * raw.sigmoid() - MOST_LOG_SCALE
