"""Action spaces as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

__all__ = ["describe_space", "rebuild_space"]


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
        KeyError, TypeError, ValueError: something is missing, or no number.
    """
    if description["kind"] == "discrete":
        return spaces.Discrete(description["n"], start=description["start"])
    low, high = (np.array(description[bound], dtype=np.float32) for bound in ("low", "high"))
    return spaces.Box(low, high, dtype=np.float32)
