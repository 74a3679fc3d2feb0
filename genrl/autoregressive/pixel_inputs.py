"""How a network of images is told its pixels and its context."""

from __future__ import annotations

from dataclasses import dataclass

from genrl.argument_checks import at_least
from genrl.autoregressive.conditions import Condition, check_context_shape
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
    context_levels: int | None = None
    """K if that grid holds the integers 0 .. K - 1 without an order, which get learned numbers, too."""

    def __post_init__(self) -> None:
        at_least(1, embedding=self.embedding)
        at_least(2, context_levels=self.context_levels)
        if self.context_levels is not None and self.context_shape is None:
            raise InputError("context_levels is of a context with a context_shape: give both")

    def levels(self, event_shape: tuple[int, int, int], levels: int) -> LevelInputs:
        """The module that tells the pixels."""
        return LevelInputs(event_shape[0], levels, self.embedding)

    def condition(self, columns: int, event_shape: tuple[int, int, int], width: int) -> Condition | None:
        """The module that tells the context; None without.

        Raises:
            InputError: the context is no grid of `context_shape`.
        """
        check_context_shape(self.context_shape, columns)
        if not columns:
            return None
        return Condition(columns, event_shape[1:], width, self.context_shape, self.context_levels)


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
