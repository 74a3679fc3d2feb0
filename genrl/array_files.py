"""Arrays in `.npy` and `.npz` files that may be damaged or hostile: no pickle, and sizes are checked before reading."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from genrl.errors import InputError, reason_of

__all__ = ["ALLOWANCE", "RATIO", "check_size", "read_npy_file", "read_npz_file"]

Array = NDArray[Any]

ALLOWANCE = 64 * 2**20
"""Bytes that any file may unpack to."""
RATIO = 100
"""How many times its stored size a file may unpack to beyond the allowance.

Deflate shrinks zeros 1,000-fold; measured data shrink 1.1-fold to 2-fold, sparse images about 10-fold. What is read is
copied and converted a few times, so that a small file takes less than 1 GB in the end.
"""
NUMBERS_AND_WORDS = "biufcmMSU"
CHUNK = 2**20
PLAIN_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
FIRST_BYTES = {
    b"\x93NUMPY": "it holds one array, as a .npy does, and a .npz is needed",
    b"PK": "it is cut short or damaged, copy it again",
    b"\x80": "it is a pickle, which can run any code, and is not opened: save the arrays as a .npz",
    b"\x89HDF": "it is an HDF5 file: save its arrays as a .npz",
    b"PAR1": "it is a Parquet file: save its columns as a .npz",
    b"\x1f\x8b": "it is compressed by gzip: unpack it first",
    b"versio": "it is a pointer of Git LFS, not the file itself: fetch it with git lfs pull",
}
"""What files that are no archive begin with, and what they are."""

# What the zip and npy readers of the standard library and of numpy raise for damaged bytes.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # encrypted members, unknown compressions, deeply nested headers
    SyntaxError,
    TypeError,
    ValueError,
)


def check_size(path: Path, what: str, unpacked: int, stored: int) -> None:
    """Refuse what takes far more memory than the file that holds it can account for.

    Args:
        path: of the file.
        what: is about to be read from it; the subject of the message.
        unpacked: bytes that it takes in memory, as the file declares.
        stored: bytes that it occupies in the file.

    Raises:
        InputError: `unpacked` is above `ALLOWANCE` and more than `RATIO` times `stored`.
    """
    if unpacked > max(ALLOWANCE, RATIO * stored):
        raise InputError(
            f"{path}: {what} would unpack {stored:,} bytes to {unpacked:,}, more than {RATIO} times as many: "
            "the file is damaged or made to fill the memory; if it is sound, save it again without compression"
        )


def read_npy_file(path: str | Path) -> Array:
    """Read the array of a `.npy` file, in native byte order.

    Raises:
        InputError: there is no such file, it is damaged, or it holds Python objects.
    """
    path = Path(path)
    size = _size(path)
    try:
        with path.open("rb") as file:
            return _read_array(path, "the array", file, size, size)
    except InputError:
        raise
    except UNREADABLE as error:
        raise _damaged(path, error) from None


def read_npz_file(path: str | Path, names: Collection[str] | None = None) -> dict[str, Array]:
    """Read the arrays of a `.npz` file, in native byte order.

    Args:
        path: of the file.
        names: of the arrays to read, of which some may be absent; the others are not looked at. None for all.

    Raises:
        InputError: there is no such file, it is damaged, or an array to be read holds Python objects.
    """
    path = Path(path)
    _size(path)
    try:
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path} cannot be read: {_what_it_is(path)}")
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = {name: info for name, info in members.items() if names is None or name in names}
            together = sum(info.file_size for info in wanted.values())
            check_size(path, "its arrays together", together, path.stat().st_size)
            arrays = {}
            for name, info in wanted.items():
                with archive.open(info) as file:
                    arrays[name] = _read_array(path, f"the array {name!r}", file, info.file_size, info.compress_size)
            return arrays
    except InputError:
        raise
    except UNREADABLE as error:
        raise _damaged(path, error) from None


def _read_array(path: Path, what: str, file: IO[bytes], size: int, stored: int) -> Array:
    """The array that fills a file of `size` bytes."""
    check_size(path, what, size, min(stored, path.stat().st_size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote, and of odd literals in them
        version = npy.read_magic(file)
        if version not in PLAIN_HEADERS:
            raise InputError(
                f"{path} cannot be read: {what} has a header of version {version}, which plain numbers do not need"
            )
        shape, fortran_order, dtype = PLAIN_HEADERS[version](file)
    if dtype.hasobject:
        raise InputError(
            f"{path} cannot be read: {what} holds pickled objects, which are never opened here: "
            "save it again as an array of numbers"
        )
    if dtype.kind not in NUMBERS_AND_WORDS or not dtype.itemsize:
        raise InputError(
            f"{path} cannot be read: {what} holds {dtype}, not numbers: save it again as an array of numbers"
        )
    needed = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or needed != size - file.tell():
        raise InputError(
            f"{path} cannot be read, it is cut short or damaged: {what} of shape {shape} needs {needed:,} bytes, "
            f"{max(size - file.tell(), 0):,} are there"
        )
    content = np.empty(needed, np.uint8)
    for start in range(0, needed, CHUNK):
        part = file.read(min(CHUNK, needed - start))
        content[start : start + len(part)] = np.frombuffer(part, np.uint8)
        if len(part) < min(CHUNK, needed - start):
            raise EOFError(f"{what} ends too early")
    # A byte that is neither 0 nor 1 is no bool that numpy can compute with.
    array = content != 0 if dtype.kind == "b" else content.view(dtype)
    shaped = array.reshape(shape, order="F" if fortran_order else "C")
    return shaped.astype(_native(dtype), order="K", copy=False)  # the layout, too: products of matrices round by it


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Native byte order, and at most the doubles that every library here can take."""
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype(np.float64)
    return dtype.newbyteorder("=")


def _size(path: Path) -> int:
    if not path.is_file():
        raise InputError(f"{path} does not exist (or is no file): check the path")
    if not (size := path.stat().st_size):
        raise InputError(f"{path} is empty: copy or record it again")
    return size


def _what_it_is(path: Path) -> str:
    """What the first bytes say of a file that is no zip archive."""
    with path.open("rb") as file:
        first = file.read(6)
    for magic, words in FIRST_BYTES.items():
        if first.startswith(magic):
            return words
    return f"it holds pickled objects or no arrays at all, its first bytes are {first!r}"


def _damaged(path: Path, error: BaseException) -> InputError:
    about = reason_of(error)
    return InputError(f"{path} cannot be read, it is cut short or damaged: copy or record it again ({about})")
