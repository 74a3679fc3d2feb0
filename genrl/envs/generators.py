"""Random generators of the simulations, as arrays and back, so that a run can be resumed without a pickle."""

from collections.abc import Sequence

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

__all__ = ["generators_from_array", "generators_to_array", "seeds_from_array", "seeds_to_array"]

_LOW = (1 << 64) - 1
_UNSEEDED = -1


def generators_to_array(generators: Sequence[np.random.Generator]) -> NDArray[np.uint64]:
    """Write down the state of PCG64 generators, (num_generators, 6)."""
    rows = []
    for generator in generators:
        state = generator.bit_generator.state
        words = (state["state"]["state"], state["state"]["inc"])
        halves = [half for word in words for half in (word >> 64, word & _LOW)]
        rows.append([*halves, state["has_uint32"], state["uinteger"]])
    return np.array(rows, dtype=np.uint64).reshape(len(generators), 6)


def generators_from_array(array: NDArray[np.uint64]) -> list[np.random.Generator]:
    """Make the generators that `generators_to_array` wrote down; they draw the same numbers again.

    >>> first, _ = seeding.np_random(3)
    >>> (second,) = generators_from_array(generators_to_array([first]))
    >>> float(first.uniform()) == float(second.uniform())
    True
    """
    generators = []
    for state_high, state_low, inc_high, inc_low, has_uint32, uinteger in array.tolist():
        generator, _ = seeding.np_random(0)
        generator.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": state_high << 64 | state_low, "inc": inc_high << 64 | inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }
        generators.append(generator)
    return generators


def seeds_to_array(seeds: Sequence[int | None]) -> NDArray[np.int64]:
    """Write down the seeds that wait for the next reset of a `VecEnv`, (num_envs,)."""
    return np.array([_UNSEEDED if seed is None else seed for seed in seeds], dtype=np.int64)


def seeds_from_array(array: NDArray[np.int64]) -> list[int | None]:
    """The inverse of `seeds_to_array`.

    >>> seeds_from_array(seeds_to_array([3, None]))
    [3, None]
    """
    return [None if seed == _UNSEEDED else seed for seed in array.tolist()]
