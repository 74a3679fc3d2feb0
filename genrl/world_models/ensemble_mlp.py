"""Several multilayer perceptrons of one shape, evaluated together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.nn import ACTIVATIONS, Activation

__all__ = ["EnsembleMLP"]


class EnsembleMLP(nn.Module):
    """Members that share nothing but their shape; each layer of all of them is one batched matrix product.

    Args:
        members: how many.
        sizes: widths from input to output, at least two.
        activation: between the layers.

    Raises:
        InputError: no members, fewer than two sizes, or one below 1.

    >>> EnsembleMLP(5, [3, 8, 2])(torch.zeros(10, 3)).shape
    torch.Size([5, 10, 2])
    """

    def __init__(self, members: int, sizes: Sequence[int], *, activation: Activation = "silu") -> None:
        super().__init__()
        if members < 1 or len(sizes) < 2 or min(sizes) < 1:
            raise InputError(f"an ensemble needs members and widths of 1 or more, not {members} of {list(sizes)}")
        self.members = members
        self.weights = nn.ParameterList(torch.empty(members, *shape) for shape in pairwise(sizes))
        self.biases = nn.ParameterList(torch.empty(members, 1, outputs) for outputs in sizes[1:])
        self.activation = ACTIVATIONS[activation]()
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = 1 / math.sqrt(weight.shape[1])  # as torch's linear layers start
            nn.init.uniform_(weight, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)

    def forward(self, x: Tensor, chosen: Tensor | None = None) -> Tensor:
        """The answers of the members, (members, rows, outputs).

        Args:
            x: (rows, inputs), seen by every member, or (members, rows, inputs).
            chosen: (members,) indices of those that are asked; all by default.
        """
        asked = slice(None) if chosen is None else chosen
        h = x.expand(self.members if chosen is None else len(chosen), *x.shape) if x.ndim == 2 else x
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias[asked], h, weight[asked])
            if layer < last:
                h = self.activation(h)
        return h
