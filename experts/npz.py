"""The format of shipped and recorded demonstrations: a compressed `.npz` of float32, without pickle."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from genrl.errors import InputError
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
    # A name of its own: several processes may record the same block at once.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_npz(path: str | Path) -> Demonstrations:
    """Read demonstrations; `env_id` is None where the file does not say.

    A file without `actions` gives demonstrations without: the expert was watched, and can be imitated by what its
    states look like. Every other array is needed; the rewards are zeros where nobody knows them.

    Raises:
        InputError: no such file, or it is empty, cut short, pickled, or lacks an array.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist (or is no file)")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: copy or record it again")
    arrays = _read_arrays(path)
    if missing := [name for name in FIELDS if name not in arrays]:
        zeros = " (zeros, if nobody knows them)" if "rewards" in missing else ""
        raise InputError(f"{path} is no file of demonstrations: it lacks {', '.join(missing)}{zeros}")
    env_id = str(arrays["env_id"]) if "env_id" in arrays else None
    expert_return = float(arrays["expert_return"]) if "expert_return" in arrays else None
    try:
        return Demonstrations(
            **{name: arrays[name] for name in FIELDS},
            actions=arrays.get("actions"),
            env_id=env_id,
            expert_return=expert_return,
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise InputError(f"{path} holds one array; a .npz with {', '.join(FIELDS)} is needed")
        with file:
            # Only what is asked for: another program's pickled extras do no harm unread.
            return {name: file[name] for name in file.files if name in (*FIELDS, *EXTRAS)}
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError) as error:
        raise InputError(f"{path} cannot be read, it may be cut short: copy or record it again ({error})") from None
    except ValueError as error:
        raise InputError(f"{path} holds pickled objects or no arrays at all, and is not opened ({error})") from None
