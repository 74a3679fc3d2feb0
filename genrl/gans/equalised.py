"""Layers whose weights learn equally fast, whatever their number of inputs."""

from __future__ import annotations

from math import sqrt
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

__all__ = ["equalised"]

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


class _Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return self.factor * weight


def equalised(layer: Layer, *, gain: float = sqrt(2)) -> Layer:
    """The layer with weights from N(0, 1) that are scaled whenever they are used (Karras et al. 2018, section 4.1).

    The factor, gain / sqrt(inputs), is He's: the layer starts as usual, but Adam, whose steps do not depend on the
    scale of a gradient, moves all weights by the same share of their range. The bias starts at 0.

    Args:
        layer: linear or convolutional.
        gain: of the activation that follows; 1 for none.

    >>> import torch
    >>> layer = equalised(nn.Linear(400, 50), gain=1.0)
    >>> round(layer.weight.std().item(), 2), round(layer.parametrizations.weight.original.std().item(), 1)
    (0.05, 1.0)
    """
    inputs = layer.weight[0].numel()
    nn.init.normal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    register_parametrization(layer, "weight", _Times(gain / sqrt(inputs)))
    return layer
