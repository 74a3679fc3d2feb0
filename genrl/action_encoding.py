"""Actions of either kind as the columns that reward models and policies see."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from genrl.errors import InputError

__all__ = ["action_columns", "encode_actions"]


def encode_actions(action_space: spaces.Space[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
    """Actions as reward models see them, (batch, action_dim) float32: as applied, or one-hot if Discrete.

    Raises:
        InputError: the space is neither a Box of one dimension nor Discrete.
    """
    columns = action_columns(action_space)
    if isinstance(action_space, spaces.Box):
        return np.clip(actions, action_space.low, action_space.high).astype(np.float32)
    return np.eye(columns, dtype=np.float32)[actions.reshape(len(actions)).astype(np.int64)]


def action_columns(action_space: spaces.Space[Any]) -> int:
    """Columns of an encoded action: the dimension of a Box, the number of choices of a Discrete space.

    Raises:
        InputError: the space is neither a Box of one dimension nor Discrete.
    """
    if isinstance(action_space, spaces.Discrete):
        return int(action_space.n)
    if isinstance(action_space, spaces.Box) and len(action_space.shape) == 1:
        return int(action_space.shape[0])
    raise InputError(f"the action space must be Discrete or a Box of one dimension, not {action_space}")
