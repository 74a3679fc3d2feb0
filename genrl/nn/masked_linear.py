"""Networks whose weights are masked, so that each output sees the earlier inputs only."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.nn.mlp import ACTIVATIONS, Activation

__all__ = ["MaskedLinear", "MaskedMLP", "SequentialPass"]


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are held at zero.

    Args:
        mask: (outputs, inputs), true where there is a weight.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.to(self.weight.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        return F.linear(x, self.weight * self.mask, self.bias)


class MaskedMLP(nn.Module):
    """A multilayer perceptron whose outputs for column i depend on the columns before i and on the context.

    MADE (Germain et al. 2015), with hidden degrees in ascending order rather than at random: the hidden units that
    column i adds to those of the columns before lie side by side, so that a `SequentialPass` computes each unit
    once, where calling the network for each column would compute all of them for every column.

    Args:
        features: columns of x.
        context_features: of the context, 0 without.
        outputs: numbers for each column.
        hidden: widths between, at least one.
        activation: between the layers.
    """

    def __init__(
        self,
        features: int,
        context_features: int,
        outputs: int,
        hidden: tuple[int, ...],
        activation: Activation,
    ) -> None:
        super().__init__()
        self.features = features
        self.context_features = context_features
        self.outputs = outputs
        # A unit of degree k sees the columns up to k; one of degree -1 sees the context alone.
        lowest = -1 if context_features else min(0, features - 2)
        units = [torch.linspace(lowest, max(lowest, features - 2), width).round() for width in hidden]
        inputs = torch.cat((torch.full((context_features,), -1.0), torch.arange(features)))
        last = torch.arange(features).repeat(outputs) - 1
        degrees = [inputs, *units, last]
        masks = [after[:, None] >= before[None, :] for before, after in pairwise(degrees)]
        self.hidden = nn.ModuleList(MaskedLinear(mask) for mask in masks[:-1])
        self.last = MaskedLinear(masks[-1])
        self.activation = ACTIVATIONS[activation]()
        # new_units[layer][i]: how many of its units can be computed once column i - 1 is known, but not before.
        self.new_units = [[int((degree == i - 1).sum()) for i in range(features)] for degree in units]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, features) to (rows, outputs, features)."""
        h = x if context is None else torch.cat((context, x), 1)
        for layer in self.hidden:
            h = self.activation(layer(h))
        return self.last(h).unflatten(1, (self.outputs, self.features))

    def sequential(self, rows: int) -> SequentialPass:
        """A pass column by column, for so many rows."""
        return SequentialPass(self, rows)


class SequentialPass:
    """The outputs of a masked network for one column after the other, as the columns become known.

    Every hidden unit is computed once, and from nothing but what it sees, so that masks are not needed.

    Args:
        network: whose weights are taken as they are now.
        rows: of the batch.
    """

    def __init__(self, network: MaskedMLP, rows: int) -> None:
        self.network = network
        layers = cast("list[MaskedLinear]", list(network.hidden))
        self.weights = [layer.weight.split(new) for layer, new in zip(layers, network.new_units, strict=True)]
        self.biases = [layer.bias.split(new) for layer, new in zip(layers, network.new_units, strict=True)]
        last, shape = network.last, (network.outputs, network.features)
        self.last_weights = last.weight.unflatten(0, shape).unbind(1)
        self.last_biases = last.bias.unflatten(0, shape).unbind(1)
        self.hidden = [last.weight.new_empty(rows, 0) for _ in layers]
        self.column = 0

    def next(self, seen: Tensor) -> Tensor:
        """The outputs for the next column.

        Args:
            seen: (rows, context_features + column): the context, and then the columns before.

        Returns:
            (rows, outputs).
        """
        below, column = seen, self.column
        for number, units in enumerate(self.hidden):
            weight = self.weights[number][column]
            if len(weight):
                new = F.linear(below, weight[:, : below.shape[1]], self.biases[number][column])
                units = torch.cat((units, self.network.activation(new)), 1)
                self.hidden[number] = units
            below = units
        self.column += 1
        return F.linear(below, self.last_weights[column][:, : below.shape[1]], self.last_biases[column])
