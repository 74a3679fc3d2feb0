"""Damage to files, drawn by hypothesis: bytes, arrays, and what archives declare of them; and how it is to be met."""

from __future__ import annotations

import contextlib
import io
import resource
import signal
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrl.errors import InputError

__all__ = ["ARRAY_EDITS", "BYTE_EDITS", "EXAMPLES", "edited_arrays", "edited_bytes", "explore", "meet", "write_npz"]

EXAMPLES = [pytest.param(200, id="quick"), pytest.param(2500, id="thorough", marks=pytest.mark.slow)]
"""How many files, as parameters of a test."""

SECONDS = 60  # a hang, on the busiest machine
MEMORY = 2**30

Edit = tuple[str, int, int]
places = st.integers(0, 2**16 - 1)


def _edits(kinds: list[str]) -> st.SearchStrategy[list[Edit]]:
    return st.lists(st.tuples(st.sampled_from(kinds), places, places), min_size=1, max_size=3)


# --- bytes

BYTES = ["cut", "flip", "set", "zeros", "ones", "swap", "insert", "double", "drop", "number", "tail"]
BYTE_EDITS = _edits(BYTES)
"""Edits for `edited_bytes`: the kind, and two numbers that say where and what."""

NUMBERS = [0, -1, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1]


def edited_bytes(content: bytes, edits: list[Edit]) -> bytes:
    """Content after a few edits, each at a place that is a share of its length."""
    for kind, place, value in edits:
        at = place * len(content) // 2**16
        width = 1 + value % 64
        before, after = content[:at], content[at:]
        if kind == "cut":
            content = before
        elif kind == "flip" and after:
            content = before + bytes([after[0] ^ (1 << value % 8)]) + after[1:]
        elif kind == "set" and after:
            content = before + bytes([value % 256]) + after[1:]
        elif kind in ("zeros", "ones"):
            content = before + (b"\0" if kind == "zeros" else b"\xff") * min(width, len(after)) + after[width:]
        elif kind == "swap":
            content = after + before
        elif kind == "insert":
            content = before + bytes([value % 256]) * width + after
        elif kind == "double":
            content = before + after[:width] + after
        elif kind == "drop":
            content = before + after[width:]
        elif kind == "number":
            number = NUMBERS[value % len(NUMBERS)] & (2**64 - 1)
            content = before + struct.pack("<Q", number)[: 4 + 4 * (value % 2)] + after[8:]
        elif kind == "tail":
            content = content + after[:width]
    return content


# --- arrays

DTYPES = ["O", "c16", "U4", "S4", "M8[s]", "m8[s]", "f2", "f4", "f8", "g", ">f8", ">i4", "?", "i1", "u1", "i8", "u8"]
VALUES = [np.nan, np.inf, -np.inf, 1e39, -1e39, 1e308, 1e-320, -1, 0, 0.5, 2**24 + 1, 2**53, 2**62, 1.7e9, 1e8, 3e38]
SHAPES = [(), (0,), (1,), (10**12,), (2**31, 2**31), (-1,), (-5, -7), (1, 1, 1), (3, 0), (0, 10**15), (2,) * 30]
HEADERS = [
    "nonsense",
    "{}",
    "[" * 200,
    "{'descr': '<f8'}",
    "{'descr': 1, 'fortran_order': 2, 'shape': 3}",
    "{'descr': '<f8', 'fortran_order': True, 'shape': (1e3,)}",
    "{'descr': '|S0', 'fortran_order': False, 'shape': (9,)}",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '|O', 'fortran_order': False, 'shape': ()}",
    "{'descr': '|V8', 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '<U9999999', 'fortran_order': False, 'shape': (9,)}",
    "{'descr': ('<f8', (9,)), 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}",
]
ARRAYS = ["absent", "dtype", "value", "values", "offset", "longer", "shorter", "empty", "flat", "axis", "scalar",
          "swap", "shape", "header", "extra", "words", "negative", "reversed", "transposed", "bytes"]  # fmt: skip
ARRAY_EDITS = _edits(ARRAYS)
"""Edits for `edited_arrays`: the kind, and two numbers that say which array and what becomes of it."""


def edited_arrays(arrays: Mapping[str, np.ndarray], edits: list[Edit]) -> dict[str, np.ndarray | bytes]:
    """Arrays after a few edits; bytes are the content of a `.npy` that NumPy would not write."""
    edited: dict[str, Any] = dict(arrays)
    for kind, which, value in edits:
        name = list(arrays)[which % len(arrays)]
        array = edited.get(name)
        if kind == "extra":
            edited[f"extra\n{value}"] = np.zeros(3)
        elif isinstance(array, np.ndarray):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                changed = _edited_array(array, kind, value, list(arrays.values()))
            if changed is None:
                edited.pop(name)
            else:
                edited[name] = changed
    return edited


def _edited_array(array: np.ndarray, kind: str, value: int, others: list[np.ndarray]) -> np.ndarray | bytes | None:
    number = VALUES[value % len(VALUES)]
    flat = array.ravel()
    if kind == "absent":
        return None
    if kind == "dtype":
        return _as(array, DTYPES[value % len(DTYPES)])
    if kind in ("value", "values"):
        changed = array.astype(np.float64) if array.dtype.kind in "biuf" else array.copy()
        if changed.dtype.kind == "f" and changed.size:
            changed.ravel()[value % changed.size if kind == "value" else slice(None)] = number
        return changed
    if kind == "offset":
        return array + number if array.dtype.kind in "iuf" else array
    if kind == "negative":
        return -array if array.dtype.kind in "if" else array
    if kind == "longer":
        return np.concatenate([flat, flat[: 1 + value % 5]]) if array.ndim < 2 else np.concatenate([array, array[:1]])
    if kind == "shorter":
        return array[: -1 - value % 3] if array.ndim else array
    if kind == "empty":
        return array[..., :0] if array.ndim and value % 2 else flat[:0]
    if kind == "axis":
        return array[..., None] if value % 2 else array[None]
    if kind == "scalar":
        return np.array(flat[0]) if flat.size else flat
    if kind == "swap":
        return others[value % len(others)]
    if kind == "words":
        return np.array(["two\nlines", "\x1b[31m", "", "5", "x" * 500][value % 5])
    if kind == "shape":
        return npy_content(repr(SHAPES[value % len(SHAPES)]), array)
    if kind == "header":
        return npy_content(None, array, header=HEADERS[value % len(HEADERS)])
    if kind == "bytes":
        return edited_bytes(npy_content(None, array), [(BYTES[value % len(BYTES)], value, value // 7)])
    return {"flat": flat, "reversed": array[::-1] if array.ndim else array, "transposed": array.T}[kind]


def _as(array: np.ndarray, dtype: str) -> np.ndarray:
    try:
        return array.astype(dtype)
    except (TypeError, ValueError):
        return array.astype("O")


def npy_content(shape: str | None, array: np.ndarray, *, header: str | None = None) -> bytes:
    """A `.npy`, with another shape than the array's or with any header."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    if shape is None and header is None:
        return stream.getvalue()
    if header is None:
        descr = np.lib.format.dtype_to_descr(array.dtype)
        header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}"
    words = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words + array.tobytes()


def write_npz(path: Path, arrays: Mapping[str, np.ndarray | bytes], *, compressed: bool = True) -> None:
    """A `.npz` of arrays and of ready members."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind, compresslevel=1) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", array if isinstance(array, bytes) else npy_content(None, array))


# --- what is expected


def explore(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], examples: int) -> None:
    """Run `check` on so many examples; all of them together may not take more than 1 GiB more than there was."""
    before = _most_memory()
    quiet = settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    quiet(given(strategy)(lambda example: check(example)))()
    assert _most_memory() - before < MEMORY


def meet(read: Callable[[], Any]) -> Any:
    """What `read` returns, or the message of its `InputError`, which is one line; nothing else may happen.

    No other exception, no warning, and no hang: those end the test.
    """
    with warnings.catch_warnings(), _time_limit():
        warnings.simplefilter("error")
        try:
            return read()
        except InputError as error:
            message = str(error)
            assert message
            assert message.isprintable(), repr(message)
            assert len(message) < 1000
            assert "allow_pickle" not in message
            return message


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TimeoutError(f"reading a file took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
