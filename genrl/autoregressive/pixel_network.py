"""Networks of images: from pixels to the numbers of the head, everywhere or at one pixel."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from genrl.autoregressive.conditions import Told
from genrl.autoregressive.levels import LevelInputs
from genrl.autoregressive.ordered_sampling import Network

__all__ = ["PixelNetwork"]


class PixelNetwork(Network):
    """A network whose `image` computes (rows, channels * outputs, height, width) from the inputs of all pixels.

    Args:
        event_shape: (channels, height, width).
        inputs: how it is told the levels.
        condition: of the context, None without.
        outputs: numbers for each value.
    """

    def __init__(
        self, event_shape: tuple[int, int, int], inputs: LevelInputs, condition: Told | None, outputs: int
    ) -> None:
        super().__init__()
        self.event_shape, self.inputs, self.condition, self.outputs = event_shape, inputs, condition, outputs

    @abstractmethod
    def image(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """(rows, inputs, height, width), and the map of the context, to (rows, channels * outputs, height, width)."""

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """(rows, places) to (rows, places, outputs)."""
        return self.in_order(self.image(self.inputs(self.pixels(x)), self.conditioned(context)))

    def measure(self, x: Tensor, context: Tensor | None) -> None:
        """Take the units of the context."""
        if self.condition is not None and context is not None:
            self.condition.measure(context)

    def conditioned(self, context: Tensor | None) -> Tensor | None:
        """The map of the context."""
        return None if self.condition is None or context is None else self.condition(context)

    def pixels(self, x: Tensor) -> Tensor:
        """(rows, channels, height, width) from (rows, places)."""
        channels, height, width = self.event_shape
        return x.reshape(-1, height, width, channels).movedim(-1, 1)

    def in_order(self, found: Tensor) -> Tensor:
        """(rows, places, outputs) from (rows, channels * outputs, height, width)."""
        return found.unflatten(1, (self.event_shape[0], self.outputs)).permute(0, 3, 4, 1, 2).flatten(1, 3)

    def of_channel(self, found: Tensor, channel: int) -> Tensor:
        """(rows, outputs) of one channel, from (rows, channels * outputs) of one pixel."""
        return found[:, channel * self.outputs : (channel + 1) * self.outputs]
