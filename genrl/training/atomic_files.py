"""Files and folders that are either whole or absent: written beside their place, synced, renamed over it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genrl.errors import InputError
from genrl.stop_signals import uninterrupted

__all__ = ["encode_json", "read_json", "recover_folder", "replace_folder", "write_bytes", "write_json"]

LARGEST_DOCUMENT = 32 * 2**20  # bytes; a list of empty lists takes twenty times as much memory


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what is there, so that a crash leaves the old file or the new one.

    Raises:
        OSError: no space, no permission; the old file is untouched.
    """
    partial = path.with_name(f".{path.name}.partial")
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
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} does not exist") from None
    except InputError:
        raise
    # Besides what JSONDecodeError says: text that is no UTF-8, integers of thousands of digits, brackets in brackets.
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is no JSON ({error})") from None


@uninterrupted()
def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make `folder` hold what `fill` writes into the empty folder that it is given.

    A folder cannot be renamed over another that is not empty, so the old one steps aside for a moment under
    the name `.<name>.previous`; `recover_folder` brings it back if the process died in that moment.

    Raises:
        OSError: no space, no permission; the old folder is untouched.
    """
    recover_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial, previous = folder.with_name(f".{folder.name}.partial"), _previous(folder)
    shutil.rmtree(partial, ignore_errors=True)
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
        recover_folder(folder)
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync_folder(folder.parent)
    shutil.rmtree(previous, ignore_errors=True)


def recover_folder(folder: Path) -> None:
    """Finish what a process that died inside `replace_folder` left undone."""
    previous = _previous(folder)
    if not previous.exists():
        return
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
    else:
        os.rename(previous, folder)


def _previous(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


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
