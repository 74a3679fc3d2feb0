"""The figures of the imitation suite: the fraction of the expert that each row reaches, and the ablation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imitation_cells import CELLS
from imitation_report import Summary, baselines, summaries
from imitation_results import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_ablation", "draw_suite"]

MARKERS = {"control": ("x", "no demonstrations"), "bc": ("^", "cloning the same data"), "random": ("|", "random")}


def draw_suite(lines: Sequence[Line], path: Path) -> Path | None:
    """Draw each row that has a target, with its interval over seeds, its target, and the baselines beside it.

    Returns:
        `path`; None if no such row is finished.
    """
    rows = summaries((cell for cell in CELLS.values() if cell.target is not None), lines)
    if not rows:
        return None
    figure, axes = _canvas(len(rows))
    once = _Once()
    for place, row in enumerate(rows):
        _draw_row(axes, place, row, "GAIL, interquartile mean and 95% interval", once)
        if row.cell.target is not None:
            axes.vlines(row.cell.target, place - 0.35, place + 0.35, color="C3", label=once("to be reached"))
        for kind, fraction in baselines(row, lines).items():
            marker, label = MARKERS[kind]
            axes.plot(fraction, place, marker, color="0.45", label=once(label))
    return _finish(figure, axes, [f"{row.cell.name} ({len(row.lines)})" for row in rows], path)


def draw_ablation(lines: Sequence[Line], path: Path) -> Path | None:
    """Draw the variants of the recipe, the best first.

    Returns:
        `path`; None if none is finished.
    """
    rows = summaries((cell for cell in CELLS.values() if cell.group == "ablation"), lines)
    if not rows:
        return None
    rows.sort(key=lambda row: -row.iqm)
    figure, axes = _canvas(len(rows))
    once = _Once()
    for place, row in enumerate(rows):
        _draw_row(axes, place, row, "interquartile mean and 95% interval", once)
        if row.cell.name == "ablation-recipe":
            axes.axvline(row.iqm, color="C0", linestyle=":", linewidth=1)
    names = [row.cell.name.removeprefix("ablation-").replace("-", " ") for row in rows]
    return _finish(figure, axes, [f"{name} ({len(row.lines)})" for name, row in zip(names, rows, strict=True)], path)


class _Once:
    """Gives a label the first time, so that the legend has it once."""

    def __init__(self) -> None:
        self._named: set[str] = set()

    def __call__(self, label: str) -> str:
        shown = "" if label in self._named else label
        self._named.add(label)
        return shown


def _draw_row(axes: Axes, place: int, row: Summary, label: str, once: _Once) -> None:
    axes.plot([row.low, row.high], [place, place], color="C0", linewidth=3, alpha=0.4)
    axes.plot(row.iqm, place, "o", color="C0", label=once(label))
    if len(row.fractions) > 1:
        axes.plot(row.fractions, [place] * len(row.fractions), ".", color="C1", markersize=4, label=once("a seed"))


def _canvas(rows: int) -> tuple[Figure, Axes]:
    # Neither pyplot nor a global backend: drawing must not change the caller's matplotlib.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.6 + 0.32 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _finish(figure: Figure, axes: Axes, names: Sequence[str], path: Path) -> Path:
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(1.0, color="0.7", linewidth=1, zorder=0)
    axes.set_xlabel("fraction of the expert's return (number of seeds in brackets)")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path
