"""A fingerprint of arrays, by which a resumed run recognises the data that it has learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["data_digest"]


def data_digest(arrays: Mapping[str, NDArray[Any] | Tensor | None]) -> str:
    """SHA-256 over the names, data types, shapes and values of arrays, as hexadecimal digits.

    Args:
        arrays: by name, in any order and any memory layout, tensors on any device; None stands for a missing array.

    Raises:
        TypeError: an array holds Python objects, whose bytes are addresses.

    >>> rows = np.arange(6.0).reshape(2, 3)
    >>> data_digest({"x": rows}) == data_digest({"x": np.asfortranarray(rows)})
    True
    >>> data_digest({"x": rows}) == data_digest({"x": rows.astype(np.float32)})
    False
    """
    digest = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        if array is not None and array.dtype.hasobject:
            raise TypeError(f"array {name!r} holds Python objects, which have no digest")
        header = (name, None if array is None else (array.dtype.str, array.shape))
        digest.update(repr(header).encode())
        if array is not None:
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
