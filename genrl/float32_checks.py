"""What float32, in which networks compute, cannot hold: numbers beyond its range, and small changes of large ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrl.errors import InputError

__all__ = ["as_float32", "check_float32", "check_float32_range"]

Array = NDArray[Any]

LARGEST = float(np.finfo(np.float32).max)
FAR_FROM_ZERO = 1000.0
FEW_LEVELS = 2**14
ROUNDING = 1e-12  # differences between doubles that are no more than errors of their computation, relative to them
BLOCK = 2**18  # rows that are looked at together, so that checking takes little memory


def as_float32(name: str, array: Array) -> Array:
    """Floating-point numbers as float32, if `check_float32` has nothing against it; anything else as it is.

    Raises:
        InputError: as `check_float32`. NaN and infinity are left to other checks.
    """
    if array.dtype.kind != "f":
        return array
    if np.isfinite(array).all():
        check_float32(name, array)
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32)


def check_float32_range(name: str, array: Array) -> None:
    """Refuse numbers that float32 would turn into infinity.

    Args:
        name: of the array; the subject of the message.
        array: finite numbers of any shape.

    Raises:
        InputError: a number is larger than 3.4e38; the message names its column.
    """
    if not _is_finer(array) or not array.size:
        return
    columns = _columns(array)
    largest = np.maximum(columns.max(0), -columns.min(0))
    if np.any(largest > LARGEST):
        column = int(np.argmax(largest))
        raise InputError(
            f"column {column} of {name} holds {float(largest[column]):.4g}, which is beyond float32 "
            "(3.4e38 at most): scale it down"
        )


def check_float32(name: str, array: Array) -> None:
    """Refuse columns whose numbers float32 cannot hold, or cannot tell apart.

    A column is refused if it is far from zero (beyond 1,000), its range spans fewer than 16,384 neighboring float32
    numbers, and more than half of the changes from one row to the next vanish in float32: seconds since 1970, whose
    neighbors in float32 are 128 seconds apart, or measurements around an offset of 1e8. Large numbers that stay
    distinct, however large, are accepted, and so are columns that change by no more than the rounding of doubles.

    Args:
        name: of the array; the subject of the message.
        array: (rows, ...) finite numbers.

    Raises:
        InputError: as said; the message names the column, one of its numbers, and what to do.

    >>> check_float32("observations", 1e6 * np.arange(10.0)[:, None])
    >>> check_float32("observations", 1.7e9 + np.arange(10.0)[:, None])
    Traceback (most recent call last):
    genrl.errors.InputError: column 0 of observations holds numbers such as 1700000000.0 that float32 cannot tell \
apart: subtract an offset, such as its first number, from the column
    """
    check_float32_range(name, array)
    if not _is_finer(array) or array.ndim < 1 or len(array) < 2:
        return
    columns = _columns(array)
    low, high = columns.min(0).astype(np.float64), columns.max(0).astype(np.float64)
    largest = np.maximum(np.abs(low), np.abs(high))
    with np.errstate(over="ignore"):
        spacing = np.spacing(largest.astype(np.float32)).astype(np.float64)
        suspects = np.flatnonzero((largest > FAR_FROM_ZERO) & (high - low < FEW_LEVELS * spacing))
    for column in suspects.tolist():
        if _changes_vanish(columns[:, column], float(largest[column])):
            raise InputError(
                f"column {column} of {name} holds numbers such as {float(columns[0, column])!r} that float32 "
                "cannot tell apart: subtract an offset, such as its first number, from the column"
            )


def _changes_vanish(column: Array, largest: float) -> bool:
    changes = vanished = 0
    for start in range(0, len(column) - 1, BLOCK):
        rows = column[start : start + BLOCK + 1].astype(np.float64)
        changed = np.abs(np.diff(rows)) > ROUNDING * largest
        changes += int(changed.sum())
        vanished += int((changed & (np.diff(rows.astype(np.float32)) == 0)).sum())
    return vanished > changes / 2


def _is_finer(array: Array) -> bool:
    """Whether the dtype holds numbers that float32 does not."""
    return not np.can_cast(array.dtype, np.float32, "safe")


def _columns(array: Array) -> Array:
    return array.reshape(len(array), -1) if array.ndim > 1 else array.reshape(-1, 1)  # one number is a column, too
