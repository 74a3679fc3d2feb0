"""Arrow and Parquet files from elsewhere: the columns that are asked for, with what they declare checked first."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from genrl.array_files import check_size
from genrl.errors import InputError, reason_of

__all__ = ["cell_array", "column_array", "import_pyarrow", "read_arrow"]

Array = NDArray[Any]

SAFE_VERSION = (14, 0, 1)
"""Of pyarrow; older ones unpickle what a file's schema says (CVE-2023-47248)."""
FILE_MAGIC, PARQUET_MAGIC = b"ARROW1\0\0", b"PAR1"
RECORD_BATCH, COMPRESSION, HEADER, HEADER_TYPE = 3, 3, 2, 1  # of Arrow's Message.fbs

# What pyarrow raises for damaged bytes: its own exceptions are subclasses of these.
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def import_pyarrow(path: Path) -> ModuleType:
    """`pyarrow`, which this package does not install.

    Raises:
        InputError: it is not installed, or in a version that runs code from files.
    """
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{path} is an Arrow dataset, for which pyarrow is needed: pip install pyarrow") from None
    version = tuple(int(part) for part in pyarrow.__version__.split(".")[:3] if part.isdecimal())
    if version < SAFE_VERSION:
        raise InputError(
            f"pyarrow {pyarrow.__version__} can run code that an Arrow file holds: pip install 'pyarrow>=14.0.1'"
        )
    return pyarrow


def read_arrow(path: Path, names: Collection[str]) -> Any:
    """Read the columns of those names, of which some may be absent, as a `pyarrow.Table`.

    Arrow's file and stream formats and Parquet are told apart by their first bytes.

    Raises:
        InputError: the file is missing or damaged, or declares more than it can hold.
    """
    pyarrow = import_pyarrow(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist (or is no file): copy the dataset again")
    try:
        with path.open("rb") as file:
            first = file.read(len(FILE_MAGIC))
        if first.startswith(PARQUET_MAGIC):
            table = _read_parquet(pyarrow, path, names)
        else:
            table = _read_ipc(pyarrow, path, names, start=len(FILE_MAGIC) if first == FILE_MAGIC else 0)
        if table.num_rows > 8 * path.stat().st_size:  # lists of no length take no memory, but time
            raise InputError(f"{path} declares {table.num_rows:,} rows, more than it has bits: it is damaged")
        for name, kind in zip(table.column_names, table.schema.types, strict=True):
            if not _is_plain(pyarrow, kind):
                raise InputError(f"{path}: the column {name} holds {kind!s:.60}, not numbers or words in lists")
        table.validate(full=True)  # offsets that point outside their buffers would be followed
        return table
    except InputError:
        raise
    except UNREADABLE as error:
        about = reason_of(error)
        raise InputError(f"{path} cannot be read, it is cut short or damaged: copy it again ({about})") from None


def column_array(path: Path, table: Any, name: str) -> Array:
    """A column of such a table: (rows,) numbers, or (rows, numbers in each list).

    Raises:
        InputError: there is no such column, it is nested more deeply, or its lists have different lengths.
    """
    if name not in table.column_names:
        raise InputError(f"{path} lacks the column {name}: copy or record it again")
    try:
        column = table[name].combine_chunks()
        if not hasattr(column.type, "value_type"):
            return column.to_numpy(zero_copy_only=False)
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    except UNREADABLE as error:
        raise InputError(f"{path}: the column {name} is no array of numbers ({reason_of(error)})") from None


def cell_array(path: Path, cell: Any) -> Any:
    """A cell of such a table: a scalar, or an array of words or numbers, in one dimension or two.

    Raises:
        InputError: it is nested more deeply, or its lists have different lengths.
    """
    values = getattr(cell, "values", None)
    if values is None:
        return cell.as_py()
    try:
        if not hasattr(values.type, "value_type"):
            return values.to_numpy(zero_copy_only=False)
        return values.flatten().to_numpy(zero_copy_only=False).reshape(len(values), -1)
    except UNREADABLE as error:
        raise InputError(f"{path} holds lists that are no arrays of numbers ({reason_of(error)})") from None


def _read_ipc(pyarrow: ModuleType, path: Path, names: Collection[str], *, start: int) -> Any:
    """Message by message: the footer of a file, which may point anywhere, is not needed."""
    # Not mapped into memory: a mapped file that becomes shorter while it is read ends the process.
    with pyarrow.BufferReader(path.read_bytes()) as source:
        source.seek(start)
        messages = _messages(pyarrow.ipc.MessageReader.open_stream(source))
        first = next(messages, None)
        if first is None or first.type != "schema":  # pyarrow takes any message for one, and crashes
            raise InputError(f"{path} does not begin with the schema of an Arrow file: copy it again")
        schema = pyarrow.ipc.read_schema(first)
        batches = []
        for message in messages:
            if message.type == "dictionary":
                raise InputError(f"{path} has columns that are dictionary-encoded, which is not read")
            if _is_compressed(message.metadata.to_pybytes()):
                raise InputError(f"{path} is compressed inside, which is not read: save it without compression")
            batch = pyarrow.ipc.read_record_batch(message, schema)
            batches.append(batch.select([name for name in schema.names if name in names]))
        if not batches:
            raise InputError(f"{path} holds no rows: copy it again")
        return pyarrow.Table.from_batches(batches)


def _messages(reader: Any) -> Iterator[Any]:
    with contextlib.suppress(StopIteration):
        while True:
            yield reader.read_next_message()


def _is_compressed(message: bytes) -> bool:
    """Whether the buffers of a record batch are compressed, by its flatbuffer (Arrow's Message.fbs)."""
    (root,) = struct.unpack_from("<I", message)
    kind, header = _field(message, root, HEADER_TYPE), _field(message, root, HEADER)
    if kind is None or header is None or message[kind] != RECORD_BATCH:
        raise ValueError("a message that is no record batch")
    (offset,) = struct.unpack_from("<I", message, header)
    return _field(message, header + offset, COMPRESSION) is not None


def _field(buffer: bytes, table: int, index: int) -> int | None:
    """Where a field of a flatbuffer's table lies; None if it is absent."""
    (back,) = struct.unpack_from("<i", buffer, table)
    (size,) = struct.unpack_from("<H", buffer, table - back)
    place = 4 + 2 * index
    if place >= size:
        return None
    (offset,) = struct.unpack_from("<H", buffer, table - back + place)
    return table + offset if offset else None


def _read_parquet(pyarrow: ModuleType, path: Path, names: Collection[str]) -> Any:
    with pyarrow.parquet.ParquetFile(path, thrift_string_size_limit=2**24) as file:
        size, about = path.stat().st_size, file.metadata
        columns = [about.row_group(g).column(c) for g in range(about.num_row_groups) for c in range(about.num_columns)]
        check_size(path, "its columns", sum(column.total_uncompressed_size for column in columns), size)
        check_size(path, "its columns", 8 * sum(column.num_values for column in columns), size)
        return file.read(columns=[name for name in file.schema_arrow.names if name in names])


def _is_plain(pyarrow: ModuleType, kind: Any) -> bool:
    types = pyarrow.types
    while types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kind = kind.value_type
    words = types.is_string(kind) or types.is_large_string(kind)
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or words
