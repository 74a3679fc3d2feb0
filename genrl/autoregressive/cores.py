"""What a sequence model remembers of the past: a recurrent network, or a transformer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from pydantic import ConfigDict
from torch import Tensor, nn

from genrl.argument_checks import at_least, one_of
from genrl.errors import InputError

__all__ = ["Core", "CoreSteps", "Recurrent", "Transformer"]


class CoreSteps(Protocol):
    """A core that goes on from where it is."""

    def next(self, x: Tensor) -> Tensor:
        """(rows, width) of the next place, from its input (rows, width)."""
        ...


class Core(nn.Module, ABC):
    """A causal map of (rows, places, width) to itself."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """All places at once."""

    @abstractmethod
    def steps(self, x: Tensor) -> CoreSteps:
        """To go on after these places, of which there may be none."""


@dataclass(frozen=True, kw_only=True)
class Recurrent:
    """A recurrent network: gated recurrent units, or long short-term memory."""

    cell: Literal["gru", "lstm"] = "gru"
    """Which."""
    width: int = 64
    """Features of a state."""
    layers: int = 1
    """One over the other."""

    # A saved description is read as the one core that has all of its fields.
    __pydantic_config__ = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        one_of(("gru", "lstm"), cell=self.cell)
        at_least(1, width=self.width, layers=self.layers)

    def build(self) -> Core:
        """The network."""
        return _RecurrentCore(self)


@dataclass(frozen=True, kw_only=True)
class Transformer:
    """A decoder of attention layers, each place looking at itself and all before it (Vaswani et al. 2017)."""

    width: int = 64
    """Features of a place."""
    layers: int = 2
    """One over the other, each of attention and a perceptron, normalised at their inputs."""
    heads: int = 4
    """Of an attention layer; a divisor of the width."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        at_least(1, width=self.width, layers=self.layers, heads=self.heads)
        if self.width % self.heads:
            raise InputError(f"heads must divide the width of {self.width}, not be {self.heads}")

    def build(self) -> Core:
        """The network."""
        return _TransformerCore(self)


class _RecurrentCore(Core):
    def __init__(self, settings: Recurrent) -> None:
        super().__init__()
        kind = nn.GRU if settings.cell == "gru" else nn.LSTM
        self.cells = kind(settings.width, settings.width, settings.layers, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.cells(x)[0]
        return found

    def steps(self, x: Tensor) -> CoreSteps:
        return _RecurrentSteps(self.cells, self.cells(x)[1] if x.shape[1] else None)


class _RecurrentSteps:
    """Keeps the state."""

    def __init__(self, cells: nn.GRU | nn.LSTM, state: Tensor | tuple[Tensor, Tensor] | None) -> None:
        self.cells, self.state = cells, state

    def next(self, x: Tensor) -> Tensor:
        found, self.state = self.cells(x[:, None], self.state)
        return found[:, 0]


class _Attention(nn.Module):
    """Queries of some places, keys and values of these and of all before them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.normalise, self.project = nn.LayerNorm(width), nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(rows, places, width), and keys and values to be kept."""
        parts = self.project(self.normalise(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (rows, heads, places, width / heads) each
        if past is not None:
            key, value = torch.cat((past[0], key), 2), torch.cat((past[1], value), 2)
        # With a past there is one new place, which sees everything.
        found = F.scaled_dot_product_attention(query, key, value, is_causal=past is None)
        return x + self.out(found.transpose(1, 2).flatten(2)), (key, value)


class _TransformerCore(Core):
    def __init__(self, settings: Transformer) -> None:
        super().__init__()
        width = settings.width
        self.attentions = nn.ModuleList(_Attention(width, settings.heads) for _ in range(settings.layers))
        self.perceptrons = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
            for _ in range(settings.layers)
        )
        self.normalise = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.passed(x, [None] * len(self.attentions))[0]

    def passed(
        self, x: Tensor, past: list[tuple[Tensor, Tensor] | None]
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor] | None]]:
        """The features of the places of x, and what each layer keeps of them and of the past."""
        kept: list[tuple[Tensor, Tensor] | None] = []
        for attention, perceptron, before in zip(self.attentions, self.perceptrons, past, strict=True):
            x, now = attention(x, before)
            x = x + perceptron(x)
            kept.append(now)
        return self.normalise(x), kept

    def steps(self, x: Tensor) -> CoreSteps:
        nothing: list[tuple[Tensor, Tensor] | None] = [None] * len(self.attentions)
        return _TransformerSteps(self, self.passed(x, nothing)[1] if x.shape[1] else nothing)


class _TransformerSteps:
    """Keeps the keys and values of each layer."""

    def __init__(self, core: _TransformerCore, past: list[tuple[Tensor, Tensor] | None]) -> None:
        self.core, self.past = core, past

    def next(self, x: Tensor) -> Tensor:
        found, self.past = self.core.passed(x[:, None], self.past)
        return found[:, 0]
