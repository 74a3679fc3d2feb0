"""Arrays in HDF5 files from elsewhere: nothing outside the file is opened, no filter is loaded, sizes are checked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5z
from numpy.typing import NDArray

from genrl.array_files import check_size
from genrl.errors import InputError, reason_of

__all__ = ["HDF5Reader", "open_hdf5"]

Array = NDArray[Any]

LZF = 32000
FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, LZF}
"""Filters that come with h5py. HDF5 would load the code of any other from a folder of plugins."""

# What h5py raises for damaged bytes.
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@contextmanager
def open_hdf5(path: Path) -> Iterator[HDF5Reader]:
    """Open an HDF5 file for reading.

    Raises:
        InputError: there is no such file; or, while it is open, what h5py cannot read.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist (or is no file): copy the dataset again")
    try:
        with h5py.File(path, "r") as file:
            yield HDF5Reader(path, file)
    except InputError:
        raise
    except UNREADABLE as error:
        about = reason_of(error)
        raise InputError(
            f"{path} cannot be read, it is cut short or damaged: copy or record it again ({about})"
        ) from None


class HDF5Reader:
    """Reads groups and arrays of numbers from an open file.

    Args:
        path: of the file, for messages.
        file: the open file.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self._path = path
        self._file = file
        self._size = path.stat().st_size
        self._taken = 0

    def group(self, name: str) -> h5py.Group:
        """A group at the top of the file.

        Raises:
            InputError: there is none of that name.
        """
        found = self._child(self._file, name)
        if not isinstance(found, h5py.Group):
            raise InputError(f"{self._path}: {name} is no group: the file is damaged")
        return found

    def is_group(self, parent: h5py.Group, name: str) -> bool:
        """Whether a child is a group, as dicts are stored, and not an array."""
        return isinstance(self._child(parent, name), h5py.Group)

    def array(self, parent: h5py.Group, name: str) -> Array:
        """An array of numbers or bools, in native byte order.

        Raises:
            InputError: there is none of that name, it lies outside the file, it was never written, it holds something
                else than numbers, needs a filter that h5py does not have, or is too large for the file.
        """
        dataset = self._child(parent, name)
        place = f"{parent.name.strip('/')}/{name}"
        if not isinstance(dataset, h5py.Dataset):
            raise InputError(f"{self._path}: {place} is no array")
        layout = dataset.id.get_create_plist()
        if dataset.is_virtual or layout.get_external_count():
            raise InputError(f"{self._path}: {place} lies in another file, which is not opened")
        if dataset.dtype.kind not in "biuf":
            raise InputError(f"{self._path}: {place} holds {dataset.dtype}, not numbers")
        filters = {layout.get_filter(index)[0] for index in range(layout.get_nfilters())}
        if unknown := sorted(filters - FILTERS):
            raise InputError(
                f"{self._path}: {place} is compressed by the HDF5 filter {unknown[0]}, which would have to be loaded: "
                "save it again with gzip or without compression"
            )
        self._check_size(place, dataset)
        array = np.asarray(dataset[()])
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            return array.astype(np.float64)
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def _child(self, parent: h5py.Group, name: str) -> Any:
        link = parent.get(name, getlink=True)
        if link is None:
            raise InputError(f"{self._path} lacks {parent.name.rstrip('/')}/{name}: copy or record it again")
        if not isinstance(link, h5py.HardLink):
            raise InputError(f"{self._path}: {parent.name.rstrip('/')}/{name} is a link, which is not followed")
        return parent[name]

    def _check_size(self, place: str, dataset: h5py.Dataset) -> None:
        """Shapes, chunks and stored sizes are what the file says of itself; how large it is, is a fact."""
        shape = dataset.shape
        if shape is None:
            raise InputError(f"{self._path}: {place} is empty")
        width = dataset.dtype.itemsize
        unpacked = math.prod(shape) * width
        stored = min(dataset.id.get_storage_size(), self._size)
        if unpacked and not stored:
            raise InputError(f"{self._path}: {place} was never written: record it again")
        chunk = math.prod(dataset.chunks) * width if dataset.chunks else 0  # is unpacked as a whole
        check_size(self._path, place, max(unpacked, chunk), stored)
        # Several names may mean one array: what they take together counts.
        self._taken += unpacked
        check_size(self._path, "its arrays together", self._taken, self._size)
