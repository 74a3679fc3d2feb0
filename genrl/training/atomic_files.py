"""Files and folders that are either whole or absent: written beside their place, synced, renamed over it."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from genrl.errors import InputError
from genrl.stop_signals import uninterrupted

__all__ = [
    "encode_json",
    "own_temporary_file",
    "read_folder",
    "read_json",
    "recover_folder",
    "recover_folders",
    "remove_folder",
    "replace_folder",
    "replaced_file",
    "write_bytes",
    "write_json",
]

T = TypeVar("T")

LEFTOVER = re.compile(r"\.(?P<name>.+)\.(partial|previous|removed)")
READS = 50
MISSING = 4  # how often a folder must be found missing before it is

LARGEST_DOCUMENT = 32 * 2**20  # bytes; a list of empty lists takes twenty times as much memory


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what is there, so that a crash leaves the old file or the new one.

    Raises:
        OSError: no space, no permission; the old file is untouched.
    """
    partial = _partial(path)
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # the name that the user knows
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Gives a path beside `path`, of the same suffix, for a library to write to; what is written ends up at `path`.

    After an exception, Ctrl-C included, `path` is as it was before.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replaced_file(Path(folder) / "film.gif") as partial:
    ...         _ = partial.write_text("frames")
    ...     [file.name for file in Path(folder).iterdir()]
    ['film.gif']
    """
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def own_temporary_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file beside `path` to be renamed to it, for what several processes may write at once.

    Inside, the file is locked. One that is not was left by a process that was killed: those of `path` are removed. What
    was not renamed is removed at the end.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}-*"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            _lock(file)
            left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _lock(file)
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)


def _lock(file: BinaryIO) -> None:
    """Lock a file until it is closed.

    Raises:
        OSError: another process has locked it.
    """
    if os.name == "posix":  # elsewhere a file that is open cannot be removed
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_json(path: Path, document: Any) -> None:
    """Put `document` at `path`, as `encode_json` writes it, atomically."""
    write_bytes(path, encode_json(document))


def encode_json(document: Any) -> bytes:
    """Indented JSON; paths become strings, numpy numbers and arrays plain ones.

    Raises:
        TypeError: something in it has no JSON form.
    """
    return (json.dumps(document, indent=2, default=_plain) + "\n").encode()


def read_json(path: Path) -> Any:
    """The document at `path`.

    Raises:
        InputError: there is no such file, it is no JSON, or it is larger than 32 MiB.
    """
    try:
        if path.stat().st_size > LARGEST_DOCUMENT:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes, more than any document that is written here")
        if not path.is_file():
            raise InputError(f"{path} is no file")  # reading a pipe would wait for ever
        document = json.loads(path.read_text(encoding="utf-8"))
        if not _is_text(document):
            raise ValueError("a string in it holds a NUL or half of a surrogate pair")
        return document
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} does not exist") from None
    except InputError:
        raise
    # Besides what JSONDecodeError says: text that is no UTF-8, integers of thousands of digits, brackets in brackets.
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is no JSON ({error})") from None
    if not _is_text(document):
        raise InputError(f"{path} is damaged: it holds a string with a NUL or half of a surrogate pair")
    return document


@uninterrupted()
def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make `folder` hold what `fill` writes into the empty folder that it is given.

    A folder cannot be renamed over another that is not empty, so the old one is renamed to `.<name>.previous` for a
    moment. `read_folder` finds it there; `recover_folder` renames it back if the process died in that moment. One
    process at a time may write a folder; any number may read it.

    Raises:
        OSError: no space, no permission; the old folder is untouched.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    recover_folder(folder)
    partial, previous = _partial(folder), _previous(folder)
    try:
        partial.mkdir()
        fill(partial)
        for file in partial.iterdir():
            _sync(file)
        _sync_folder(partial)
        if folder.exists():
            os.rename(folder, previous)
        os.rename(partial, folder)
    except BaseException:
        with contextlib.suppress(OSError):  # not to hide the first error; the next process that writes recovers
            recover_folder(folder)
        raise
    _sync_folder(folder.parent)
    shutil.rmtree(previous, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that no reader sees a part of it; what cannot be removed now is, when the folder recovers."""
    removed = folder.with_name(f".{folder.name}.removed")
    with contextlib.suppress(OSError):
        shutil.rmtree(removed, ignore_errors=True)
        os.rename(folder, removed)
        shutil.rmtree(removed, ignore_errors=True)


def recover_folder(folder: Path) -> None:
    """Finish what a process that died inside `replace_folder` left undone; for the process that writes `folder`."""
    previous = _previous(folder)
    if previous.exists() and not folder.exists():
        os.rename(previous, folder)
    for left in (previous, _partial(folder)):
        shutil.rmtree(left, ignore_errors=True)


def recover_folders(parent: Path) -> None:
    """Recover every folder inside `parent`, and remove the temporary files that a process that died left there.

    For the one process that writes there; readers have no need of it.
    """
    for left in sorted(parent.glob(".*")):
        match = LEFTOVER.fullmatch(left.name)
        if match is None:
            continue
        if left.is_dir():
            recover_folder(left.with_name(match["name"]))
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def read_folder(folder: Path, read: Callable[[Path], T]) -> T:
    """What `read` makes of a folder that another process may be replacing; nothing is written.

    Reads again if the folder was replaced or removed meanwhile, so that what is returned is of one version, and an
    error is of the folder's content. Where a process died while it replaced the folder, the older version is read.

    Args:
        folder: written by `replace_folder`, or any other.
        read: given the path to read from; it may be called several times.

    Raises:
        InputError: the folder is replaced faster than it can be read.
        Exception: what `read` raised.
    """
    missing = 0
    for _ in range(READS):
        place = _place(folder)
        with _held(place):
            version = _version(place)
            missing += version is None  # once is no proof: between two renames there is neither name
            try:
                content = read(place)
            except Exception:  # whatever a file that vanishes makes of it
                # That of an older version that is being removed tells nothing, once the new one is there.
                is_last_word = _version(place) == version and _place(folder) == place
                if is_last_word and (version is not None or missing == MISSING):
                    raise
            else:
                if _version(place) == version:
                    return content
        time.sleep(0.005)
    raise InputError(f"{folder} is replaced by another process faster than it can be read: try again later")


def _place(folder: Path) -> Path:
    """Where the content of a folder is now."""
    return folder if folder.exists() or not _previous(folder).exists() else _previous(folder)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """While it is open, no other folder gets its inode number, even if it is removed."""
    descriptor = None
    if os.name == "posix":
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _version(folder: Path) -> tuple[int, frozenset[str]] | None:
    """Differs between a folder and another one that took its place, or from which something was removed."""
    try:
        return folder.stat().st_ino, frozenset(os.listdir(folder))
    except OSError:
        return None


def _is_text(document: Any) -> bool:
    """Whether all strings can be printed and be part of a path."""
    if isinstance(document, str):
        return "\0" not in document and not any("\ud800" <= letter <= "\udfff" for letter in document)
    if isinstance(document, dict):
        return all(_is_text(key) and _is_text(value) for key, value in document.items())
    return not isinstance(document, list) or all(_is_text(item) for item in document)


def _previous(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and renames are journalled
        _sync(folder)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON: {value!r}")
