"""Networks whose weights are masked, so that each output sees the earlier inputs only."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.nn.mlp import ACTIVATIONS, Activation

__all__ = ["MaskedLinear", "MaskedMLP"]


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
    column i adds to those of the columns before lie side by side, so that `step` computes each unit once in a whole
    sequential pass, where calling the network for each column would compute all of them for every column.

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
        # known[layer][i]: how many of its units can be computed before column i is.
        self.known = [[int((degree < i).sum()) for i in range(features + 1)] for degree in units]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, features) to (rows, outputs, features)."""
        h = x if context is None else torch.cat((context, x), 1)
        for layer in self.hidden:
            h = self.activation(layer(h))
        return self.last(h).unflatten(1, (self.outputs, self.features))

    def step(self, seen: Tensor, hidden: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The outputs of the next column, from the columns before it.

        Args:
            seen: (rows, context_features + i): the context and then the columns before i.
            hidden: what the last step returned; at first no units at all, `start(rows)`.

        Returns:
            (rows, outputs) for column i, and the hidden units to go on with.
        """
        column = seen.shape[1] - self.context_features
        below, grown = seen, []
        for layer, known, units in zip(self.hidden, self.known, hidden, strict=True):
            assert isinstance(layer, MaskedLinear)
            first, end = units.shape[1], known[column]
            if end > first:
                new = F.linear(below, layer.weight[first:end, : below.shape[1]], layer.bias[first:end])
                units = torch.cat((units, self.activation(new)), 1)
            grown.append(units)
            below = units
        weight = self.last.weight[column :: self.features, : below.shape[1]]
        return F.linear(below, weight, self.last.bias[column :: self.features]), grown

    def start(self, rows: int) -> list[Tensor]:
        """The hidden units that are known before the first column: none."""
        return [self.last.weight.new_empty(rows, 0) for _ in self.known]
