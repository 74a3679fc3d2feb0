"""The two players: a generator of rows, and a discriminator of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.nn import Activation, mlp

__all__ = ["Discriminator", "Generator"]


class Generator(nn.Module):
    """A multilayer perceptron from noise and context to a row.

    Args:
        noise_features: columns of the noise.
        context_features: of the context, 0 without.
        features: columns of a row.
        hidden: widths between.
        activation: between the layers.
    """

    def __init__(
        self, noise_features: int, context_features: int, features: int, hidden: tuple[int, ...], activation: Activation
    ) -> None:
        super().__init__()
        self.network = mlp([noise_features + context_features, *hidden, features], activation=activation)

    def forward(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, features)."""
        rows: Tensor = self.network(_beside(noise, context))
        return rows


class Discriminator(nn.Module):
    """A multilayer perceptron from a row and its context to a logit, which is high where the row looks real.

    Args:
        features: columns of a row.
        context_features: of the context, 0 without.
        hidden: widths between.
        activation: between the layers.
        spectral: bound the Lipschitz constant of each layer by 1 (Miyato et al. 2018).
    """

    def __init__(
        self, features: int, context_features: int, hidden: tuple[int, ...], activation: Activation, *, spectral: bool
    ) -> None:
        super().__init__()
        self.network = mlp([features + context_features, *hidden, 1], activation=activation, spectral=spectral)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) logits."""
        logits: Tensor = self.network(_beside(x, context))
        return logits.squeeze(1)


def _beside(rows: Tensor, context: Tensor | None) -> Tensor:
    return rows if context is None else torch.cat((rows, context), 1)
