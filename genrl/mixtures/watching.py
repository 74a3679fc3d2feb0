"""The progress of a fit that goes through several climbs: what asks for an end, ends all of them."""

from __future__ import annotations

from genrl.generative_model import Progress
from genrl.training.fit import FitEpoch

__all__ = ["Watch"]


class Watch:
    """Hands epochs on until the answer is to stop, and remembers it.

    Args:
        progress: the caller's; None never asks.

    Attributes:
        asked: whether it has.
    """

    def __init__(self, progress: Progress | None) -> None:
        self.asked = False
        self._progress = progress

    def __call__(self, number: int, planned: int, loss: float) -> bool:
        """Whether to stop after this iteration.

        Args:
            number: of the iteration, from 1.
            planned: iterations at most.
            loss: in nats a row.
        """
        if self._progress is not None and not self.asked:
            epoch = FitEpoch(number=number, planned=planned, train={"loss": loss}, validation={})
            self.asked = self._progress(epoch) is False
        return self.asked
