"""Minari datasets, the format in which demonstrations are exchanged: read and written as folders, or read by id."""

from __future__ import annotations

import copy
import importlib.metadata
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from minari import MinariDataset
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_dataset import parse_dataset_id
from minari.dataset.minari_storage import MinariStorage

from genrl.errors import InputError
from genrl.training.atomic_files import replace_folder
from genrl.transitions import Demonstrations, Trajectory

__all__ = ["is_minari", "read_minari", "write_minari"]


def is_minari(path_or_id: str | Path) -> bool:
    """Whether this is a Minari dataset's folder (or its `data` folder), or the id of one in the local store."""
    return _data_folder(Path(path_or_id)) is not None or _data_folder(_store() / path_or_id) is not None


def read_minari(path_or_id: str | Path) -> Demonstrations:
    """Read a Minari dataset of vector observations.

    Args:
        path_or_id: a dataset's folder, or the id of a dataset in the local Minari store.

    Raises:
        InputError: no such dataset, a damaged one, or one whose observations or actions are no arrays.
    """
    data = _data_folder(Path(path_or_id).expanduser()) or _data_folder(_store() / path_or_id)
    if data is None:
        raise InputError(
            f"{path_or_id} is neither a Minari dataset's folder nor the id of one in {_store()} "
            f"(to fetch one: minari download {path_or_id})"
        )
    try:
        dataset = MinariDataset(data)
        env_id = dataset.env_spec.id if dataset.env_spec is not None else None
        trajectories = [
            _trajectory(path_or_id, e.observations, e.actions, e.rewards, e.terminations, e.truncations)
            for e in dataset.iterate_episodes()
        ]
    except InputError:
        raise
    # Minari lets h5py, JSON, gymnasium and its own assertions speak for a damaged dataset.
    except (OSError, ValueError, KeyError, AssertionError, RuntimeError, ImportError) as error:
        raise InputError(f"{path_or_id} cannot be read as a Minari dataset: {error or type(error).__name__}") from None
    except gym.error.Error as error:
        raise InputError(f"{path_or_id} is of a task that Gymnasium cannot make here: {error}") from None
    if not trajectories:
        raise InputError(f"{path_or_id} holds no episodes")
    return Demonstrations.from_trajectories(trajectories, env_id=env_id)


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


def _trajectory(
    source: str | Path,
    observations: object,
    actions: object,
    rewards: object,
    terminations: object,
    truncations: object,
) -> Trajectory:
    if not isinstance(observations, np.ndarray) or not isinstance(actions, np.ndarray) or observations.ndim != 2:
        raise InputError(f"{source}: only vector observations and array actions can be imitated, not dicts or images")
    rewards, terminations, truncations = (np.asarray(a) for a in (rewards, terminations, truncations))
    terminated = bool(terminations[-1])
    return Trajectory(
        observations=_as_float32(observations),
        actions=_as_float32(actions),
        rewards=_as_float32(rewards),
        terminated=terminated,
        # Minari allows recordings that were cut off without saying so.
        truncated=bool(truncations[-1]) or not terminated,
    )


def _as_float32(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype.kind == "f" else array


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
