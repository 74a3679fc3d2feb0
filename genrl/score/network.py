"""The network that takes the noise out of rows, given how much there is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Protocol

import torch
from torch import Tensor, nn

from genrl.nn import ACTIVATIONS, Activation, TimeEmbedding, mlp

__all__ = ["Architecture", "Denoiser", "Perceptron"]

FREQUENCIES = 4  # of the waves by which the network sees the noise level
TIME_FEATURES = 64  # hidden units between the waves and what they do to the layers
REACH = 10.0  # the network sees no column further out: what lies beyond is moved by a fixed map


class Denoiser(nn.Module):
    """E[row given row + noise], for rows in standard units and noise of a known level.

    A network F sees the noisy row scaled to variance 1 and is asked for what a fixed part does not know: D(x) =
    c_skip x + c_out F(c_in x), where c_skip = 1 / (1 + level^2), c_in is its root and c_out = level c_in (Karras et al.
    2022, table 1, with data of deviation 1). Its target has variance 1 at every level, and zeros are the best answer
    for Gaussian data. Departure from the paper: F sees the level as waves of its logarithm.

    Args:
        event_shape: of a row, which comes flat.
        context_features: of the context, 0 without.
        architecture: of F, smooth, for its derivatives are the density.
        least: the lowest level that is learned.
        most: the highest.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        context_features: int,
        *,
        architecture: Architecture,
        least: Tensor,
        most: Tensor,
    ) -> None:
        super().__init__()
        self.context_features = context_features
        self.lowest = float(least.log())
        self.octaves = float(most.log()) - self.lowest or 1.0  # 0 where there is one level only
        # One more column beside those of the context says whether there is one.
        self.network = architecture.build(event_shape, context_features + 1 if context_features else 0)

    def forward(self, x: Tensor, level: Tensor, context: Tensor | None = None, given: Tensor | None = None) -> Tensor:
        """The denoised rows.

        Args:
            x: (rows, features), noisy.
            level: of the noise; without dimensions, or (rows, 1).
            context: (rows, context_features); None for one that nobody knows.
            given: (rows, 1) which contexts are known; None for all.
        """
        variance = 1 + level.square()
        return x / variance + level * variance.rsqrt() * self.residual(x, level, context, given)

    def residual(self, x: Tensor, level: Tensor, context: Tensor | None = None, given: Tensor | None = None) -> Tensor:
        """(rows, features) what F answers, in place of `target`."""
        scaled = (x * (1 + level.square()).rsqrt()).clamp(-REACH, REACH)
        time = (level.log() - self.lowest) / self.octaves
        told = None
        if self.context_features and context is None:
            told = x.new_zeros(len(x), self.context_features + 1)
        elif context is not None:
            known = torch.ones_like(x[:, :1]) if given is None else given.to(x)
            told = torch.cat([known * context.clamp(-REACH, REACH), known], 1)
        found: Tensor = self.network(scaled, time.reshape(-1, 1), told)
        return found


class Architecture(Protocol):
    """Makes the network of a denoiser, such as `Perceptron` or `genrl.score.TemporalUNet`."""

    def build(self, event_shape: tuple[int, ...], context_features: int) -> nn.Module:
        """A network that takes (rows, features), times (rows, 1) or (1, 1), and (rows, context_features) or None."""
        ...


@dataclass(frozen=True, kw_only=True)
class Perceptron:
    """Makes a `ModulatedMLP` of flat rows."""

    hidden: tuple[int, ...]
    activation: Activation

    def build(self, event_shape: tuple[int, ...], context_features: int) -> nn.Module:
        """Of any rows."""
        features = prod(event_shape)
        return ModulatedMLP(features + context_features, self.hidden, features, activation=self.activation)


class ModulatedMLP(nn.Module):
    """A multilayer perceptron whose every layer is scaled and moved as the time says (Perez et al. 2018, equation 1).

    The time merely beside the input columns cost 0.3 nats on a checkerboard. The output is zero at first.

    Args:
        inputs: columns.
        hidden: widths between, at least one.
        outputs: columns.
        activation: between the layers.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int, *, activation: Activation) -> None:
        super().__init__()
        self.hidden = hidden
        self.activation = ACTIVATIONS[activation]()
        self.layers = nn.ModuleList(nn.Linear(*sizes) for sizes in pairwise((inputs, *hidden)))
        self.clock = TimeEmbedding(FREQUENCIES)
        self.modulation = mlp([self.clock.columns, TIME_FEATURES, 2 * sum(hidden)], activation=activation)
        self.last = mlp([hidden[-1], outputs], zero_output=True)

    def forward(self, x: Tensor, time: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, outputs) of rows and context, which have as many columns as there are inputs, and times (rows, 1), or
        (1, 1) for all.
        """
        x = x if context is None else torch.cat([x, context], 1)
        scales, shifts = self.modulation(self.clock(time)).chunk(2, 1)
        for layer, scale, shift in zip(
            self.layers, scales.split(self.hidden, 1), shifts.split(self.hidden, 1), strict=True
        ):
            x = self.activation(torch.addcmul(shift, layer(x), 1 + scale))
        found: Tensor = self.last(x)
        return found


def target(x: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
    """What F should answer for the denoised rows to be x; of variance 1 in each column."""
    variance = 1 + level.square()
    return (x - noisy / variance) * variance.sqrt() / level
