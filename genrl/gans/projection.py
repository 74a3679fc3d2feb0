"""A discriminator that takes its context not beside the row, but as a direction in which to look at it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genrl.nn import Activation, mlp

__all__ = ["ProjectionDiscriminator"]


class ProjectionDiscriminator(nn.Module):
    """f(x, c) = v . phi(x) + (V c) . phi(x) + b (Miyato & Koyama 2018, equation 3), a logit.

    The first term judges the row alone, the second whether it belongs to its context. That is the log ratio's own form
    where the classes are exponential families of the features phi: a context does not have to be found again by the
    layers, as one that stands beside the row has to be.

    Args:
        features: columns of a row.
        context_features: of the context.
        hidden: widths of phi's layers, each followed by an activation; one or more.
        activation: after each.
        spectral: bound the Lipschitz constant of each layer, and of V, by 1.

    >>> import torch
    >>> network = ProjectionDiscriminator(3, 2, (8,), "relu", spectral=False)
    >>> x, context = torch.randn(4, 3), torch.eye(2)[[0, 1, 0, 1]]
    >>> alone, given = network(x, torch.zeros(4, 2)), network(x, context)
    >>> torch.allclose(given - alone, (network.directions(context) * network.features_of(x)).sum(1))
    True
    """

    def __init__(
        self, features: int, context_features: int, hidden: tuple[int, ...], activation: Activation, *, spectral: bool
    ) -> None:
        super().__init__()
        # Spectral norm of the output layer goes with it: it is the last of the same network.
        *layers, output = mlp([features, *hidden, 1], activation=activation, spectral=spectral)
        self.features_of = nn.Sequential(*layers)
        self.output = output
        self.directions = nn.Linear(context_features, hidden[-1], bias=False)
        if spectral:
            spectral_norm(self.directions)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """(rows,) logits."""
        seen = self.features_of(x)
        alone: Tensor = self.output(seen).squeeze(1)
        return torch.linalg.vecdot(self.directions(context), seen) + alone
