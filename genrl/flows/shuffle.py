"""Layers in a row, with the columns put in another order between them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch

from genrl.flows.transform import Permutation, Transform

__all__ = ["shuffled", "turned"]


def shuffled(coupling: Callable[[int], Transform], event_shape: tuple[int, ...], couplings: int) -> list[Transform]:
    """Couplings whose halves change places each time, with another partition of the columns for each two of them.

    The orders are drawn from a generator of their own: a stack of the same size always has the same ones. Two columns
    have but one partition, and three are all mixed by the exchange of unequal parts.

    Args:
        coupling: makes one, for so many columns.
        event_shape: of a row.
        couplings: how many.
    """
    features = prod(event_shape)
    generator = torch.Generator().manual_seed(0)
    stack: list[Transform] = []
    for number in range(couplings):
        if number and number % 2 == 0 and features > 3:
            stack.append(Permutation(torch.randperm(features, generator=generator)))
        stack.append(coupling(features))
    return stack


def turned(layer: Callable[[int], Transform], event_shape: tuple[int, ...], layers: int) -> list[Transform]:
    """Layers with the order of the columns reversed between them, as autoregressive ones need.

    Args:
        layer: makes one, for so many columns.
        event_shape: of a row.
        layers: how many.
    """
    features = prod(event_shape)
    stack: list[Transform] = []
    for number in range(layers):
        if number and features > 1:
            stack.append(Permutation(torch.arange(features).flip(0)))
        stack.append(layer(features))
    return stack
