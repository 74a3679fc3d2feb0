"""One seed of one row of the imitation suite, as it stands on disk: its run, and what it used of its budget.

`sittings.json` keeps the books, so that a trial can be left at any moment and gone on with.
"""

from __future__ import annotations

import fcntl
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from imitation_cell import Cell
from imitation_progress import clocked_lines, elapsed_seconds, progress_files

from genrl.errors import InputError
from genrl.training.atomic_files import read_json, write_json

__all__ = ["SCRIPTS", "Sitting", "Trial", "hold"]

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = {"gail": ROOT / "scripts" / "train_gail.py", "bc": ROOT / "scripts" / "train_bc.py"}


@dataclass(kw_only=True)
class Sitting:
    """One process of a trial.

    Attributes:
        files_before: files of progress that earlier ones had filled.
        seconds: wall-clock time from its start until it was asked to stop, or ended.
        prepared: of these, what was over before the clock in its progress began; None before its first rollout.
    """

    files_before: int
    seconds: float = 0.0
    prepared: float | None = None


@dataclass(kw_only=True)
class Trial:
    """A cell with a seed, and the folder that is its own.

    Attributes:
        cell: the row.
        seed: of the training script.
        folder: holds the run directory, `sittings.json` and `output.log`.
        run: the run directory; None before there is one that can be gone on with.
        sittings: the processes so far.
        commit: of the code that the first of them ran.
        begun_with: the command of the first of them; empty before it.
        finished: whether the report on the best policy is written.
    """

    cell: Cell
    seed: int
    folder: Path
    run: Path | None = None
    sittings: list[Sitting] = field(default_factory=list)
    commit: str = ""
    begun_with: str = ""
    finished: bool = False

    @classmethod
    def open(cls, cell: Cell, seed: int, parent: Path) -> Trial:
        """The trial as it was left, or a new one."""
        trial = cls(cell=cell, seed=seed, folder=parent / cell.name / f"seed-{seed}")
        if not (trial.folder / "sittings.json").is_file():
            return trial
        document = read_json(trial.folder / "sittings.json")
        trial.find_run()
        # A clone cannot be gone on with: it is made anew.
        if document["finished"] or (trial.run is not None and cell.kind == "gail"):
            trial.commit, trial.begun_with = document["commit"], document["command"]
            trial.finished = document["finished"]
            trial.sittings = [Sitting(**sitting) for sitting in document["sittings"]]
            _count_orphans(trial)
        return trial

    @property
    def name(self) -> str:
        """How it is called on the screen."""
        return f"{self.cell.name}, seed {self.seed}"

    @property
    def seconds(self) -> float:
        """Wall-clock time used so far."""
        return sum(sitting.seconds for sitting in self.sittings)

    @property
    def command(self) -> str:
        """What a person types to train the same."""
        if self.cell.kind == "random":
            return ""
        return shlex.join(["python", f"scripts/{SCRIPTS[self.cell.kind].name}", *self.cell.arguments(self.seed)])

    @property
    def evaluation(self) -> Path:
        """The figures of the policy, once it is finished."""
        return (self.run or self.folder) / "evaluation.json"

    def lines(self) -> list[dict[str, float]]:
        """What was logged, with `minutes` since the start of the first process."""
        starts, used = {}, 0.0
        for sitting in self.sittings:
            starts[sitting.files_before] = used + (sitting.prepared or 0.0)
            used += sitting.seconds
        return clocked_lines(self.run, starts)

    def save(self) -> None:
        """Write `sittings.json`."""
        sittings = [asdict(sitting) for sitting in self.sittings]
        document = {"command": self.begun_with, "commit": self.commit, "finished": self.finished, "sittings": sittings}
        write_json(self.folder / "sittings.json", document)

    def find_run(self) -> None:
        """Set `run` to the newest run directory; of GAIL's, to the newest that has a checkpoint."""
        runs = sorted(
            (config.parent for config in self.folder.glob("*/config.json")), key=lambda run: run.stat().st_mtime
        )
        if self.cell.kind == "gail":
            runs = [run for run in runs if any(run.glob("checkpoints/[0-9]*"))]
        self.run = runs[-1] if runs else None

    def check_flags(self) -> None:
        """Refuse to go on with what the row was before its flags were changed.

        Raises:
            InputError: the trial was begun with other flags.
        """
        if self.begun_with not in ("", self.command):
            raise InputError(f"{self.name} was begun with other flags ({self.begun_with}): delete {self.folder}")


def hold(folder: Path) -> IO[str] | None:
    """A lock on a trial's folder, to be closed; None where another suite, or a process that it left, holds it.

    The training process inherits it, so that a run whose suite was killed is not started a second time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _count_orphans(trial: Trial) -> None:
    """Add what a process went on to use after its suite had been killed."""
    files = progress_files(trial.run)
    for sitting in trial.sittings:
        if sitting.prepared is not None and sitting.files_before < len(files):
            clock = elapsed_seconds(files[sitting.files_before])
            sitting.seconds = max(sitting.seconds, sitting.prepared + max(clock, default=0.0))
