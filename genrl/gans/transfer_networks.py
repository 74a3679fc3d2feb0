"""Networks from rows of some shapes to rows of another, or to logits: dense for columns, convolutional for images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from genrl.nn import ACTIVATIONS, Activation, halved, mlp, strided

__all__ = ["Judge", "TransferNetwork"]

Shape = tuple[int, ...]
JUDGED_SMALLEST = 4  # side of an image that is halved no more


class TransferNetwork(nn.Module):
    """From flat rows to flat rows of another domain: a linear map and a network that learns what it lacks.

    The linear map starts as the identity where the first input has the shape of the output. Of all maps between two
    domains that their distributions allow, training then ends at one near the simplest.

    If the first input and the output are images of one size, both parts are convolutions, the linear one 1 x 1, and
    further inputs without places of their own are the same at every pixel. A convolution carries a pixel one place
    further: maps that move pixels far need flat rows.

    Args:
        inputs: shapes of what it is given, the row to be transferred first.
        output: shape of the row that it gives.
        hidden: widths, or channels, between.
        activation: between the layers.
    """

    def __init__(self, inputs: Sequence[Shape], output: Shape, hidden: tuple[int, ...], activation: Activation) -> None:
        super().__init__()
        self.inputs = [tuple(shape) for shape in inputs]
        self.places = _places(inputs[0], output)
        if self.places is None:
            sizes = [sum(prod(shape) for shape in inputs), *hidden, prod(output)]
            self.linear: nn.Module = nn.Linear(sizes[0], sizes[-1])
            self.network = mlp(sizes, activation=activation)
        else:
            channels = [sum(shape[0] for shape in inputs), *hidden, output[0]]
            layers: list[nn.Module] = []
            for before, after in pairwise(channels):
                layers += [nn.Conv2d(before, after, 3, padding=1), ACTIVATIONS[activation]()]
            self.linear = nn.Conv2d(channels[0], channels[-1], 1)
            self.network = nn.Sequential(*layers[:-1])
        if inputs[0] == output:
            _start_as_identity(self.linear)

    def forward(self, *rows: Tensor) -> Tensor:
        """(rows, features) each, in the order of the shapes, to (rows, features of the output)."""
        joined = _joined(rows, self.inputs, self.places)
        made: Tensor = self.linear(joined) + self.network(joined)
        return made.flatten(1)


class Judge(nn.Module):
    """From flat rows to logits: a discriminator of one row, or of several that may belong together.

    Args:
        inputs: shapes of what it judges.
        hidden: widths of a dense network, or channels of 3 x 3 convolutions, if the first input is an image: each
            halves it while it is larger than 4 x 4.
        activation: between the layers.
        logits: how many.
    """

    def __init__(
        self, inputs: Sequence[Shape], hidden: tuple[int, ...], activation: Activation, logits: int = 1
    ) -> None:
        super().__init__()
        self.inputs = [tuple(shape) for shape in inputs]
        self.places = _places(inputs[0], inputs[0])
        if self.places is None:
            self.network = mlp([sum(prod(shape) for shape in inputs), *hidden, logits], activation=activation)
            return
        channels = [sum(shape[0] for shape in inputs), *hidden]
        times = sum(max(size) > JUDGED_SMALLEST for size in halved(self.places, len(hidden))[:-1])
        layers: list[nn.Module] = [strided(channels[: times + 1], activation=activation)]
        for before, after in pairwise(channels[times:]):
            layers += [nn.Conv2d(before, after, 3, padding=1), ACTIVATIONS[activation]()]
        last = prod(halved(self.places, times)[-1]) * channels[-1]
        self.network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(last, logits))

    def forward(self, *rows: Tensor) -> Tensor:
        """(rows,) logits, or (rows, logits) if they are several."""
        judged: Tensor = self.network(_joined(rows, self.inputs, self.places))
        return judged.squeeze(1)


def _places(first: Shape, second: Shape) -> tuple[int, int] | None:
    """(height, width) that both share, or None."""
    return (first[1], first[2]) if len(first) == len(second) == 3 and first[1:] == second[1:] else None


def _joined(rows: Sequence[Tensor], shapes: Sequence[Shape], places: tuple[int, int] | None) -> Tensor:
    """Side by side: columns, or channels."""
    if places is None:
        return torch.cat(list(rows), 1)
    images = [
        each.reshape(len(each), *shape) if len(shape) == 3 else each[:, :, None, None].expand(-1, -1, *places)
        for each, shape in zip(rows, shapes, strict=True)
    ]
    return torch.cat(images, 1)


@torch.no_grad()
def _start_as_identity(linear: nn.Module) -> None:
    for parameter in linear.parameters():
        parameter.zero_()
    weight = next(linear.parameters())
    for place in range(len(weight)):
        weight[place, place] = 1.0
