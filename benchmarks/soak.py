"""Whether a training of many hours keeps its memory and closes its files.

`python benchmarks/soak.py` runs `scripts/train_gail.py` on Hopper-v4 for 10,000,000 steps with PPO, with all that
belongs to a run (evaluations, checkpoints, logs), and reads the resident memory and the number of open files of its
process once a second; `--learner sac` does 200,000 steps of SAC. The memory at each tenth of the run is the median of
the readings in the second half of that tenth, because evaluations and checkpoints need memory for a moment. The row of
`benchmarks/soak.csv` is written when a run is finished; a benchmark that is called again leaves out what is there.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import psutil
import tyro
from imitation_progress import STEPS, progress_files, read_lines
from resumable_csv import append_row, read_rows
from rich.console import Console
from rich.table import Table

from agents.gail_config import LearnerName
from genrl.errors import InputError

ROOT = Path(__file__).parents[1]
DEFAULT_STEPS = {"ppo": 10_000_000, "trpo": 10_000_000}
DEFAULT_OFF_POLICY_STEPS = 200_000
TENTHS = range(1, 11)
LARGEST_GROWTH = 2.0  # percent
EVAL_FREQ = 250_000  # at most, so that the first tenth has an evaluation: the first one imports scipy.stats
KEYS = ("env", "learner", "steps", "seed")
FIELDS = (
    *KEYS,
    "minutes",
    *(f"megabytes_{tenth}" for tenth in TENTHS),
    "growth_percent",
    *(f"files_{tenth}" for tenth in TENTHS),
)


@dataclass(frozen=True, kw_only=True)
class SoakConfig:
    """What is run, and how often it is looked at."""

    env: str = "Hopper-v4"
    """The task; there must be shipped demonstrations of it."""
    learner: LearnerName = "ppo"
    """Who learns."""
    n_timesteps: int | None = None
    """Environment steps; by default 10,000,000, of an off-policy learner 200,000."""
    seed: int = 0
    """Of the run."""
    every_seconds: float = 1.0
    """Between two readings; of a short run take less."""
    log_folder: Path = Path("runs/soak")
    """Parent of the run directories."""
    out: Path = Path("benchmarks/soak.csv")
    """The table."""

    def __post_init__(self) -> None:
        if self.steps < 10 or not self.every_seconds > 0:
            raise InputError("n_timesteps must be 10 or more, and every_seconds above 0")

    @property
    def steps(self) -> int:
        """Environment steps in all."""
        return self.n_timesteps or DEFAULT_STEPS.get(self.learner, DEFAULT_OFF_POLICY_STEPS)


@dataclass(frozen=True)
class Reading:
    """What a process had at one moment.

    Attributes:
        steps: environment steps done, as logged.
        megabytes: resident memory.
        files: open files, sockets among them.
    """

    steps: int
    megabytes: float
    files: int


def watch(config: SoakConfig) -> tuple[list[Reading], float]:
    """Train once; the readings, and the minutes that it took."""
    folder = config.log_folder / f"{config.env}-{config.learner}-{datetime.now():%Y%m%d-%H%M%S}"
    command = [sys.executable, str(ROOT / "scripts" / "train_gail.py"), "--env", config.env]
    command += ["--learner", config.learner, "--n-timesteps", str(config.steps), "--seed", str(config.seed)]
    command += ["--eval-freq", str(max(1, min(config.steps // 20, EVAL_FREQ)))]
    readings: list[Reading] = []
    began = time.monotonic()
    process = subprocess.Popen([*command, "--log-folder", str(folder)])
    try:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                memory, files = watched.memory_info().rss, watched.num_fds()
            except psutil.Error:  # it has just ended
                break
            readings.append(Reading(steps_done(folder), memory / 2**20, files))
            time.sleep(config.every_seconds)
    finally:
        # Ctrl-C reaches the training, too: it saves and ends by itself.
        code = process.wait()
    if code != 0:
        raise InputError(f"the training ended with exit code {code}: see {folder}")
    return readings, (time.monotonic() - began) / 60


def steps_done(folder: Path) -> int:
    """Environment steps that the one run in `folder` has logged so far."""
    run = next(iter(folder.glob("*/config.json")), None)
    files = progress_files(run.parent if run else None)
    logged = [line[STEPS] for path in files for line in read_lines(path) if STEPS in line]
    return int(max(logged, default=0))


def at_tenths(readings: Sequence[Reading], steps: int) -> list[tuple[float, int]]:
    """Resident megabytes and open files at each tenth: medians over the second half of the tenth.

    Raises:
        InputError: a tenth has no reading: it was over before the next one was due.

    >>> at_tenths([Reading(step, 100.0 + step // 10, 7) for step in range(100)], 100)[:3]
    [(100.0, 7), (101.0, 7), (102.0, 7)]
    """
    figures = []
    for tenth in TENTHS:
        first, last = (tenth - 0.5) / 10 * steps, tenth / 10 * steps
        seen = [reading for reading in readings if first <= reading.steps < last]
        if not seen:
            raise InputError(
                f"no reading within tenth {tenth} of the run: give a smaller --every-seconds or more steps"
            )
        figures.append((median(of.megabytes for of in seen), round(median(of.files for of in seen))))
    return figures


def row_of(config: SoakConfig, readings: Sequence[Reading], minutes: float) -> dict[str, object]:
    """A line of the table. Growth is of the largest figure behind the first tenth over that of the first tenth."""
    figures = at_tenths(readings, config.steps)
    memory = [megabytes for megabytes, _ in figures]
    return {
        "env": config.env,
        "learner": config.learner,
        "steps": config.steps,
        "seed": config.seed,
        "minutes": round(minutes, 1),
        **{f"megabytes_{tenth}": round(memory[tenth - 1], 1) for tenth in TENTHS},
        "growth_percent": round(100 * (max(memory[1:]) / memory[0] - 1), 2),
        **{f"files_{tenth}": figures[tenth - 1][1] for tenth in TENTHS},
    }


def summary(rows: Sequence[dict[str, str]]) -> Table:
    """A line for each run."""
    table = Table("task", "learner", "steps", "MB at each tenth", "growth", "open files", "minutes")
    for row in rows:
        files = {int(row[f"files_{tenth}"]) for tenth in TENTHS}
        table.add_row(
            row["env"],
            row["learner"],
            f"{int(row['steps']):,}",
            " ".join(f"{float(row[f'megabytes_{tenth}']):.0f}" for tenth in TENTHS),
            f"{float(row['growth_percent']):.2f}%",
            f"{min(files)}" if len(files) == 1 else f"{min(files)} to {max(files)}",
            row["minutes"],
        )
    return table


def is_steady(row: dict[str, str]) -> bool:
    """Whether memory grew by less than 2% and the number of open files was the same at every tenth."""
    return float(row["growth_percent"]) < LARGEST_GROWTH and len({row[f"files_{tenth}"] for tenth in TENTHS}) == 1


def main(config: SoakConfig) -> None:
    """Train for long, and see whether memory and open files stay what they were after the first tenth."""
    wanted = [config.env, config.learner, str(config.steps), str(config.seed)]
    if not any([row[key] for key in KEYS] == wanted for row in read_rows(config.out)):
        append_row(config.out, FIELDS, row_of(config, *watch(config)))
    rows = [row for row in read_rows(config.out) if [row[key] for key in KEYS] == wanted]
    Console().print(summary(rows))
    print("steady" if all(is_steady(row) for row in rows) else "NOT steady: memory or open files have grown")


if __name__ == "__main__":
    main(tyro.cli(SoakConfig, description=main.__doc__))
