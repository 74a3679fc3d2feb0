"""What a step led to, where a vectorised environment already shows the first observation of the next episode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["reached_observations"]


def reached_observations(observations: Any, dones: NDArray[np.bool_], infos: list[dict[str, Any]]) -> NDArray[Any]:
    """(envs, ...) a copy of the observations, at the end of an episode its last one."""
    reached = np.array(observations)
    for index in np.flatnonzero(dones):
        reached[index] = infos[index]["terminal_observation"]
    return reached
