"""Cards: the `card.json` beside each expert and each recording, and the folder where the user's own are kept."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from pathlib import Path
from typing import Any

from genrl.errors import InputError
from genrl.training.atomic_files import read_json

__all__ = ["cache_folder", "file_digest", "read_card", "simulator_versions"]


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
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_card(folder: Path) -> dict[str, Any]:
    """The `card.json` of a folder.

    Raises:
        InputError: it is missing or no JSON object.
    """
    card = read_json(folder / "card.json")
    if not isinstance(card, dict):
        raise InputError(f"{folder / 'card.json'} must hold a JSON object")
    return card
