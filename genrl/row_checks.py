"""What comes from outside as data: rows of finite numbers, or an error that names the argument."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.float32_checks import check_float32

__all__ = ["as_labels", "as_rows", "check_event", "one_hot"]


def as_rows(data: Any, name: str = "X", *, event_shape: tuple[int, ...] | None = None) -> Tensor:
    """Data as a floating-point tensor of shape (rows, ...).

    Args:
        data: array, tensor or nested lists of numbers; float64 stays, all else becomes float32.
        name: of the argument, for the message.
        event_shape: that each row must have; None for any with one dimension or more.

    Raises:
        InputError: it holds no numbers, no rows, rows of another shape, a number that is not finite, or integers that
            float32 cannot hold.

    >>> as_rows([[1, 2], [3, 4]]).dtype
    torch.float32
    """
    rows = _as_tensor(data, name)
    if rows.ndim < 2:
        raise InputError(f"{name} must have rows and columns, its shape is {tuple(rows.shape)}: one column is (n, 1)")
    if 0 in rows.shape:
        raise InputError(f"{name} is empty, its shape is {tuple(rows.shape)}: give it at least one row and one column")
    if event_shape is not None:
        check_event(rows, event_shape, name)
    # A finite sum has finite terms and is found in one pass; only a sum that may have overflowed is looked into.
    if not rows.sum().isfinite() and not torch.isfinite(rows).all():
        bad = int((~torch.isfinite(rows)).flatten(1).any(1).sum())
        raise InputError(f"{name} must be finite: {bad} of its {len(rows)} rows hold NaN or infinity")
    return rows


def as_labels(labels: Any, rows: int, name: str = "y") -> Tensor:
    """(rows,) int64 class labels.

    Raises:
        InputError: not one integer for each row.
    """
    array = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
    if array.shape != (rows,):
        raise InputError(f"{name} must hold one label for each of the {rows} rows, its shape is {array.shape}")
    if array.dtype.kind not in "iub":
        raise InputError(f"{name} must hold integers, not {array.dtype}: number the classes")
    return torch.from_numpy(array.astype(np.int64))


def one_hot(labels: Tensor, classes: tuple[int, ...]) -> Tensor:
    """(rows, classes) float32 with a 1 in the column of each row's class.

    Raises:
        InputError: a label is not among the classes.
    """
    columns = labels[:, None] == labels.new_tensor(classes)
    if not columns.any(1).all():
        unknown = sorted({int(label) for label in labels[~columns.any(1)]})
        raise InputError(f"labels {unknown} are not among the classes {list(classes)}")
    return columns.float()


def check_event(x: Tensor, event_shape: tuple[int, ...], name: str = "x") -> None:
    """Refuse rows of another shape.

    Raises:
        InputError: the shape of `x` is not (rows, *event_shape).
    """
    if x.ndim != 1 + len(event_shape) or tuple(x.shape[1:]) != event_shape:
        wanted = ", ".join(["rows", *map(str, event_shape)])
        raise InputError(f"{name} must have the shape ({wanted}), not {tuple(x.shape)}")


def _as_tensor(data: Any, name: str) -> Tensor:
    if not isinstance(data, Tensor):
        try:
            array = np.asarray(data)
        except ValueError as error:
            raise InputError(f"{name} must be an array of numbers: {error}") from None
        if array.dtype.kind not in "fiub":
            raise InputError(f"{name} must hold real numbers, not {array.dtype}")
        if array.dtype not in (np.float32, np.float64):
            if array.ndim:
                check_float32(name, array)
            array = array.astype(np.float32)
        data = torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    if data.is_complex():
        raise InputError(f"{name} must hold real numbers, not {data.dtype}")
    return data if data.dtype == torch.float64 else data.float()
