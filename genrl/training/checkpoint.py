"""Checkpoints: folders of safetensors, JSON and .npz files with a manifest; whole or absent, and no pickle."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
from numpy.typing import NDArray
from torch import Tensor

from genrl.array_files import read_npz_file
from genrl.errors import InputError, NotFiniteError
from genrl.finite import describe_not_finite, is_finite
from genrl.training.atomic_files import encode_json, read_folder, read_json, replace_folder
from genrl.training.reading import file_inside, read_tensors, shorten

__all__ = [
    "Checkpoint",
    "CheckpointParts",
    "read_checkpoint",
    "require_numbers",
    "verify_checkpoint",
    "write_checkpoint",
]

MANIFEST = "manifest.json"
FORMAT = "genrl-checkpoint"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class CheckpointParts:
    """Files of a checkpoint, by name without suffix.

    Attributes:
        tensors: of each `<name>.safetensors`, the tensors by key.
        documents: of each `<name>.json`, the document.
        arrays: of each `<name>.npz`, the arrays by key.
    """

    tensors: dict[str, dict[str, Tensor]]
    documents: dict[str, Any]
    arrays: dict[str, dict[str, NDArray[Any]]]


@dataclass(frozen=True, kw_only=True)
class Checkpoint(CheckpointParts):
    """What a checkpoint folder holds.

    Attributes:
        folder: where it was read from.
    """

    folder: Path


def write_checkpoint(
    folder: Path,
    *,
    tensors: Mapping[str, Mapping[str, Tensor]] | None = None,
    documents: Mapping[str, Any] | None = None,
    arrays: Mapping[str, Mapping[str, NDArray[Any]]] | None = None,
) -> None:
    """Write a checkpoint folder, replacing an older one of the same name only once the new one is complete.

    Args:
        folder: its final name; parents are made.
        tensors: `{name: {key: tensor}}`, each name a `<name>.safetensors`; moved to the CPU.
        documents: `{name: JSON document}`, each name a `<name>.json`.
        arrays: `{name: {key: array}}`, each name a `<name>.npz`; object arrays are refused.

    Raises:
        NotFiniteError: a tensor or an array holds NaN; what was there before is intact.
        OSError: no space or no permission; what was there before is intact.
        TypeError: something that would need a pickle.

    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     folder = Path(parent) / "10"
    ...     write_checkpoint(folder, tensors={"policy": {"w": torch.ones(2)}}, documents={"n": {"steps": 10}})
    ...     back = read_checkpoint(folder)
    >>> back.tensors["policy"]["w"].tolist(), back.documents["n"]
    ([1.0, 1.0], {'steps': 10})
    """
    tensors, documents, arrays = tensors or {}, documents or {}, arrays or {}
    require_numbers(Path(folder), {**tensors, **arrays})

    def fill(partial: Path) -> None:
        for name, group in tensors.items():
            # A copy each: safetensors refuses tensors that share memory, as tied layers do.
            plain = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in group.items()}
            (partial / f"{name}.safetensors").write_bytes(safetensors.torch.save(plain))
        for name, document in documents.items():
            (partial / f"{name}.json").write_bytes(encode_json(document))
        for name, members in arrays.items():
            _write_arrays(partial / f"{name}.npz", members)
        files = {
            path.name: {"bytes": path.stat().st_size, "sha256": _digest(path)} for path in sorted(partial.iterdir())
        }
        manifest = {"format": FORMAT, "version": VERSION, "files": files}
        (partial / MANIFEST).write_bytes(encode_json(manifest))

    replace_folder(Path(folder), fill)


def require_numbers(
    folder: Path,
    groups: Mapping[str, Mapping[str, Tensor] | Mapping[str, NDArray[Any]]],
    *,
    infinite: re.Pattern[str] | None = None,
) -> None:
    """Refuse to write NaN; also infinity, but in members whose names match.

    Args:
        folder: that is not written then, for the message.
        groups: of tensors or arrays, by the name of their file.
        infinite: names of members that may be infinite; None for all.

    Raises:
        NotFiniteError: a member may not have a number that it has.
    """
    for group, members in groups.items():
        for name, values in members.items():
            if is_finite(values):
                continue
            described = describe_not_finite(values)
            if "NaN" in described or (infinite is not None and not infinite.fullmatch(name)):
                what = f"{name} of {group} is not finite ({described})"
                raise NotFiniteError(f"{folder} was not written: {what}; what was saved before is left as it was")


def verify_checkpoint(folder: Path) -> list[Path]:
    """Check each file of a checkpoint against its manifest, and give their paths.

    Raises:
        InputError: `folder` is no checkpoint or of another format, or a file in it is missing or damaged.
    """
    return read_folder(Path(folder), _verify)


def _verify(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is no checkpoint: there is no such folder")
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder} is no checkpoint: it has no {MANIFEST}")
    paths = []
    for name, facts in _read_manifest(folder / MANIFEST).items():
        path = file_inside(folder, name)
        if not path.is_file():
            raise InputError(f"{path} is missing: the checkpoint is incomplete, use another one")
        if path.stat().st_size != facts["bytes"]:
            raise InputError(
                f"{path} has {path.stat().st_size} bytes instead of {facts['bytes']}: use another checkpoint"
            )
        if _digest(path) != facts["sha256"]:
            raise InputError(f"{path} is damaged (its checksum differs): use another checkpoint")
        paths.append(path)
    return paths


def read_checkpoint(folder: Path) -> Checkpoint:
    """Verify a checkpoint and read all of it.

    Raises:
        InputError: as `verify_checkpoint`.
    """
    checkpoint = read_folder(Path(folder), _read)
    return replace(checkpoint, folder=Path(folder))


def _read(folder: Path) -> Checkpoint:
    checkpoint = Checkpoint(
        folder=folder,
        tensors=_Files(folder, "safetensors"),
        documents=_Files(folder, "json"),
        arrays=_Files(folder, "npz"),
    )
    for path in _verify(folder):
        if path.suffix == ".safetensors":
            checkpoint.tensors[path.stem] = read_tensors(path)
        elif path.suffix == ".json":
            checkpoint.documents[path.stem] = read_json(path)
        elif path.suffix == ".npz":
            checkpoint.arrays[path.stem] = read_npz_file(path)
    return checkpoint


class _Files(dict[str, Any]):
    """Files of one kind by name; what a checkpoint lacks is named."""

    def __init__(self, folder: Path, suffix: str) -> None:
        super().__init__()
        self.folder, self.suffix = folder, suffix

    def __missing__(self, name: str) -> Any:
        raise InputError(f"{self.folder} lacks {name}.{self.suffix}: it is a checkpoint of something else, or damaged")


def _read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    manifest = read_json(file_inside(path.parent, path.name))
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{path} is not the manifest of a checkpoint")
    if manifest.get("version") != VERSION:
        raise InputError(
            f"{path.parent} has checkpoint format {shorten(manifest.get('version'))}, this genrl reads {VERSION}: "
            "update genrl"
        )
    if not all(isinstance(facts, dict) and {"bytes", "sha256"} <= facts.keys() for facts in files.values()):
        raise InputError(f"{path} is damaged: use another checkpoint")
    return files


def _write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    # Not numpy.savez: it pickles object arrays silently, and a key named "file" clashes with its argument.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for key, array in arrays.items():
            array = np.asarray(array)
            if array.dtype.hasobject:
                raise TypeError(f"array {key!r} of {path.name} holds Python objects, which only a pickle could store")
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
