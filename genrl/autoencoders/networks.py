"""Encoders and decoders: from a row to numbers, and from a code to numbers for every place of a row."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from genrl.nn import Activation, Units, fractionally_strided, halved, mlp, strided

__all__ = ["Decoder", "Encoder", "beside", "repeated", "standardised"]

REACH = 10.0  # a network sees no number further out than this, in deviations


class Encoder(nn.Module):
    """(rows, *event_shape), in units of their own, to (rows, outputs).

    Rows (channels, height, width) go through convolutions of stride 2 and one linear layer, other rows through linear
    layers; without hidden layers all is linear.

    Args:
        event_shape: of a row.
        context_features: of the context, which every layer's input, or every pixel, is extended by; 0 without.
        outputs: numbers for each row.
        hidden: widths between, on images their channels.
        activation: after each of them.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        context_features: int,
        outputs: int,
        hidden: tuple[int, ...],
        activation: Activation,
    ) -> None:
        super().__init__()
        self.units = Units(event_shape)
        if len(event_shape) == 3:
            channels, *size = event_shape
            smallest = halved((size[0], size[1]), len(hidden))[-1]
            widths = [channels + context_features, *hidden]
            self.convolutions: nn.Module | None = strided(widths, activation=activation)
            self.layers = mlp([widths[-1] * prod(smallest), outputs])
        else:
            self.convolutions = None
            self.layers = mlp([prod(event_shape) + context_features, *hidden, outputs], activation=activation)

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(rows, outputs)."""
        seen = self.units.remove(x).clamp(-REACH, REACH)
        if self.convolutions is None:
            return self.layers(beside(seen.flatten(1), context))
        return self.layers(self.convolutions(beside(seen, context)).flatten(1))


class Decoder(nn.Module):
    """(rows, latents) to (rows, outputs, *event_shape): the mirror image of an encoder.

    Args:
        latents: columns of the code.
        event_shape: of a row.
        context_features: of the context, that stands beside the code; 0 without.
        outputs: numbers for each place of a row.
        hidden: widths of the encoder, met here from the last to the first.
        activation: between the layers.
    """

    def __init__(
        self,
        latents: int,
        event_shape: tuple[int, ...],
        context_features: int,
        outputs: int,
        hidden: tuple[int, ...],
        activation: Activation,
    ) -> None:
        super().__init__()
        inputs, self.shape = latents + context_features, (outputs, *event_shape)
        if len(event_shape) == 3:
            channels, *size = event_shape
            sizes = halved((size[0], size[1]), len(hidden))[::-1]
            widths = [*reversed(hidden), outputs * channels]
            self.layers: nn.Module = nn.Sequential(
                nn.Linear(inputs, widths[0] * prod(sizes[0])),
                nn.Unflatten(1, (widths[0], *sizes[0])),
                fractionally_strided(widths, sizes, activation=activation),
            )
        else:
            self.layers = mlp([inputs, *reversed(hidden), prod(self.shape)], activation=activation)

    def forward(self, z: Tensor, context: Tensor | None) -> Tensor:
        """(rows, outputs, *event_shape)."""
        found: Tensor = self.layers(beside(z, context))
        return found.reshape(len(z), *self.shape)


def standardised(context: Tensor | None, units: Units | None) -> Tensor | None:
    """The context as networks see it."""
    return None if context is None or units is None else units.remove(context).clamp(-REACH, REACH)


def repeated(context: Tensor | None, times: int) -> Tensor | None:
    """The context of (times, rows) draws, flat."""
    return None if context is None else context.expand(times, *context.shape).flatten(0, 1)


def beside(x: Tensor, context: Tensor | None) -> Tensor:
    """(rows, features, ...) with the context (rows, columns) as further features, the same at each place."""
    if context is None:
        return x
    places = context.reshape(*context.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
    return torch.cat((x, places), 1)
