"""`metadata.json` of Minari datasets, read without Minari, which would import and call what an env spec names.

Minari and Gymnasium take an env spec for code: its `entry_point` (`module:attribute`) is imported and called with its
`kwargs`, and so are the entry points of its wrappers. Only the `id` of the task is taken from it here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from genrl.demonstration_checks import check_env_id
from genrl.errors import InputError
from genrl.training.atomic_files import read_json

__all__ = ["MinariMetadata", "read_metadata"]

FORMATS = ("hdf5", "arrow", "parquet")


@dataclass(frozen=True, kw_only=True)
class MinariMetadata:
    """What is used of a dataset's metadata.

    Attributes:
        total_episodes: they are numbered from 0.
        data_format: "hdf5", "arrow" or "parquet".
        env_id: the task, if the dataset names one.
    """

    total_episodes: int
    data_format: str
    env_id: str | None


def read_metadata(path: Path) -> MinariMetadata:
    """Read a `metadata.json`; nothing that it names is imported or called.

    Raises:
        InputError: it is damaged, the observations are no vectors, or its env spec would run other code than the
            task's that it names.
    """
    metadata = read_json(path)
    if not isinstance(metadata, dict):
        raise InputError(f"{path} must hold a JSON object: copy the dataset again")
    total = metadata.get("total_episodes")
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise InputError(f"{path}: total_episodes must be a whole number, not {total!r:.60}: copy the dataset again")
    data_format = metadata.get("data_format")
    if data_format not in FORMATS:
        raise InputError(f"{path}: data_format must be one of {', '.join(FORMATS)}, not {data_format!r:.60}")
    space = _nested(path, metadata, "observation_space")
    if space is not None and (space.get("type") != "Box" or not _has_one_dimension(space.get("shape"))):
        raise InputError(f"{path}: only vector observations can be imitated, not dicts or images")
    env_id = None
    for name in ("env_spec", "eval_env_spec"):
        spec = _nested(path, metadata, name)
        if spec is not None:
            _check_spec(path, name, spec)
            env_id = spec["id"] if name == "env_spec" else env_id
    return MinariMetadata(total_episodes=total, data_format=data_format, env_id=env_id)


def _nested(path: Path, metadata: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A JSON object that is stored as a string; None if there is none."""
    text = metadata.get(name)
    if text is None:
        return None
    try:
        document = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InputError(f"{path}: {name} must be a JSON object in a string: copy the dataset again")
    return document


def _has_one_dimension(shape: object) -> bool:
    return isinstance(shape, list) and len(shape) == 1


def _check_spec(path: Path, name: str, spec: dict[str, Any]) -> None:
    """Refuse a spec without a task, and one whose task belongs to another package than its entry point."""
    try:
        check_env_id(spec.get("id"))
    except InputError as error:
        raise InputError(f"{path}: {name}: {error}") from None
    known, named = gym.registry.get(spec["id"]), spec.get("entry_point")
    if known is None or named is None or not isinstance(known.entry_point, str):
        return
    if not isinstance(named, str) or _package(named) != _package(known.entry_point):
        raise InputError(
            f"{path}: {name} has the entry point {named!r:.60} for {spec['id']}, which is made by "
            f"{known.entry_point}: the file was changed to run other code, and is not read"
        )


def _package(entry_point: str) -> str:
    return entry_point.partition(":")[0].partition(".")[0]
