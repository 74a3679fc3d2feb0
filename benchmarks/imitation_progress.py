"""What a run of the imitation suite logged, with the wall-clock time of each line, and when a mark was crossed."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

__all__ = [
    "Crossing",
    "clocked_lines",
    "elapsed_seconds",
    "evaluations",
    "first_crossing",
    "progress_files",
    "read_lines",
]

STEPS, ELAPSED, EVALUATION = "time/total_timesteps", "time/time_elapsed", "eval/mean_reward"


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Where a learning curve is at a mark for the first time."""

    steps: int
    minutes: float


def progress_files(run: Path | None) -> list[Path]:
    """The files that hold something, one for each process that came to log, in their order."""
    if run is None:
        return []
    earlier = sorted(run.glob("progress.*.csv"), key=lambda path: int(re.sub(r"\D", "", path.name) or 0))
    return [path for path in [*earlier, run / "progress.csv"] if path.is_file() and path.stat().st_size]


def elapsed_seconds(path: Path) -> list[float]:
    """The clock of the process that logged to `path`, where it was written."""
    return [line[ELAPSED] for line in read_lines(path) if ELAPSED in line]


def clocked_lines(run: Path | None, starts: Mapping[int, float]) -> list[dict[str, float]]:
    """The lines of all files with `minutes` added; what a resumed run went over again appears once.

    The line of an evaluation has no clock of its own and takes that of the rollout after it, so that its minutes are
    some seconds too many, never too few; only the last evaluation takes that of the rollout before.

    Args:
        run: the run directory.
        starts: for each file, the seconds that were over when its process began to count.
    """
    lines: list[dict[str, float]] = []
    for index, path in enumerate(progress_files(run)):
        new = [line for line in read_lines(path) if STEPS in line]
        if not new:
            continue
        clock = max((line[ELAPSED] for line in new if ELAPSED in line), default=0.0)
        for line in reversed(new):
            clock = line.get(ELAPSED, clock)
            line["minutes"] = (starts.get(index, 0.0) + clock) / 60
        # The process began at its checkpoint: what lay behind that did not happen.
        lines = [line for line in lines if line[STEPS] < new[0][STEPS]] + new
    return lines


def evaluations(lines: Sequence[Mapping[str, float]]) -> list[float]:
    """The mean returns of the evaluations while training."""
    return [line[EVALUATION] for line in lines if EVALUATION in line]


def first_crossing(lines: Sequence[Mapping[str, float]], mean_return: float) -> Crossing | None:
    """The first evaluation that is at `mean_return` or above it; None if none is.

    >>> lines = [{STEPS: 10, "minutes": 1.0, EVALUATION: 3.0}, {STEPS: 20, "minutes": 2.0, EVALUATION: 5.0}]
    >>> first_crossing(lines, 4.0)
    Crossing(steps=20, minutes=2.0)
    """
    for line in lines:
        if line.get(EVALUATION, float("-inf")) >= mean_return:
            return Crossing(steps=int(line[STEPS]), minutes=line["minutes"])
    return None


def read_lines(path: Path) -> list[dict[str, float]]:
    """The numbers of each line; one that is only half written is left out."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    return [dict(_numbers(lines[0], line)) for line in lines[1:]]


def _numbers(header: Sequence[str], line: Sequence[str]) -> list[tuple[str, float]]:
    pairs = []
    for name, cell in zip(header, line, strict=False):
        try:
            value = float(cell)
        except ValueError:
            continue
        if isfinite(value):
            pairs.append((name, value))
    return pairs
