"""The results of the imitation suite: a CSV file with a line for each finished run."""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Sequence
from pathlib import Path

from imitation_progress import evaluations, first_crossing
from imitation_trial import Trial

from experts import expert_card
from genrl.errors import InputError
from genrl.evaluation import normalised_score
from genrl.training.atomic_files import read_json, write_bytes

__all__ = ["COLUMNS", "Line", "append_line", "has_reached", "line_of", "number", "of_row", "read_lines"]

MARKS = (60, 80, 90)
COLUMNS = (
    *("row", "env", "tier", "trajectories", "subsample", "learner", "seed", "steps", "minutes", "machine"),
    *("mean", "std", "iqm", "min", "mean_length", "expert_return", "expert_fraction", "normalised_score"),
    *("best_eval", "final_eval", "stability"),
    *(f"{unit}_to_{mark}" for mark in MARKS for unit in ("minutes", "steps")),
    *("commit", "command"),
)

Line = dict[str, str]


def line_of(trial: Trial, machine: str) -> Line:
    """The figures of a finished trial.

    `mean` to `mean_length` are of the best policy without noise over 50 episodes. `expert_fraction` is `mean` over the
    return on the expert's card, `normalised_score` puts random actions at 0. `best_eval` and `final_eval` are of the
    evaluations while training, and `stability` is final over best. `minutes_to_60` and `steps_to_60` say when these
    evaluations first reached 60% of the expert. What does not apply is empty.

    Raises:
        InputError: the trial's report is missing.
    """
    cell, lines, report = trial.cell, trial.lines(), read_json(trial.evaluation)
    expert = _expert_return(trial)
    figures: dict[str, object] = {
        "row": cell.name,
        "env": cell.env,
        "tier": cell.tier,
        "trajectories": cell.episodes,
        "subsample": cell.subsample,
        "learner": cell.learner,
        "seed": trial.seed,
        "steps": max((int(line["time/total_timesteps"]) for line in lines), default=0),
        "minutes": max((line["minutes"] for line in lines), default=trial.seconds / 60),
        "machine": machine,
        **{name: report[name] for name in ("mean", "std", "iqm", "min", "mean_length")},
        "expert_return": expert,
        "expert_fraction": _fraction(report["mean"] / expert),
        "normalised_score": _fraction(normalised_score(report["mean"], report["random_return"], expert)),
        "commit": trial.commit,
        "command": trial.command,
    }
    seen = evaluations(lines)
    if seen:
        stability = _fraction(seen[-1] / max(seen)) if max(seen) > 0 else None
        figures |= {"best_eval": max(seen), "final_eval": seen[-1], "stability": stability}
    for mark in MARKS:
        crossing = first_crossing(lines, expert * mark / 100)
        if crossing is not None:
            figures |= {f"minutes_to_{mark}": crossing.minutes, f"steps_to_{mark}": crossing.steps}
    return {column: _text(figures.get(column)) for column in COLUMNS}


def has_reached(trial: Trial) -> bool:
    """Whether its last two evaluations are at what the row is to reach; False where there is nothing to reach."""
    if trial.cell.target is None:
        return False
    aim = trial.cell.target * _expert_return(trial)
    latest = evaluations(trial.lines())[-2:]
    return len(latest) == 2 and min(latest) >= aim


def read_lines(path: Path) -> list[Line]:
    """What is finished; nothing if there is no file yet.

    Raises:
        InputError: the file is not one of the suite's.
    """
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        lines = list(reader)
        columns = reader.fieldnames or []
    if not {"row", "seed", "mean", "expert_fraction"} <= set(columns):
        raise InputError(f"{path} is not a table of this suite: give another --csv")
    return [{name: cell or "" for name, cell in line.items() if name is not None} for line in lines]


def append_line(path: Path, line: Line) -> None:
    """Add a line; the file is whole at any time, and several suites may write to it.

    Raises:
        InputError: the file is not one of the suite's.
        OSError: it cannot be written; it is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        table = io.StringIO()
        writer = csv.DictWriter(table, COLUMNS, extrasaction="ignore", restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*read_lines(path), line])
        write_bytes(path, table.getvalue().encode())
    finally:
        os.close(folder)


def number(line: Line, column: str) -> float | None:
    """A cell as a number; None where it is empty."""
    return float(line[column]) if line.get(column) else None


def of_row(lines: Sequence[Line], name: str) -> list[Line]:
    """The lines of one row, a seed each; of a seed that appears twice the last."""
    return list({line["seed"]: line for line in lines if line["row"] == name}.values())


def _expert_return(trial: Trial) -> float:
    """What the row's expert earns without noise, by its card."""
    return float(expert_card(trial.cell.env, trial.cell.tier)["evaluation"]["return_mean"])


def _fraction(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)
