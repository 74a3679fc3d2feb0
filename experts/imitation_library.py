"""Trajectories saved by the `imitation` library: its datasets folders, its older `.npz`, its pickles when trusted."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np

from genrl.array_files import read_npz_file
from genrl.errors import InputError, reason_of
from genrl.float32_checks import as_float32
from genrl.training.atomic_files import read_json
from genrl.transitions import Demonstrations, Trajectory

from .arrow import cell_array, import_pyarrow, read_arrow

__all__ = ["read_imitation"]

FIELDS = ("obs", "acts", "terminal")
NO_VECTORS = "vectors can be imitated, not dicts or images"
PICKLE = b"\x80"  # the first byte since protocol 2, of Python 2.3


def read_imitation(path: str | Path, *, env_id: str | None = None, trust: bool = False) -> Demonstrations:
    """Read what `imitation.data.serialize.save` wrote, in any of its formats.

    The library keeps one flag for "the episode ended"; an episode that ran to the task's time limit, or that was
    cut off, counts as truncated, any other as terminated. A file without rewards gives rewards of zero.

    Args:
        path: a datasets folder (needs `pyarrow`), a `.npz`, or a pickle.
        env_id: the task, which the library does not record; its time limit tells the episodes that ran out of time.
        trust: whether a pickle may be opened, which can run any code: only if you know who made the file.

    Raises:
        InputError: nothing there, a damaged file, or a pickle that was not trusted.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    limit = gym.spec(env_id).max_episode_steps if env_id in gym.registry else None
    if path.is_dir():
        episodes = _from_datasets_folder(path)
    elif path.suffix == ".npz" or zipfile.is_zipfile(path):
        episodes = _from_npz(path)
    else:
        episodes = _from_pickle(path, trust)
    try:
        trajectories = [_trajectory(number, episode, limit) for number, episode in enumerate(episodes)]
        return Demonstrations.from_trajectories(trajectories, env_id=env_id)
    except InputError as error:
        message = str(error)
        raise InputError(message if str(path) in message else f"{path}: {message}") from None


def _from_datasets_folder(folder: Path) -> Iterator[dict[str, Any]]:
    import_pyarrow(folder)
    try:
        state = read_json(folder / "state.json")
        names = [part["filename"] for part in state["_data_files"]]
        if not all(re.fullmatch(r"\w[\w.-]{0,199}", name) for name in names):  # of the folder itself, not of others
            raise ValueError(names)
    except (InputError, KeyError, TypeError, ValueError):
        raise InputError(f"{folder} is no folder saved by `imitation`: its state.json is missing or damaged") from None
    for file in (folder / name for name in names):
        table = read_arrow(file, (*FIELDS, "rews", "infos"))
        for row in range(len(table)):
            yield {name: cell_array(file, table[name][row]) for name in table.column_names}


def _from_npz(path: Path) -> Iterator[dict[str, Any]]:
    arrays = read_npz_file(path, (*FIELDS, "rews", "indices"))  # `infos`, the one pickled array, stays unread
    if missing := {*FIELDS, "indices"} - arrays.keys():
        raise InputError(f"{path} was not saved by `imitation`: it lacks {', '.join(sorted(missing))}")
    cuts, steps = arrays["indices"], len(np.atleast_1d(arrays["acts"]))
    # Where each episode but the first begins. An empty array of them is one of floats.
    whole = cuts.ndim == 1 and (cuts.dtype.kind in "iu" or (cuts.dtype.kind == "f" and not len(cuts)))
    if not whole or np.any(np.diff(np.concatenate([[0], cuts.astype(np.int64), [steps]])) < 1):
        raise InputError(f"{path}: indices must rise from above 0 to below the number of actions, {steps}")
    cuts = cuts.astype(np.int64)
    episodes = len(cuts) + 1
    if arrays["obs"].ndim != 2 or len(arrays["obs"]) != steps + episodes:
        raise InputError(f"{path}: obs must have {steps + episodes} rows; only observations that are {NO_VECTORS}")
    if arrays["terminal"].shape not in ((), (1,), (episodes,)):
        raise InputError(f"{path}: terminal must have one entry for each of the {episodes} episodes")
    fields: dict[str, Any] = {
        "obs": np.split(arrays["obs"], cuts + np.arange(len(cuts)) + 1),
        "acts": np.split(arrays["acts"], cuts),
        "terminal": np.broadcast_to(arrays["terminal"], (episodes,)),
    }
    if "rews" in arrays:
        if arrays["rews"].shape != (steps,):
            raise InputError(f"{path}: rews must have the shape ({steps},), not {arrays['rews'].shape}")
        fields["rews"] = np.split(arrays["rews"], cuts)
    for episode in range(episodes):
        yield {name: values[episode] for name, values in fields.items()}


class _Unpickler(pickle.Unpickler):
    """Stands in for the library's own classes, so that it need not be installed."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "imitation":
            return SimpleNamespace
        return super().find_class(module, name)


def _from_pickle(path: Path, trust: bool) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        first = file.read(8)
    if first[:1] != PICKLE:
        raise InputError(
            f"{path} is no pickled list of trajectories, and no folder or .npz that `imitation` saves: "
            f"its first bytes are {first!r}"
        )
    if not trust:
        raise InputError(
            f"{path} is a pickle, which can run any code when it is opened: pass --trust (trust=True) only if you "
            "know who made the file, or save it again with a newer `imitation`"
        )
    try:
        with path.open("rb") as file:
            yield from [dict(vars(trajectory)) for trajectory in _Unpickler(file).load()]
    except Exception as error:  # a pickle may raise whatever its code raises
        about = reason_of(error)
        raise InputError(f"{path} is no pickled list of trajectories: {type(error).__name__} {about}") from None


def _trajectory(number: int, episode: dict[str, Any], limit: int | None) -> Trajectory:
    if not set(FIELDS) <= episode.keys():
        raise InputError("it holds no trajectories of `imitation`: it lacks obs, acts or terminal")
    observations, actions, rewards = episode["obs"], episode["acts"], episode.get("rews")
    if not isinstance(observations, np.ndarray) or observations.ndim != 2:
        raise InputError(f"episode {number}: only observations that are {NO_VECTORS}")
    if not isinstance(actions, np.ndarray) or actions.ndim not in (1, 2):
        raise InputError(f"episode {number}: acts must be an array of numbers or vectors, one for each step")
    rewards = np.zeros(len(actions), np.float32) if rewards is None else np.asarray(rewards)
    terminal = np.asarray(episode["terminal"])
    if terminal.size != 1 or terminal.dtype.kind not in "biu":
        raise InputError(f"episode {number}: terminal must be True or False")
    ran_out = limit is not None and len(actions) >= limit
    terminated = bool(terminal.reshape(())) and not ran_out and not _says_time_limit(episode.get("infos"))
    return Trajectory(
        observations=as_float32(f"the observations of episode {number}", observations),
        actions=as_float32(f"the actions of episode {number}", actions),
        rewards=as_float32(f"the rewards of episode {number}", rewards),
        terminated=terminated,
        truncated=not terminated,
    )


def _says_time_limit(infos: Any) -> bool:
    if not isinstance(infos, list | tuple | np.ndarray) or np.ndim(infos) != 1 or not len(infos):
        return False
    last = infos[-1]
    if isinstance(last, str):  # the datasets folder keeps JSON
        try:
            last = json.loads(last)
        except (ValueError, RecursionError):
            return False
    return isinstance(last, dict) and last.get("TimeLimit.truncated") is True
