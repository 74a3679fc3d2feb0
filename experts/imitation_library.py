"""Trajectories saved by the `imitation` library: its datasets folders, its older `.npz`, its pickles when trusted."""

from __future__ import annotations

import json
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from genrl.errors import InputError
from genrl.transitions import Demonstrations, Trajectory

__all__ = ["read_imitation"]

Array = NDArray[Any]


def read_imitation(path: str | Path, *, env_id: str | None = None, trust: bool = False) -> Demonstrations:
    """Read what `imitation.data.serialize.save` wrote, in any of its formats.

    The library keeps one flag for "the episode ended"; an episode that ran to the task's time limit, or that was
    cut off, counts as truncated, any other as terminated. A file without rewards gives rewards of zero.

    Args:
        path: a datasets folder (needs `pyarrow`), a `.npz`, or a pickle.
        env_id: the task, which the library does not record; its time limit tells the episodes that ran out of time.
        trust: whether a pickle may be opened: it can run any code.

    Raises:
        InputError: nothing there, a damaged file, or a pickle that was not trusted.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    limit = gym.spec(env_id).max_episode_steps if env_id in gym.registry else None
    if path.is_dir():
        episodes = _from_datasets_folder(path)
    elif zipfile.is_zipfile(path):
        episodes = _from_npz(path)
    elif path.suffix == ".npz":
        raise InputError(f"{path} is no .npz file, it may be cut short: copy it again")
    else:
        episodes = _from_pickle(path, trust)
    trajectories = [
        _trajectory(path, episode, ran_out=bool(limit) and len(episode["acts"]) >= int(limit or 0))
        for episode in episodes
    ]
    return Demonstrations.from_trajectories(trajectories, env_id=env_id)


def _from_datasets_folder(folder: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow
    except ImportError:
        raise InputError(f"{folder} is an Arrow dataset, for which pyarrow is needed: pip install pyarrow") from None
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        files = [folder / Path(part["filename"]).name for part in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{folder} is no folder saved by `imitation`: its state.json is missing or damaged") from None
    for file in files:
        try:
            with pyarrow.memory_map(str(file)) as source:
                table = pyarrow.ipc.open_stream(source).read_all()
                for row in range(len(table)):
                    yield {name: _arrow_array(table[name][row]) for name in table.column_names}
        except (OSError, pyarrow.ArrowException, AttributeError) as error:
            raise InputError(f"{file} cannot be read, it may be cut short: copy it again ({error})") from None


def _arrow_array(cell: Any) -> Any:
    """One episode's field: a scalar, strings, or numbers in at most two dimensions."""
    values = getattr(cell, "values", None)
    if values is None:
        return cell.as_py()
    if hasattr(values, "flatten") and hasattr(values, "offsets"):  # a list of lists of numbers
        return values.flatten().to_numpy(zero_copy_only=False).reshape(len(values), -1)
    return values.to_numpy(zero_copy_only=False)


def _from_npz(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            # `infos`, the one pickled array, stays unread.
            arrays = {name: file[name] for name in ("obs", "acts", "rews", "terminal", "indices") if name in file}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if missing := {"obs", "acts", "terminal", "indices"} - arrays.keys():
        raise InputError(f"{path} was not saved by `imitation`: it lacks {', '.join(sorted(missing))}")
    cuts = arrays["indices"]  # where each episode but the first begins
    episodes = len(cuts) + 1
    fields: dict[str, Any] = {
        "obs": np.split(arrays["obs"], cuts + np.arange(len(cuts)) + 1),
        "acts": np.split(arrays["acts"], cuts),
        "terminal": np.broadcast_to(arrays["terminal"], (episodes,)),
    }
    if "rews" in arrays:
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
    if not trust:
        raise InputError(
            f"{path} is a pickle, which can run any code when it is opened: if you know where it comes from, "
            "pass --trust (trust=True), or save it again with a newer `imitation`"
        )
    try:
        with path.open("rb") as file:
            saved = _Unpickler(file).load()
        yield from (dict(vars(trajectory)) for trajectory in saved)
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError) as error:
        raise InputError(f"{path} is no pickled list of trajectories: {error}") from None


def _trajectory(path: Path, episode: dict[str, Any], ran_out: bool) -> Trajectory:
    if not {"obs", "acts", "terminal"} <= episode.keys():
        raise InputError(f"{path} holds no trajectories of `imitation`: it lacks obs, acts or terminal")
    observations, actions = episode["obs"], episode["acts"]
    if not isinstance(observations, np.ndarray) or observations.ndim != 2:
        raise InputError(f"{path}: only observations that are vectors can be imitated, not dicts or images")
    rewards = episode.get("rews")
    terminated = bool(episode["terminal"]) and not ran_out and not _says_time_limit(episode.get("infos"))
    return Trajectory(
        observations=observations.astype(np.float32),
        actions=actions.astype(np.float32) if actions.dtype.kind == "f" else actions,
        rewards=np.zeros(len(actions), np.float32) if rewards is None else np.asarray(rewards, np.float32),
        terminated=terminated,
        truncated=not terminated,
    )


def _says_time_limit(infos: Any) -> bool:
    if infos is None or len(infos) == 0:
        return False
    last = infos[-1]
    if isinstance(last, str):  # the datasets folder keeps JSON
        try:
            last = json.loads(last)
        except ValueError:
            return False
    return isinstance(last, dict) and last.get("TimeLimit.truncated") is True
