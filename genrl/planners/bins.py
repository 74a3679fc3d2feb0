"""Real numbers as integers and back: each column of trajectories is cut into bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from genrl.argument_checks import one_of
from genrl.errors import InputError

__all__ = ["Bins", "Discretiser"]

MOST_BINS = 65_536


@dataclass(frozen=True, kw_only=True)
class Bins:
    """How numbers become tokens.

    Raises:
        InputError: a setting is out of its range.
    """

    levels: int = 64
    """Values of a token."""
    tokens: int = 1
    """For each number, the coarse before the fine: levels ** tokens bins."""
    kind: Literal["uniform", "quantile"] = "uniform"
    """Of equal width, or each with equally many numbers of the data."""

    def __post_init__(self) -> None:
        if self.levels < 2 or self.tokens < 1 or self.count > MOST_BINS:
            raise InputError(
                f"levels must be 2 or more and tokens 1 or more, with at most {MOST_BINS} bins in all, "
                f"not {self.levels} and {self.tokens}"
            )
        one_of(("uniform", "quantile"), kind=self.kind)

    @property
    def count(self) -> int:
        """Bins of a column."""
        return self.levels**self.tokens


class Discretiser(nn.Module):
    """Maps (..., columns) numbers to (..., columns * tokens) integers 0 .. levels - 1, and back to a number of the bin.

    Back means the mean of the data in that bin (its middle, if it had none): the error is at most the bin's width, and
    half of it for uniform bins without data. Numbers outside the data's range go to the nearest bin.

    Args:
        bins: settings.
        columns: how many.

    >>> found = Discretiser(Bins(levels=4), 1)
    >>> found.measure(torch.tensor([[0.0], [1.0], [4.0]]))
    >>> found.encode(torch.tensor([[0.4], [3.9], [9.0]])).flatten()
    tensor([0., 3., 3.])
    >>> found.decode(torch.tensor([[0.0], [3.0], [2.0]])).flatten()
    tensor([0.0000, 4.0000, 2.5000])
    """

    edges: Tensor
    representatives: Tensor

    def __init__(self, bins: Bins, columns: int) -> None:
        super().__init__()
        self.bins = bins
        self.register_buffer("edges", torch.linspace(-1, 1, bins.count + 1).repeat(columns, 1))
        self.register_buffer("representatives", 0.5 * (self.edges[:, 1:] + self.edges[:, :-1]))

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """Take the bins from data (..., columns)."""
        shares = torch.linspace(0, 1, self.bins.count + 1, dtype=torch.float64)
        for column, numbers in enumerate(x.double().reshape(-1, x.shape[-1]).T.contiguous()):
            ordered = numbers.sort().values
            if self.bins.kind == "uniform":
                edges = ordered[0] + (ordered[-1] - ordered[0]) * shares
            else:
                edges = ordered[(shares * (len(ordered) - 1)).round().long()]
            self.edges[column].copy_(edges)
            places = self._places(numbers.to(self.edges), column)
            count = torch.bincount(places, minlength=self.bins.count)
            sums = torch.zeros(self.bins.count, dtype=torch.float64).index_add_(0, places, numbers)
            middle = 0.5 * (edges[1:] + edges[:-1])
            self.representatives[column].copy_(torch.where(count > 0, sums / count.clamp(min=1), middle))

    def encode(self, x: Tensor) -> Tensor:
        """Tokens, in floating point as the models take them."""
        columns = [self._places(x[..., column].to(self.edges), column) for column in range(len(self.edges))]
        places = torch.stack(columns, -1)
        powers = [self.bins.levels**power for power in reversed(range(self.bins.tokens))]
        digits = torch.stack([places // power % self.bins.levels for power in powers], -1)
        return digits.flatten(-2).to(self.edges)

    def decode(self, tokens: Tensor) -> Tensor:
        """Numbers of the bins."""
        digits = tokens.long().unflatten(-1, (len(self.edges), self.bins.tokens))
        places = torch.zeros_like(digits[..., 0])
        for digit in digits.unbind(-1):
            places = places * self.bins.levels + digit
        columns = [self.representatives[column][places[..., column]] for column in range(len(self.edges))]
        return torch.stack(columns, -1)

    def _places(self, numbers: Tensor, column: int) -> Tensor:
        """The bin of each number."""
        return torch.searchsorted(self.edges[column][1:-1].contiguous(), numbers.contiguous(), right=True)
