"""Every global random state that a run draws from: set from one seed, kept as arrays, put back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genrl.errors import InputError

__all__ = ["random_state", "restore_random_state", "seed_everything"]


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators (torch's on every device).

    Raises:
        InputError: `seed` is not within 0 .. 2**32 - 1, what numpy takes.

    >>> seed_everything(1); first = torch.rand(()).item()
    >>> seed_everything(1); first == torch.rand(()).item()
    True
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"the seed must be within 0 .. {2**32 - 1}, not {seed}")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - stable-baselines3 draws from the global generator
    torch.manual_seed(seed)


def random_state() -> dict[str, NDArray[Any]]:
    """The global generators' states as arrays, fit for an `.npz` (CUDA's too where it is in use)."""
    version, words, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    state = {
        "python_words": np.array(words, dtype=np.uint64),
        "python_gauss": np.array([] if gauss is None else [gauss], dtype=np.float64),
        "python_version": np.array(version),
        "numpy_keys": np.array(keys),
        "numpy_position": np.array([position, has_gauss]),
        "numpy_gauss": np.array(cached),
        "torch_cpu": torch.get_rng_state().numpy().copy(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        for device, cuda_state in enumerate(torch.cuda.get_rng_state_all()):
            state[f"torch_cuda_{device}"] = cuda_state.numpy().copy()
    return state


def restore_random_state(state: Mapping[str, NDArray[Any]]) -> None:
    """Put back what `random_state` gave; states of CUDA devices that this machine lacks are left out.

    Raises:
        InputError: the arrays are not such a state.
    """
    try:
        words = tuple(int(word) for word in state["python_words"])
        gauss = float(state["python_gauss"][0]) if len(state["python_gauss"]) else None
        random.setstate((int(state["python_version"]), words, gauss))
        position, has_gauss = (int(number) for number in state["numpy_position"])
        np.random.set_state(  # noqa: NPY002
            ("MT19937", state["numpy_keys"], position, has_gauss, float(state["numpy_gauss"]))
        )
        torch.set_rng_state(torch.from_numpy(np.array(state["torch_cpu"])))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the stored random states cannot be put back: {error}") from None
    if torch.cuda.is_available():
        for device in range(torch.cuda.device_count()):
            if f"torch_cuda_{device}" in state:
                cuda_state = torch.from_numpy(np.array(state[f"torch_cuda_{device}"]))
                torch.cuda.set_rng_state(cuda_state, device)
