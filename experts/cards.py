"""Cards: the `card.json` beside each expert and each recording, and the folder where the user's own are kept."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from genrl.errors import InputError
from genrl.training.atomic_files import read_json

__all__ = ["cache_folder", "file_digest", "read_card", "simulator_versions"]


class _Fields(BaseModel, extra="allow", strict=True):
    """What is used of a card, or of a part of it; any other fields may stand beside it."""


class _Evaluation(_Fields):
    return_mean: Annotated[float, Field(allow_inf_nan=False)] | None = None


class _Recording(_Fields):
    file: str = ""
    sha256: str = ""
    episodes: Annotated[int, Field(ge=1)] = 1


class _Card(_Fields):
    env_id: str | None = None
    mujoco: Annotated[str, Field(pattern=r"^[\w.+-]{1,40}$")] = ""
    imitate: str = ""
    licence: str | None = None
    evaluation: _Evaluation | None = None
    demonstrations: _Recording = _Recording()


def cache_folder() -> Path:
    """Where recordings and registered experts are kept.

    `genrl-imitation/` in `$GENRL_CACHE`, else in `$XDG_CACHE_HOME`, else in `~/.cache`.
    """
    parent = os.environ.get("GENRL_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(parent).expanduser() / "genrl-imitation"


def simulator_versions() -> dict[str, str]:
    """The versions that decide whether a recording can be repeated."""
    return {name: importlib.metadata.version(name) for name in ("gymnasium", "mujoco")}


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(folder: Path) -> dict[str, Any]:
    """The `card.json` of a folder.

    Raises:
        InputError: it is missing, no JSON object, or has a field of another type than it must have.
    """
    path = folder / "card.json"
    card = read_json(path)
    if not isinstance(card, dict):
        raise InputError(f"{path} must hold a JSON object")
    try:
        _Card.model_validate(card)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {field} is {first['input']!r:.60}: {first['msg'].lower()}") from None
    return card
