"""Minari datasets, the format in which demonstrations are exchanged: read and written as folders, or read by id."""

from __future__ import annotations

import copy
import importlib.metadata
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_dataset import parse_dataset_id
from minari.dataset.minari_storage import MinariStorage

from genrl.errors import InputError
from genrl.float32_checks import as_float32
from genrl.training.atomic_files import replace_folder
from genrl.transitions import Demonstrations, Trajectory

from .arrow import column_array, read_arrow
from .hdf5 import open_hdf5
from .minari_metadata import MinariMetadata, read_metadata

__all__ = ["is_minari", "read_minari", "write_minari"]

Episode = Mapping[str, np.ndarray]

FIELDS = ("observations", "actions", "rewards", "terminations", "truncations")
NO_VECTORS = "only vector observations and array actions can be imitated, not dicts or images"


def is_minari(path_or_id: str | Path) -> bool:
    """Whether this is a Minari dataset's folder (or its `data` folder), or the id of one in the local store."""
    return _data_folder(Path(path_or_id)) is not None or _data_folder(_store() / path_or_id) is not None


def read_minari(path_or_id: str | Path) -> Demonstrations:
    """Read a Minari dataset of vector observations, without Minari: it would call what the dataset's env spec names.

    Args:
        path_or_id: a dataset's folder, or the id of a dataset in the local Minari store.

    Raises:
        InputError: no such dataset, a damaged one, one whose env spec was changed to run code, or one whose
            observations or actions are no arrays.
    """
    data = _data_folder(Path(path_or_id).expanduser()) or _data_folder(_store() / path_or_id)
    if data is None:
        raise InputError(
            f"{path_or_id} is neither a Minari dataset's folder nor the id of one in {_store()} "
            f"(to fetch one: minari download {path_or_id})"
        )
    try:
        about = read_metadata(data / "metadata.json")
        if not about.total_episodes:
            raise InputError("it holds no episodes")
        episodes = _hdf5_episodes(data, about) if about.data_format == "hdf5" else _arrow_episodes(data, about)
        trajectories = [_trajectory(number, episode) for number, episode in enumerate(episodes)]
        return Demonstrations.from_trajectories(trajectories, env_id=about.env_id)
    except InputError as error:
        raise InputError(f"{path_or_id} cannot be read as a Minari dataset: {error}") from None


def write_minari(
    folder: str | Path,
    demonstrations: Demonstrations,
    *,
    env_kwargs: Mapping[str, Any] | None = None,
    dataset_id: str | None = None,
    algorithm: str | None = None,
    description: str | None = None,
    licence: str | None = None,
) -> Path:
    """Write demonstrations as a Minari dataset into `folder`, replacing one that is there.

    Args:
        folder: becomes the dataset's folder (its data lies in `data/` below).
        demonstrations: their `env_id` must be a task that Gymnasium knows.
        env_kwargs: the constructor options that they were recorded with.
        dataset_id: how Minari shall call it; made from the task's name if not given.
        algorithm: how the policy was trained.
        description: what the episodes are.
        licence: its short name.

    Returns:
        The folder.

    Raises:
        InputError: the task or the actions are unknown, the id is no Minari id, or `folder` holds something else.
    """
    demonstrations.require_actions("a Minari dataset")
    folder = Path(folder)
    env_id = demonstrations.env_id
    if env_id is None or env_id not in gym.registry:
        raise InputError(f"a Minari dataset needs the id of a task that Gymnasium knows, not {env_id}")
    if folder.exists() and _data_folder(folder) is None and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something else than a Minari dataset: name another folder")
    dataset_id = dataset_id or f"{re.sub(r'-v[0-9]+$', '', env_id).lower().replace('/', '-')}/expert-v0"
    try:
        parse_dataset_id(dataset_id)
    except (ValueError, TypeError):
        raise InputError(f"{dataset_id!r} is no Minari id: write namespace/name-v0") from None
    metadata = {
        "dataset_id": dataset_id,
        "minari_version": importlib.metadata.version("minari"),
        "algorithm_name": algorithm,
        "description": description,
        "license": licence,
        "requirements": [f"{name}=={importlib.metadata.version(name)}" for name in ("gymnasium", "mujoco")],
    }
    spec = copy.deepcopy(gym.spec(env_id))
    options = dict(env_kwargs or {})
    spec.max_episode_steps = options.pop("max_episode_steps", spec.max_episode_steps)
    spec.kwargs.update(options)

    def fill(empty: Path) -> None:
        # Absolute, because Minari joins a relative path to itself when it adds up file sizes.
        storage = MinariStorage.new(empty.resolve() / "data", env_spec=spec)
        storage.update_metadata({name: value for name, value in metadata.items() if value is not None})
        storage.update_episodes([_buffer(number, t) for number, t in enumerate(demonstrations.trajectories())])

    replace_folder(folder, fill)
    return folder


def _data_folder(path: Path) -> Path | None:
    places = [place for place in (path / "data", path) if (place / "metadata.json").is_file()]
    return places[0] if places else None


def _store() -> Path:
    # Asked without Minari's help: its own look-up makes the folder.
    return Path(os.environ.get("MINARI_DATASETS_PATH") or Path.home() / ".minari" / "datasets")


def _hdf5_episodes(data: Path, about: MinariMetadata) -> Iterator[Episode]:
    path = data / "main_data.hdf5"
    with open_hdf5(path) as file:
        for number in range(about.total_episodes):
            group = file.group(f"episode_{number}")
            if any(file.is_group(group, name) for name in ("observations", "actions")):
                raise InputError(f"{path}: {NO_VECTORS}")
            yield {name: file.array(group, name) for name in FIELDS}


def _arrow_episodes(data: Path, about: MinariMetadata) -> Iterator[Episode]:
    """A folder for each episode; its table has one row more than the episode has steps, padded with zeros."""
    for number in range(about.total_episodes):
        folder = data / str(number)
        parts = sorted(part for part in folder.glob("*") if part.suffix == f".{about.data_format}")
        if not parts:
            raise InputError(f"{folder} holds no .{about.data_format} file: copy the dataset again")
        tables = [read_arrow(part, FIELDS) for part in parts]
        episode = {
            name: np.concatenate([column_array(part, t, name) for part, t in zip(parts, tables, strict=True)])
            for name in FIELDS
        }
        yield {name: array if name == "observations" else array[:-1] for name, array in episode.items()}


def _trajectory(number: int, episode: Episode) -> Trajectory:
    observations, actions, rewards = (episode[name] for name in ("observations", "actions", "rewards"))
    if observations.ndim != 2:
        raise InputError(f"episode {number}: {NO_VECTORS}")
    ends = {name: episode[name] for name in ("terminations", "truncations")}
    if any(flags.shape != rewards.shape or flags.ndim != 1 or not len(flags) for flags in ends.values()):
        raise InputError(f"episode {number} must have a reward, a termination and a truncation for each step")
    terminated = bool(ends["terminations"][-1])
    return Trajectory(
        observations=as_float32(f"the observations of episode {number}", observations),
        actions=as_float32(f"the actions of episode {number}", actions),
        rewards=as_float32(f"the rewards of episode {number}", rewards),
        terminated=terminated,
        # Minari allows recordings that were cut off without saying so.
        truncated=bool(ends["truncations"][-1]) or not terminated,
    )


def _buffer(number: int, trajectory: Trajectory) -> EpisodeBuffer:
    last = np.arange(len(trajectory)) == len(trajectory) - 1
    return EpisodeBuffer(
        id=number,
        observations=trajectory.observations,
        actions=trajectory.actions,
        rewards=trajectory.rewards,
        terminations=last & trajectory.terminated,
        truncations=last & trajectory.truncated,
    )
