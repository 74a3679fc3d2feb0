"""Action spaces as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from genrl.errors import InputError
from genrl.training.reading import bounded

__all__ = ["describe_space", "rebuild_box", "rebuild_space"]


def describe_space(space: spaces.Space[Any]) -> dict[str, Any]:
    """What `rebuild_space` needs.

    >>> describe_space(spaces.Discrete(3))
    {'kind': 'discrete', 'n': 3, 'start': 0}
    """
    if isinstance(space, spaces.Discrete):
        return {"kind": "discrete", "n": int(space.n), "start": int(space.start)}
    assert isinstance(space, spaces.Box)
    return {"kind": "box", "low": space.low.tolist(), "high": space.high.tolist()}


def rebuild_space(description: Mapping[str, Any]) -> spaces.Space[Any]:
    """The space that was described.

    Raises:
        InputError: a bound or a number is of the wrong kind.
        KeyError, TypeError: something is missing, or no number.
    """
    if description["kind"] == "discrete":
        start = bounded(description["start"], "start", "the action space", least=-(2**31), most=2**31)
        return spaces.Discrete(bounded(description["n"], "n", "the action space"), start=start)
    return rebuild_box(description["low"], description["high"])


def rebuild_box(low: Any, high: Any) -> spaces.Box:
    """The Box of one dimension with these bounds, each a list of numbers.

    Raises:
        InputError: they are no such lists, of different lengths, NaN, or out of order.

    >>> rebuild_box([-1.0, -2.0], [1.0, 2.0]).shape
    (2,)
    """
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold is no bound at all
            lower, upper = (np.array(bound, dtype=np.float64).astype(np.float32) for bound in (low, high))
    except (OverflowError, TypeError, ValueError):
        raise InputError("the bounds of the action space are no lists of numbers") from None
    if lower.ndim != 1 or lower.shape != upper.shape or not len(lower) or not (lower <= upper).all():
        raise InputError("the bounds of the action space are not one low and one high for each column")
    return spaces.Box(lower, upper, dtype=np.float32)
