"""A run directory: one experiment on disk, with its settings, versions, progress and checkpoints.

It knows what it was begun with. A script that trains on data gives their digest to `create`, and asks again when the
run is resumed, before anything slow begins:

    directory = RunDirectory.create(folder, "bc", env_id, seed, settings, data_digest=demonstrations.digest())
    ...
    directory = RunDirectory.resume(config.resume)
    directory.check_versions()
    directory.check_data(demonstrations.digest(), "the demonstrations", allow_changed=config.allow_changed_data)

Rows that are no `Demonstrations` and no `Experience` are given to `genrl.data_digest.data_digest`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from numpy.typing import NDArray
from pydantic import Field, FiniteFloat
from torch import Tensor

from genrl.errors import InputError, one_line
from genrl.training.atomic_files import read_json, recover_folders, remove_folder, write_json
from genrl.training.checkpoint import Checkpoint, read_checkpoint, require_numbers, verify_checkpoint, write_checkpoint
from genrl.training.reading import file_inside, validate
from genrl.training.saved_task import check_saved_task
from genrl.training.versions import changed_versions, installed_versions

__all__ = ["RunDirectory"]

DATA_DIGEST = "data_sha256"
STEP = re.compile(r"\d+|\.\d+\.previous")
READS = 50
# Bounds of what has none, and log-probabilities of what is impossible.
MAY_BE_INFINITE = re.compile(r"(.*[._])?(low|high|bounds|outcome_)")

T = TypeVar("T")

Settings = TypeVar("Settings")

Count = Annotated[int, Field(ge=0, le=10**12)]
Steps = Annotated[int, Field(ge=1, le=10**12)]
FIELDS: dict[str, Any] = {
    "agent": str,
    "env": str,
    "seed": Annotated[int, Field(ge=0, lt=2**32)] | None,
    "settings": dict[str, Any],
    "env_kwargs": dict[str, Any] | list[str],
    "hyperparameters": dict[str, Any],
    "expert_return": FiniteFloat | None,
    "random_return": FiniteFloat,
    "n_timesteps": Steps,
    "real_steps": Steps,
    "fits": list[Steps],
    "rounds_evaluated": Count,
    "finished": bool,
    "tier": str,
    "command": str,
    DATA_DIGEST: str,
}
"""What the scripts store in `config.json`, and of which type it is."""


class _Config(dict[str, Any]):
    """The contents of `config.json`; what is missing in it is named."""

    def __init__(self, source: Path, contents: Mapping[str, Any]) -> None:
        super().__init__(contents)
        self.source = source

    def __missing__(self, name: str) -> Any:
        raise InputError(f"{self.source} lacks {name!r}: it is damaged, or of a run that has none")


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
        cls,
        log_folder: Path | str,
        agent: str,
        env_id: str,
        seed: int | None,
        config: Mapping[str, Any],
        *,
        data_digest: str | None = None,
    ) -> RunDirectory:
        """Make `<log_folder>/<agent>-<env>-<seed>-<time>/`, a fresh one each time.

        Args:
            log_folder: the parent of run directories.
            agent: what trains, such as `gail`.
            env_id: the task.
            seed: of the run; None where it was not seeded.
            config: further settings, plain values; stored beside `agent`, `env` and `seed`.
            data_digest: of the data as they are trained on (see `check_data`); None for a run without data.

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
        data = {} if data_digest is None else {DATA_DIGEST: data_digest}
        run = cls(path, _Config(path / "config.json", {**config, **data, "agent": agent, "env": env_id, "seed": seed}))
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
        source = path / "config.json"
        config = read_json(file_inside(path, source.name))
        if not isinstance(config, dict) or not {"agent", "env", "seed"} <= config.keys():
            raise InputError(f"{source} is not the configuration of a run: agent, env or seed is missing")
        for name, kind in FIELDS.items():
            if name in config:
                config[name] = validate(kind, config[name], source, name)
        return cls(path, _Config(source, config))

    def settings(self, kind: type[Settings], agents: Container[str], *, trust: bool = False) -> Settings:
        """The settings that the run was started with, for the script that resumes it.

        Args:
            kind: the configuration of the script.
            agents: as the runs of this script are called.
            trust: accept an environment that imports a module or reads a file when it is made (see `check_saved_task`).

        Raises:
            InputError: it is a run of another script, the settings are damaged, or name such an environment.
        """
        source, agent = self.path / "config.json", self.config["agent"]
        if agent not in agents:
            raise InputError(f"{self.path} is a run of {one_line(agent)}: resume it with its own script")
        settings: Settings = validate(kind, self.config["settings"], source, "settings")
        named = self.config["settings"]
        if "env" in named:  # not of a model that is fitted to data
            from genrl.envs.make import check_keywords  # here, for it imports the simulator

            for task in (
                self.task(trust=trust),
                check_saved_task(named["env"], named.get("env_kwargs"), source=source, trust=trust),
            ):
                check_keywords(*task)
        return settings

    def task(self, *, trust: bool = False) -> tuple[str, dict[str, Any]]:
        """The environment's id and constructor keywords, for a script that makes it.

        Args:
            trust: as in `check_saved_task`.

        Raises:
            InputError: the environment is one that needs `trust`.
        """
        source = self.path / "config.json"
        return check_saved_task(self.config["env"], self.config.get("env_kwargs"), source=source, trust=trust)

    @classmethod
    def resume(cls, path: Path | str) -> RunDirectory:
        """As `open`, for the process that goes on training: it is the one that writes here from now on.

        What a process that was killed inside a save left behind is removed.

        Raises:
            InputError: as `open`.
        """
        run = cls.open(path)
        for folder in (run.path, run.checkpoints):
            recover_folders(folder)
        return run

    @property
    def checkpoints(self) -> Path:
        """The folder of `<step>/` folders."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint with the best evaluation, if one was saved."""
        return self.path / "best"

    @property
    def has_checkpoint(self) -> bool:
        """A checkpoint was saved, whether or not it is whole."""
        return bool(self._steps())

    def update_config(self, **settings: Any) -> None:
        """Add `settings` to the configuration, in memory and on disk."""
        self.config.update(settings)
        write_json(self.path / "config.json", self.config)

    def check_versions(self) -> None:
        """Warn, in one line, of libraries that have changed since the run was begun.

        The run can go on all the same, but no longer bit for bit as it would have.
        """
        path = self.path / "versions.json"
        try:
            recorded = read_json(path)
        except InputError:
            recorded = None
        if not isinstance(recorded, dict):
            warnings.warn(f"{path} is missing or damaged: whether libraries have changed is not known", stacklevel=2)
        elif changed := changed_versions(recorded):
            warnings.warn(
                f"since {self.path} was begun, these have changed: {', '.join(changed)}; the continuation may differ "
                "in bits from an uninterrupted run",
                stacklevel=2,
            )

    def check_data(self, digest: str, source: str, *, allow_changed: bool = False) -> None:
        """Refuse to go on with other data than those that the run has learned from.

        A run that was begun before digests were recorded only gets a warning, and its digest from now on.

        Args:
            digest: of the data as they were loaded now, episodes and subsampling included.
            source: where they came from, for the message.
            allow_changed: go on with the changed data, which then are the run's data.

        Raises:
            InputError: the data have changed, and may not have.
        """
        recorded = self.config.get(DATA_DIGEST)
        if recorded == digest:
            return
        if recorded is None:
            warnings.warn(
                f"{self.path} was begun before digests of data were recorded: whether {source} has changed is not "
                "known",
                stacklevel=2,
            )
        elif not allow_changed:
            raise InputError(
                f"the data of {source} are not those that {self.path} has learned from (SHA-256 {digest[:12]}..., "
                f"recorded {str(recorded)[:12]}...): restore them, start a new run, or give --allow-changed-data"
            )
        self.update_config(**{DATA_DIGEST: digest})

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
            NotFiniteError: a tensor or an array holds NaN, or infinity where only bounds may; the earlier checkpoints
                are intact.
            OSError: it cannot be written; the earlier checkpoints are intact.
        """
        folder = self.checkpoints / str(step)
        require_numbers(folder, {**tensors, **(arrays or {})}, infinite=MAY_BE_INFINITE)
        write_checkpoint(folder, tensors=tensors, documents=documents, arrays=arrays)
        # The one just written stays whatever its step: a resumed run may lie behind a damaged later one.
        others = [other for other in self._steps() if other != folder]
        for old in others[max(keep_last - 1, 0) :]:
            remove_folder(old)
        return folder

    def save_best(
        self,
        *,
        tensors: Mapping[str, Mapping[str, Tensor]],
        documents: Mapping[str, Any] | None = None,
        arrays: Mapping[str, Mapping[str, NDArray[Any]]] | None = None,
    ) -> Path:
        """Write `best/`, replacing the one before.

        Raises:
            NotFiniteError: as `save`.
            OSError: as `save`.
        """
        require_numbers(self.best, {**tensors, **(arrays or {})}, infinite=MAY_BE_INFINITE)
        write_checkpoint(self.best, tensors=tensors, documents=documents, arrays=arrays)
        return self.best

    def latest_checkpoint(self) -> Checkpoint:
        """The newest checkpoint that is whole; damaged ones are passed over with a warning.

        Raises:
            InputError: there is none.
        """
        return self._latest(read_checkpoint)

    def policy_folder(self) -> Path:
        """Where the policy to use lies: `best/` if there is one that is whole, else the latest checkpoint.

        Of a run that is training, checkpoints but the last few are removed: `read_policy` reads one at once.

        Raises:
            InputError: there is neither.
        """
        try:
            verify_checkpoint(self.best)
            return self.best
        except InputError as error:
            if _is_there(self.best):
                _warn_damaged(error)
        return self._latest(_verified)

    def read_policy(self, read: Callable[[Path], T]) -> T:
        """What `read`, such as `genrl.policies.load_policy`, makes of `policy_folder()`, also while the run trains.

        Raises:
            InputError: there is no policy yet, or `read` refuses it.
        """
        for _ in range(READS):
            folder = self.policy_folder()
            try:
                return read(folder)
            except InputError:
                if _is_there(folder):
                    raise
        raise InputError(f"{self.path} replaces its checkpoints faster than they can be read: try again later")

    def set_aside_progress(self) -> None:
        """Rename `progress.csv` to `progress.<n>.csv`, for a resumed run's logger would empty it."""
        progress = self.path / "progress.csv"
        if progress.is_file() and progress.stat().st_size:
            progress.rename(self.path / f"progress.{len(list(self.path.glob('progress.*.csv'))) + 1}.csv")

    def _latest(self, read: Callable[[Path], T]) -> T:
        """What `read` makes of the newest checkpoint that is whole."""
        for _ in range(READS):
            removed = False
            for folder in self._steps():
                try:
                    return read(folder)
                except InputError as error:
                    if _is_there(folder):
                        _warn_damaged(error)
                    else:
                        removed = True  # a newer one has taken its place since
            if not removed:
                break
        raise InputError(f"{self.path} has no usable checkpoint: train again, or give another run directory")

    def _steps(self) -> list[Path]:
        """The checkpoint folders, the newest first."""
        names = [entry.name for entry in self.checkpoints.iterdir()] if self.checkpoints.is_dir() else []
        # A folder that was being replaced when its process died has the hidden name alone.
        steps = {int(name.removeprefix(".").removesuffix(".previous")) for name in names if STEP.fullmatch(name)}
        return [self.checkpoints / str(step) for step in sorted(steps, reverse=True)]


def _verified(folder: Path) -> Path:
    verify_checkpoint(folder)
    return folder


def _is_there(folder: Path) -> bool:
    return folder.exists() or folder.with_name(f".{folder.name}.previous").exists()


def _warn_damaged(error: InputError) -> None:
    warnings.warn(f"{error}; an earlier one is used", stacklevel=4)
