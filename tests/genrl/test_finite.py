"""NaN and infinity are found wherever they are, and what only looks like them is not."""

from typing import Any

import numpy as np
import pytest
import torch

from genrl.finite import describe_not_finite, is_finite, name_not_finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_bad_number_among_many_is_found(bad: float, dtype: Any) -> None:
    array = np.ones((50, 7), dtype=dtype)
    assert is_finite(array)
    assert is_finite(torch.from_numpy(array))
    array[31, 3] = bad
    assert not is_finite(array)
    assert not is_finite(torch.from_numpy(array))


def test_infinities_of_both_signs_do_not_cancel() -> None:
    assert not is_finite(np.array([np.inf, -np.inf]))
    assert not is_finite(torch.tensor([torch.inf, -torch.inf]))


def test_large_numbers_and_integers_are_finite() -> None:
    with np.errstate(all="raise"):  # no warning of an overflow either
        assert is_finite(np.full(10, 3e38, dtype=np.float32))
    assert is_finite(torch.full((10,), 3e38))
    assert is_finite(np.array([1, 2]))
    assert is_finite(torch.tensor([True, False]))
    assert is_finite(np.array([], dtype=np.float32))


def test_the_first_bad_tensor_is_named() -> None:
    good, bad, huge = torch.ones(3), torch.tensor([1.0, torch.nan]), torch.full((4,), 3e38)
    integers = torch.tensor([1, 2])
    assert name_not_finite({"a": good, "b": huge, "c": integers}) is None
    assert name_not_finite({"a": good, "b": huge, "c": bad, "d": bad}) == "c"
    assert name_not_finite({}) is None


def test_descriptions_count() -> None:
    assert describe_not_finite(torch.tensor([1.0, torch.nan, torch.nan])) == "NaN in 2 of 3 numbers"
    assert describe_not_finite(np.array([[np.inf, 0.0]])) == "infinity in 1 of 2 numbers"
