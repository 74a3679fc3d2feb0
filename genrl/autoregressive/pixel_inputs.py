"""How a network of images is told its pixels and its context."""

from __future__ import annotations

from dataclasses import dataclass

from genrl.argument_checks import at_least
from genrl.autoregressive.conditions import Condition, GridAndVector, Told, check_context_shape
from genrl.autoregressive.levels import LevelInputs
from genrl.errors import InputError

__all__ = ["PixelInputs", "image_shape"]


@dataclass(frozen=True, kw_only=True)
class PixelInputs:
    """What the pixels and the context are to the network.

    Raises:
        InputError: a setting is out of its range.
    """

    embedding: int | None = None
    """Learned numbers for each level, which suit levels without an order, such as codes; None shows the grey value."""
    context_shape: tuple[int, int, int] | None = None
    """(channels, height, width) of a context whose columns are a flattened grid; None of one without places."""
    context_beside: int = 0
    """Columns after those of the grid, which every pixel is told alike."""
    context_levels: int | None = None
    """K if that grid holds the integers 0 .. K - 1 without an order, which get learned numbers, too."""
    context_hidden: tuple[int, ...] = ()
    """Widths of the layers by which a context without places is read; without them it is told linearly."""

    def __post_init__(self) -> None:
        at_least(1, embedding=self.embedding, context_hidden=self.context_hidden)
        at_least(2, context_levels=self.context_levels)
        at_least(0, context_beside=self.context_beside)
        if self.context_shape is None and (self.context_levels is not None or self.context_beside):
            raise InputError("context_levels and context_beside are of a context with a context_shape: give it, too")

    def levels(self, event_shape: tuple[int, int, int], levels: int) -> LevelInputs:
        """The module that tells the pixels."""
        return LevelInputs(event_shape[0], levels, self.embedding)

    def condition(self, columns: int, event_shape: tuple[int, int, int], width: int) -> Told | None:
        """The module that tells the context; None without.

        Raises:
            InputError: the context is no grid of `context_shape`, or has not `context_beside` columns beside it.
        """
        check_context_shape(self.context_shape, self.context_beside, columns)
        if not columns:
            return None
        size, beside, hidden = event_shape[1:], self.context_beside, self.context_hidden
        first = Condition(columns - beside, size, width, self.context_shape, self.context_levels, hidden)
        return GridAndVector(first, Condition(beside, size, width, None, None, hidden)) if beside else first


def image_shape(event_shape: tuple[int, ...], model: str) -> tuple[int, int, int]:
    """(channels, height, width) of rows that are images.

    Raises:
        InputError: they are not.
    """
    if len(event_shape) != 3:
        raise InputError(
            f"X must hold images (rows, channels, height, width) for {model}, not rows of shape {event_shape}: "
            "SequenceModel takes flat ones"
        )
    channels, height, width = event_shape
    return channels, height, width
