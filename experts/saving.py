"""Writing a recording for others: a folder with `demonstrations.npz`, `card.json` and a Minari dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym

from genrl.errors import InputError
from genrl.training.atomic_files import replace_folder, write_json
from genrl.transitions import Demonstrations

from .cards import file_digest, simulator_versions
from .minari_datasets import write_minari
from .npz import write_npz

__all__ = ["check_recording_folder", "save_recording"]

CONTENTS = frozenset({"demonstrations.npz", "card.json", "minari"})


def check_recording_folder(folder: str | Path) -> None:
    """Refuse a folder that `save_recording` would have to empty of other things.

    Raises:
        InputError: it is a file, or holds more than an older recording.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder to record into")
    if folder.is_dir() and (others := sorted({entry.name for entry in folder.iterdir()} - CONTENTS)):
        raise InputError(f"{folder} holds other things ({', '.join(others[:3])}): name a folder of its own")


def save_recording(
    folder: str | Path,
    demonstrations: Demonstrations,
    *,
    policy: Mapping[str, Any],
    env_kwargs: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    licence: str | None = None,
) -> dict[str, Any]:
    """Write demonstrations, whole or not at all, over an older recording if there is one.

    Args:
        folder: its new place. `load_demonstrations(folder)` reads it.
        demonstrations: the Minari dataset is left out where Gymnasium does not know their task, or nobody knows
            their actions.
        policy: what made them, in words.
        env_kwargs: the environment's constructor options.
        details: more to say of the episodes (`seeds`, `deterministic`).
        licence: its short name.

    Returns:
        The card.

    Raises:
        InputError: `folder` holds something else.
    """
    check_recording_folder(folder)
    card: dict[str, Any] = {"env_id": demonstrations.env_id, **simulator_versions(), "policy": dict(policy)}
    if env_kwargs:
        card["env_kwargs"] = dict(env_kwargs)
    returns = demonstrations.returns
    about = {
        "file": "demonstrations.npz",
        "episodes": demonstrations.num_episodes,
        "steps": demonstrations.num_steps,
        **(details or {}),
        "return_mean": round(float(returns.mean()), 2),
        "return_std": round(float(returns.std()), 2),
    }

    def fill(empty: Path) -> None:
        write_npz(empty / "demonstrations.npz", demonstrations)
        card["demonstrations"] = {**about, "sha256": file_digest(empty / "demonstrations.npz")}
        if licence:
            card["licence"] = licence
        write_json(empty / "card.json", card)
        if demonstrations.env_id in gym.registry and demonstrations.has_actions:
            write_minari(empty / "minari", demonstrations, env_kwargs=env_kwargs, licence=licence)

    replace_folder(Path(folder), fill)
    return card
