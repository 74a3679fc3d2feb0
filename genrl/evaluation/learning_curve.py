"""Learning curves: the progress that runs logged, drawn against environment steps."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrl.errors import InputError
from genrl.evaluation.aggregate import bootstrap_interval, interquartile_mean
from genrl.training import RunDirectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_learning_curve", "read_progress"]

STEPS = "time/total_timesteps"
TRAINING, EVALUATION = "rollout/ep_rew_mean", "eval/mean_reward"
TRAINING_LENGTH, EVALUATION_LENGTH = "rollout/ep_len_mean", "eval/mean_ep_length"
GRID_POINTS = 200

Progress = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The runs of one agent on one task, which differ in their seeds."""

    name: str
    progress: list[Progress]
    references: dict[str, float]


def read_progress(run: Path | str) -> dict[str, NDArray[np.float64]]:
    """The columns that a run logged, in the order of its steps.

    Reads `progress.<n>.csv` (what was logged before a run was resumed) and then `progress.csv`. A last line that is
    only half written is left out; rows that a resumed run went over again appear once, as they were the last time.

    Args:
        run: the run directory.

    Returns:
        `{column: (rows,) float64}` with NaN for blank cells and text; always with `time/total_timesteps`.

    Raises:
        InputError: there is no progress, or no column of steps in it.
    """
    run = Path(run)
    earlier = sorted(run.glob("progress.*.csv"), key=lambda path: int(re.sub(r"\D", "", path.name) or 0))
    files = [path for path in [*earlier, run / "progress.csv"] if path.is_file()]
    rows: list[dict[str, float]] = []
    for path in files:
        new = _read_rows(path)
        if new:  # a resumed run starts again from its checkpoint: what lay behind it did not happen
            rows = [row for row in rows if row[STEPS] < new[0][STEPS]]
        rows += new
    if not rows:
        raise InputError(f"{run} has no progress to draw: {run / 'progress.csv'} is missing or holds no steps yet")
    columns = dict.fromkeys(key for row in rows for key in row)
    return {key: np.array([row.get(key, np.nan) for row in rows]) for key in columns}


def draw_learning_curve(runs: Sequence[Path | str], path: Path | str) -> Path:
    """Draw true return and episode length against steps, and write the picture.

    Runs of the same agent and task are one colour: with several seeds each is a thin line, with their interquartile
    mean and its 95% bootstrap interval over them. Solid is the deterministic evaluation, dashed the training
    episodes; the returns of the expert and of random actions are lines if the configuration has `expert_return`
    and `random_return`.

    Args:
        runs: run directories.
        path: of the picture, whose suffix is its format (`.png`, `.pdf`, `.svg`).

    Returns:
        `path`.

    Raises:
        InputError: a run has no progress, or no run is given.
    """
    # Neither pyplot nor a global backend: drawing must not change the caller's matplotlib.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    groups = _group(runs)
    figure = Figure(figsize=(8, 7), layout="constrained")
    FigureCanvasAgg(figure)
    returns, lengths = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for index, group in enumerate(groups):
        colour = f"C{index}"
        _draw(returns, group, EVALUATION, colour, "-", f"{group.name}, evaluation")
        _draw(returns, group, TRAINING, colour, "--", f"{group.name}, training")
        _draw(lengths, group, EVALUATION_LENGTH, colour, "-")
        _draw(lengths, group, TRAINING_LENGTH, colour, "--")
    _draw_references(returns, groups)
    returns.set_ylabel("true return")
    lengths.set_ylabel("episode length")
    lengths.set_xlabel("environment steps")
    lengths.xaxis.set_major_formatter(EngFormatter(sep=""))  # 500k, 2M
    for axes in (returns, lengths):
        axes.grid(alpha=0.3)
    if returns.get_legend_handles_labels()[0]:
        returns.legend(loc="best", fontsize="small")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path


def _read_rows(path: Path) -> list[dict[str, float]]:
    """Rows with a number of steps; the file may end in the middle of a line."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        lines = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    except csv.Error as error:
        raise InputError(f"{path} is no progress of a run: {error}") from None
    if not lines:
        return []
    header, *body = lines
    if STEPS not in header:
        raise InputError(f"{path} is no progress of a run: it has no column {STEPS}")
    rows = (dict(zip(header, map(_number, line), strict=False)) for line in body)
    return [row for row in rows if np.isfinite(row.get(STEPS, np.nan))]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _group(runs: Iterable[Path | str]) -> list[_Group]:
    groups: dict[str, _Group] = {}
    for path in runs:
        run = RunDirectory.open(path)
        name = f"{run.config['agent']} on {run.config['env']}"
        group = groups.setdefault(name, _Group(name=name, progress=[], references={}))
        group.progress.append(read_progress(run.path))
        for key in ("expert_return", "random_return"):
            if isinstance(run.config.get(key), int | float):
                group.references[key] = float(run.config[key])
    if not groups:
        raise InputError("no run to draw: give one run directory or more")
    return list(groups.values())


def _draw(axes: Axes, group: _Group, column: str, colour: str, style: str, label: str | None = None) -> None:
    curves = [curve for progress in group.progress if (curve := _curve(progress, column)) is not None]
    if not curves:
        return
    marker = "." if max(len(steps) for steps, _ in curves) < 30 else None
    look: dict[str, Any] = {"color": colour, "linestyle": style}
    if len(curves) == 1:
        axes.plot(*curves[0], **look, marker=marker, label=label)
        return
    for curve in curves:
        axes.plot(*curve, **look, linewidth=0.7, alpha=0.4)
    # Only where every seed has been: a mean that loses a seed halfway would jump.
    first, last = max(steps[0] for steps, _ in curves), min(steps[-1] for steps, _ in curves)
    if first > last:
        return
    grid = np.linspace(first, last, GRID_POINTS)
    values = np.array([np.interp(grid, *curve) for curve in curves])  # (seeds, grid)
    middle = [interquartile_mean(column) for column in values.T]
    low, high = np.transpose([bootstrap_interval([column]) for column in values.T])
    axes.plot(grid, middle, **look, linewidth=1.8, label=f"{label} ({len(curves)} seeds)" if label else None)
    axes.fill_between(grid, low, high, color=colour, alpha=0.15, linewidth=0)


def _curve(progress: Progress, column: str) -> tuple[NDArray[Any], NDArray[Any]] | None:
    if column not in progress:
        return None
    known = np.isfinite(progress[column])
    return (progress[STEPS][known], progress[column][known]) if known.any() else None


def _draw_references(axes: Axes, groups: Sequence[_Group]) -> None:
    drawn = set()
    for group in groups:
        for key, value in group.references.items():
            if (key, value) not in drawn:
                drawn.add((key, value))
                name = key.removesuffix("_return")
                axes.axhline(value, color="grey", linestyle=":" if name == "random" else "-.", label=name)
