"""Drawing one value after the other, each given those before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor, nn

from genrl.autoregressive.heads import Choice, Head

__all__ = ["FullPasses", "Network", "Steps", "draw_in_order", "first_unknown"]


class Steps(Protocol):
    """A network that is asked for one value after the other."""

    def numbers(self, place: int) -> Tensor:
        """(rows, outputs) what the head needs for this value, once those before it have been put."""
        ...

    def put(self, place: int, values: Tensor) -> None:
        """(rows,) the values of this place."""
        ...


class Network(nn.Module, ABC):
    """Gives the head's numbers for every value of a row, from the values before it.

    The places of a row are numbered in the order in which they are drawn; `Network`s of images read pixel by pixel,
    row by row, and within a pixel channel by channel.
    """

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(rows, places) and (rows, columns) to (rows, places, outputs)."""

    @abstractmethod
    def steps(self, x: Tensor, context: Tensor | None, start: int) -> Steps:
        """To go on from the place `start`.

        Args:
            x: (rows, places) with the values before `start`; what stands later is no matter.
            context: (rows, columns) or None.
            start: the first place that will be asked for.
        """

    def measure(self, x: Tensor, context: Tensor | None) -> None:
        """Take the units of the context, if it has any."""


class FullPasses:
    """The plain way: the whole network for each value. What a network's own steps are checked against."""

    def __init__(self, network: Network, x: Tensor, context: Tensor | None) -> None:
        self.network, self.x, self.context = network, x.clone(), context

    def numbers(self, place: int) -> Tensor:
        """(rows, outputs)."""
        found: Tensor = self.network(self.x, self.context)
        return found[:, place]

    def put(self, place: int, values: Tensor) -> None:
        """(rows,)."""
        self.x[:, place] = values


def first_unknown(known: Tensor) -> int:
    """The first place that is not known in every row; the number of places if all are.

    >>> first_unknown(torch.tensor([[True, True, False], [True, True, True]]))
    2
    """
    return int(known.all(0).long().cumprod(0).sum())


def draw_in_order(
    steps: Steps, head: Head, x: Tensor, known: Tensor, noise: Tensor, choice: Choice, start: int
) -> Tensor:
    """(rows, places) values, those that are known as they are, the others drawn given all before them.

    Args:
        steps: of the network, ready for `start`.
        head: of the network.
        x: (rows, places) the known values.
        known: (rows, places) which they are; all before `start`.
        noise: (rows, places, n) of the head.
        choice: how a value is chosen.
        start: the first place to draw.
    """
    result = x.clone()  # made outside, so that gradients may later be taken through what becomes of it
    with torch.inference_mode():  # a third cheaper than without gradients, where each operation is small
        places = zip(noise.unbind(1), x.unbind(1), known.unbind(1), known.any(0).tolist(), strict=True)
        drawn = []
        for place, (noise_here, given, is_given, any_given) in islice(enumerate(places), start, None):
            values = head.draw(steps.numbers(place), noise_here, choice)
            if any_given:
                values = torch.where(is_given, given, values)
            steps.put(place, values)
            drawn.append(values)
        if drawn:
            result[:, start:] = torch.stack(drawn, 1)
    return result


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Without dropout, and then as it was."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
