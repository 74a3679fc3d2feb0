"""A run directory: one experiment on disk, with its settings, versions, progress and checkpoints."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from genrl.errors import InputError
from genrl.training.atomic_files import read_json, recover_folder, write_json
from genrl.training.checkpoint import Checkpoint, read_checkpoint, verify_checkpoint, write_checkpoint

__all__ = ["RunDirectory", "installed_versions"]

DISTRIBUTIONS = {
    "genrl": "genrl-imitation",
    "torch": "torch",
    "numpy": "numpy",
    "gymnasium": "gymnasium",
    "mujoco": "mujoco",
    "stable-baselines3": "stable-baselines3",
    "sb3-contrib": "sb3-contrib",
}


@dataclass(frozen=True)
class RunDirectory:
    """One experiment: `config.json`, `versions.json`, `progress.csv`, `checkpoints/<step>/`, `best/`.

    Attributes:
        path: the directory.
        config: what `config.json` holds; `agent`, `env` and `seed` are always there.
    """

    path: Path
    config: dict[str, Any]

    @classmethod
    def create(
        cls, log_folder: Path | str, agent: str, env_id: str, seed: int | None, config: Mapping[str, Any]
    ) -> RunDirectory:
        """Make `<log_folder>/<agent>-<env>-<seed>-<time>/`, a fresh one each time.

        Args:
            log_folder: the parent of run directories.
            agent: what trains, such as `gail`.
            env_id: the task.
            seed: of the run; None where it was not seeded.
            config: further settings, plain values; stored beside `agent`, `env` and `seed`.

        Raises:
            OSError: it cannot be written.
        """
        task = re.sub(r"[^A-Za-z0-9_.]+", "-", f"{agent}-{env_id}-{'unseeded' if seed is None else seed}")
        stem = f"{task}-{datetime.now():%Y%m%d-%H%M%S}"
        path, count = Path(log_folder) / stem, 1
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:  # two runs may start within one second
            try:
                path.mkdir()
                break
            except FileExistsError:
                count += 1
                path = path.with_name(f"{stem}-{count}")
        write_json(path / "versions.json", installed_versions())
        run = cls(path, {**config, "agent": agent, "env": env_id, "seed": seed})
        run.update_config()
        return run

    @classmethod
    def open(cls, path: Path | str) -> RunDirectory:
        """The run directory at `path`.

        Raises:
            InputError: it is none; the message says what is missing.
        """
        path = Path(path)
        if not path.exists():
            raise InputError(f"{path} does not exist: give the path of a run directory")
        if not path.is_dir():
            raise InputError(f"{path} is a file: give the path of a run directory")
        if not (path / "config.json").is_file():
            runs = sorted(config.parent.name for config in path.glob("*/config.json"))
            hint = f"it is the parent of {len(runs)} of them, give one, such as {path / runs[-1]}" if runs else ""
            raise InputError(f"{path} is no run directory: {hint or 'it has no config.json'}")
        config = read_json(path / "config.json")
        if not isinstance(config, dict) or not {"agent", "env", "seed"} <= config.keys():
            raise InputError(f"{path / 'config.json'} is not the configuration of a run: agent, env or seed is missing")
        return cls(path, config)

    @property
    def checkpoints(self) -> Path:
        """The folder of `<step>/` folders."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint with the best evaluation, if one was saved."""
        return self.path / "best"

    def update_config(self, **settings: Any) -> None:
        """Add `settings` to the configuration, in memory and on disk."""
        self.config.update(settings)
        write_json(self.path / "config.json", self.config)

    def save(
        self,
        step: int,
        *,
        tensors: Mapping[str, Mapping[str, Tensor]],
        documents: Mapping[str, Any] | None = None,
        arrays: Mapping[str, Mapping[str, NDArray[Any]]] | None = None,
        keep_last: int = 2,
    ) -> Path:
        """Write `checkpoints/<step>/` (see `write_checkpoint`), then delete all but the last `keep_last`.

        Raises:
            OSError: it cannot be written; the earlier checkpoints are intact.
        """
        folder = self.checkpoints / str(step)
        write_checkpoint(folder, tensors=tensors, documents=documents, arrays=arrays)
        # The one just written stays whatever its step: a resumed run may lie behind a damaged later one.
        others = [other for other in self._steps() if other != folder]
        for old in others[max(keep_last - 1, 0) :]:
            shutil.rmtree(old, ignore_errors=True)
        return folder

    def save_best(
        self,
        *,
        tensors: Mapping[str, Mapping[str, Tensor]],
        documents: Mapping[str, Any] | None = None,
        arrays: Mapping[str, Mapping[str, NDArray[Any]]] | None = None,
    ) -> Path:
        """Write `best/`, replacing the one before."""
        write_checkpoint(self.best, tensors=tensors, documents=documents, arrays=arrays)
        return self.best

    def latest_checkpoint(self) -> Checkpoint:
        """The newest checkpoint that is whole; damaged ones are passed over with a warning.

        Raises:
            InputError: there is none.
        """
        return read_checkpoint(self._latest_folder())

    def policy_folder(self) -> Path:
        """Where the policy to use lies: `best/` if there is one that is whole, else the latest checkpoint.

        Raises:
            InputError: there is neither.
        """
        recover_folder(self.best)
        if self.best.exists() and _is_whole(self.best):
            return self.best
        return self._latest_folder()

    def set_aside_progress(self) -> None:
        """Rename `progress.csv` to `progress.<n>.csv`, for a resumed run's logger would empty it."""
        progress = self.path / "progress.csv"
        if progress.is_file() and progress.stat().st_size:
            progress.rename(self.path / f"progress.{len(list(self.path.glob('progress.*.csv'))) + 1}.csv")

    def _latest_folder(self) -> Path:
        for folder in self._steps():
            if _is_whole(folder):
                return folder
        raise InputError(f"{self.path} has no usable checkpoint: train again, or give another run directory")

    def _steps(self) -> list[Path]:
        """The checkpoint folders, the newest first."""
        if not self.checkpoints.is_dir():
            return []
        for hidden in self.checkpoints.glob(".*.previous"):
            recover_folder(hidden.with_name(hidden.name.removeprefix(".").removesuffix(".previous")))
        steps = [folder for folder in self.checkpoints.iterdir() if folder.name.isdecimal()]
        return sorted(steps, key=lambda folder: int(folder.name), reverse=True)


def installed_versions() -> dict[str, str | None]:
    """Versions of Python, the platform and the libraries that a run depends on; None where not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version(), "platform": platform.platform()}
    for name, distribution in DISTRIBUTIONS.items():
        try:
            versions[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _is_whole(folder: Path) -> bool:
    try:
        verify_checkpoint(folder)
    except InputError as error:
        warnings.warn(f"{error}; an earlier one is used", stacklevel=4)
        return False
    return True
