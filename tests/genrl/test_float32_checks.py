import warnings

import numpy as np
import pytest

from genrl.errors import InputError
from genrl.float32_checks import as_float32, check_float32, check_float32_range
from genrl.row_checks import as_rows

rng = np.random.default_rng(0)
NORMAL = rng.normal(size=(500, 1))
SECONDS = np.arange(500.0)[:, None]


def beside(column):
    """A column that is fine before it."""
    return np.concatenate([NORMAL, column], 1)


@pytest.mark.parametrize(
    "column",
    [
        NORMAL,
        1e30 * NORMAL,
        1e-30 * NORMAL,
        1e6 + NORMAL,  # neighbors are 0.06 apart
        1e9 * SECONDS,
        1.7e9 + 128 * SECONDS,  # exactly the neighbors
        np.full((500, 1), 1.7e9 + 1),  # constant
        0.3 * 1e6 + 1e-9 * NORMAL,  # constant but for rounding
        1 + 1e-9 * NORMAL,  # near one, as quaternions are
        1e4 + 1e-4 * np.arange(200_000)[:, None],  # slow, but far in the end
        1.7e9 + 1e6 * rng.uniform(size=(500, 1)),  # shuffled times of twelve days
        2**24 + np.arange(500)[:, None] * 2,
    ],
)
def test_what_float32_tells_apart_is_accepted(column):
    check_float32("x", column)
    check_float32("x", column.astype(np.float32))


@pytest.mark.parametrize(
    ("column", "example"),
    [
        (1.7e9 + SECONDS, "1700000000.0"),
        (1.7e9 + np.round(SECONDS / 10, 1), "1700000000.0"),
        (-1.7e9 - SECONDS, "-1700000000.0"),
        (1e8 + NORMAL, "100000000.1"),
        (1e12 + 1000 * NORMAL, "1000000000125"),
        ((1_700_000_000 + np.arange(500))[:, None], "1700000000.0"),  # integers
        (1.7e18 + 1e9 * SECONDS, "1.7e[+]18"),  # nanoseconds
        (1.7e9 + 3600 * np.repeat(np.arange(5.0), 100)[:, None] + np.tile(np.arange(100.0), 5)[:, None], "1700000000"),
    ],
)
def test_what_float32_cannot_tell_apart_is_named(column, example):
    with pytest.raises(InputError, match=f"column 0 of x holds numbers such as {example}.*subtract an offset"):
        check_float32("x", column)
    if column.dtype.kind == "f":
        with pytest.raises(InputError, match="column 1 of x"):
            check_float32("x", beside(column))
    check_float32("x", column - column[0])


@pytest.mark.parametrize("value", [1e39, -1e39, 1e308])
def test_what_is_beyond_float32_is_named(value):
    table = beside(np.zeros((500, 1)))
    table[7, 1] = value
    for check in (check_float32, check_float32_range):
        with pytest.raises(
            InputError, match=rf"column 1 of x holds 1e\+{round(np.log10(abs(value)))}, which is beyond"
        ):
            check("x", table)
    check_float32_range("x", 1.7e9 + SECONDS)


def test_vectors_images_and_nothing_are_looked_at_too():
    with pytest.raises(InputError, match="column 0 of rewards"):
        check_float32_range("rewards", np.array([1.0, 1e39]))
    with pytest.raises(InputError, match="column 5 of x"):
        check_float32("x", np.where(np.arange(6) == 5, 1e39, 0.0).reshape(1, 2, 3))
    check_float32("x", np.zeros((0, 3)))
    check_float32("x", np.array(0.5))


def test_as_float32_converts_what_it_accepts():
    assert as_float32("x", NORMAL).dtype == np.float32
    assert as_float32("x", NORMAL.astype(">f8")).dtype.isnative
    whole = np.arange(3)
    assert as_float32("x", whole) is whole
    signaling = np.array([0x7FF0000000000001], np.uint64).view(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = as_float32("x", np.array([[np.nan], [1e39], signaling]))  # NaN and infinity are checked for later
    assert np.isnan(read).sum() == 2
    with pytest.raises(InputError, match="column 0 of x"):
        as_float32("x", 1.7e9 + SECONDS)


def test_rows_of_integers_are_checked_and_any_byte_order_is_taken():
    assert as_rows(np.arange(6).reshape(3, 2)).tolist() == [[0, 1], [2, 3], [4, 5]]
    for dtype in (">f4", ">f8", ">i4", np.longdouble, np.float16, np.uint16):
        assert as_rows(np.arange(6).reshape(3, 2).astype(dtype)).tolist() == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(InputError, match="column 0 of X holds numbers such as 1700000000"):
        as_rows((1_700_000_000 + np.arange(50))[:, None])
