"""A digest changes with whatever a training could notice, and with nothing else."""

from typing import Any

import numpy as np
import pytest
import torch

from genrl.data_digest import data_digest

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_layout_order_and_device_do_not_matter() -> None:
    digest = data_digest({"x": ROWS, "y": np.array([True, False])})
    assert digest == data_digest({"y": np.array([True, False]), "x": torch.from_numpy(ROWS.copy())})
    assert digest == data_digest({"x": np.asfortranarray(ROWS), "y": np.array([True, False])})
    assert digest == data_digest({"x": np.repeat(ROWS, 2, axis=0)[::2], "y": np.array([True, False])})
    assert len(digest) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"x": np.nextafter(ROWS, np.float32(np.inf))},
        {"x": ROWS.astype(np.float64)},
        {"x": ROWS.reshape(3, 4)},
        {"x": ROWS[::-1]},
        {"z": ROWS},
        {"x": ROWS, "y": None},
        {"x": None},
        {},
    ],
)
def test_everything_else_does(changed: dict[str, Any]) -> None:
    assert data_digest({"x": ROWS}) != data_digest(changed)


def test_zero_has_a_sign() -> None:
    assert data_digest({"x": ROWS * 0}) != data_digest({"x": -ROWS * 0})


def test_values_do_not_slip_from_one_array_into_the_next() -> None:
    assert data_digest({"a": ROWS[:1], "b": ROWS[1:]}) != data_digest({"a": ROWS[:2], "b": ROWS[2:]})


def test_kinds_of_arrays() -> None:
    kinds = [np.array(3.0), np.zeros((0, 2)), np.array(["a", "bc"]), np.array(["2020-01-01"], dtype="datetime64[D]")]
    assert len({data_digest({"x": array}) for array in kinds}) == len(kinds)
    with pytest.raises(TypeError, match="'x' holds Python objects"):
        data_digest({"x": np.array([None])})
