import random

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.training import random_state, restore_random_state, seed_everything


def draw() -> list[float]:
    return [
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),  # noqa: NPY002
        np.random.randn(),  # noqa: NPY002
        torch.randn(()).item(),
    ]


def test_a_seed_repeats_every_generator() -> None:
    seed_everything(5)
    first = draw()
    seed_everything(5)
    assert draw() == first
    seed_everything(6)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_states_return_in_the_middle_of_a_gaussian_pair() -> None:
    seed_everything(5)
    draw()  # an odd number of gaussians: one waits in the generators of Python and numpy
    state = random_state()
    assert all(array.dtype != object for array in state.values())
    expected = draw() + draw()
    restore_random_state(state)
    assert draw() + draw() == expected


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_bad_seeds(seed: int) -> None:
    with pytest.raises(InputError, match="seed"):
        seed_everything(seed)


def test_foreign_arrays_are_refused() -> None:
    with pytest.raises(InputError, match="random states"):
        restore_random_state({"x": np.zeros(3)})
