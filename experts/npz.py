"""The format of shipped and recorded demonstrations: a compressed `.npz` of float32, without pickle."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from genrl.array_files import read_npz_file
from genrl.errors import InputError
from genrl.training.atomic_files import own_temporary_file
from genrl.transitions import Demonstrations

__all__ = ["read_npz", "write_npz"]

FIELDS = ("observations", "rewards", "terminations", "truncations", "episode_lengths")
EXTRAS = ("actions", "env_id", "expert_return")


def write_npz(path: str | Path, demonstrations: Demonstrations) -> None:
    """Write demonstrations, with the id of their task and the return of their expert, whole or not at all.

    Floats are stored as float32. The pairs that `subsample` dropped are written too: the file holds whole episodes.
    Where there are no actions, the file has none.

    Raises:
        OSError: the file cannot be written; an older one of that name is then left as it was.
    """
    path = Path(path)
    arrays = {name: np.asarray(getattr(demonstrations, name)) for name in FIELDS}
    if demonstrations.actions is not None:
        arrays["actions"] = np.asarray(demonstrations.actions)
    arrays = {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in arrays.items()}
    arrays["expert_return"] = np.array(demonstrations.expert_return)
    if demonstrations.env_id is not None:
        arrays["env_id"] = np.array(demonstrations.env_id)
    with own_temporary_file(path) as (file, temporary):
        np.savez_compressed(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)


def read_npz(path: str | Path) -> Demonstrations:
    """Read demonstrations; `env_id` is None where the file does not say.

    A file without `actions` gives demonstrations without: the expert was watched, and can be imitated by what its
    states look like. Every other array is needed; the rewards are zeros where nobody knows them.

    Raises:
        InputError: no such file, or it is empty, cut short, pickled, or lacks an array.
    """
    path = Path(path)
    # Only what is asked for: another program's pickled extras do no harm unread.
    arrays = read_npz_file(path, (*FIELDS, *EXTRAS))
    if missing := [name for name in FIELDS if name not in arrays]:
        zeros = " (zeros, if nobody knows them)" if "rewards" in missing else ""
        raise InputError(f"{path} is no file of demonstrations: it lacks {', '.join(missing)}{zeros}")
    try:
        return Demonstrations(
            **{name: arrays[name] for name in FIELDS},
            actions=arrays.get("actions"),
            env_id=_env_id(arrays.get("env_id")),
            expert_return=_expert_return(arrays.get("expert_return")),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _env_id(array: np.ndarray | None) -> str | None:
    if array is None:
        return None
    if array.dtype.kind != "U" or array.size != 1:
        raise InputError(f"env_id must be one word, not {array.dtype} of shape {array.shape}")
    return str(array.reshape(())) or None


def _expert_return(array: np.ndarray | None) -> float | None:
    if array is None:
        return None
    if array.dtype.kind not in "biuf" or array.size != 1 or not np.isfinite(array).all():
        raise InputError(f"expert_return must be one finite number, not {array.dtype} of shape {array.shape}")
    return float(array.reshape(()))
