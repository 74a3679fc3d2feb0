"""The report of the imitation suite: its results over seeds beside what was to be reached, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from imitation_cell import TASKS, Cell
from imitation_cells import ABLATION, CELLS
from imitation_results import Line, number, of_row

from genrl.evaluation import bootstrap_interval, interquartile_mean

__all__ = ["Summary", "ablation_table", "baselines", "markdown", "summaries", "summarise"]

HEADER = (
    *("row", "seeds", "steps", "minutes", "return", "of the expert", "at least", "marks", "met"),
    *("least final / best", "control", "BC", "random"),
)


LEAST_STABILITY = 0.5
"""No run may end below this part of its own best evaluation."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One row over its seeds.

    Attributes:
        cell: what was run.
        lines: a line for each seed.
        fractions: of the expert's return, one for each seed.
        iqm: their interquartile mean.
        low: lower end of its 95% bootstrap interval over seeds.
        high: upper end.
    """

    cell: Cell
    lines: list[Line]
    fractions: list[float]
    iqm: float
    low: float
    high: float

    def crossings(self, fraction: float) -> list[float | None]:
        """Minutes until the evaluations first reached `fraction` of the expert, one for each seed."""
        return [number(line, f"minutes_to_{round(100 * fraction)}") for line in self.lines]

    @property
    def stability(self) -> float | None:
        """The last evaluation over the best one, of the seed where that is least; None if nothing was evaluated."""
        return min((value for line in self.lines if (value := number(line, "stability")) is not None), default=None)

    @property
    def is_met(self) -> bool | None:
        """Whether the target and, in every seed, all marks are reached, and no seed fell back below half of its best.

        None where there is nothing to reach.
        """
        if self.cell.target is None and not self.cell.marks:
            return None
        reached = self.cell.target is None or self.iqm >= self.cell.target
        is_stable = self.stability is None or self.stability >= LEAST_STABILITY
        return (
            reached
            and is_stable
            and all(
                minutes is not None and minutes <= limit
                for fraction, limit in self.cell.marks
                for minutes in self.crossings(fraction)
            )
        )


def summarise(cell: Cell, lines: Sequence[Line]) -> Summary | None:
    """The row of a cell; None if no seed of it is finished."""
    own = of_row(lines, cell.name)
    if not own:
        return None
    fractions = [float(line["expert_fraction"]) for line in own]
    # One group: the seeds are what is sampled here, and three of them are to give a wide interval.
    low, high = bootstrap_interval([fractions])
    return Summary(cell=cell, lines=own, fractions=fractions, iqm=interquartile_mean(fractions), low=low, high=high)


def summaries(cells: Iterable[Cell], lines: Sequence[Line]) -> list[Summary]:
    """Those of the cells of which a seed is finished."""
    return [summary for cell in cells if (summary := summarise(cell, lines)) is not None]


def baselines(summary: Summary, lines: Sequence[Line]) -> dict[str, float]:
    """The fractions, of the same expert, of the `control`, of `bc` from the same data, and of `random` actions."""
    expert = float(summary.lines[0]["expert_return"])
    task = next((task for task, env in TASKS.items() if env == summary.cell.env), summary.cell.env)
    names = {"control": f"control-{task}", "bc": f"bc-{summary.cell.name}", "random": f"random-{task}"}
    found = {kind: of_row(lines, name) for kind, name in names.items()}
    return {
        kind: interquartile_mean([float(line["mean"]) / expert for line in own]) for kind, own in found.items() if own
    }


def markdown(lines: Sequence[Line]) -> str:
    """All tables of which there is a line."""
    recipe = summaries((cell for cell in CELLS.values() if cell.target is not None), lines)
    parts = []
    if recipe:
        parts.append(_table(HEADER, [_cells_of(summary, lines) for summary in recipe]))
    ablation = ablation_table(lines)
    if ablation:
        parts.append(ablation)
    others = summaries((cell for cell in CELLS.values() if cell.target is None and cell.group != "ablation"), lines)
    if others:
        header = ("without a target", "seeds", "steps", "minutes", "return", "of the expert")
        parts.append(_table(header, [_cells_of(summary, lines)[: len(header)] for summary in others]))
    unknown = sorted({line["row"] for line in lines} - CELLS.keys())
    if unknown:
        parts.append(f"Not in the table any more: {', '.join(unknown)}.")
    return "\n\n".join(parts) or "Nothing is finished yet."


def ablation_table(lines: Sequence[Line]) -> str:
    """What each part of the recipe is worth; empty if none was run."""
    rows = summaries((cell for cell in CELLS.values() if cell.group == "ablation"), lines)
    if not rows:
        return ""
    whole = next((row.iqm for row in rows if row.cell.name == "ablation-recipe"), None)
    body = []
    for row in rows:
        part = row.cell.name.removeprefix("ablation-")
        flags = f"`{' '.join(ABLATION[part])}`" if ABLATION[part] else ""
        difference = "" if whole is None or part == "recipe" else f"{row.iqm - whole:+.2f}"
        body.append([part.replace("-", " "), flags, *_cells_of(row, lines)[1:6], difference])
    return _table(("variant", "flags", *HEADER[1:6], "against the recipe"), body)


def _cells_of(summary: Summary, lines: Sequence[Line]) -> list[str]:
    own, cell = summary.lines, summary.cell
    beside = baselines(summary, lines)
    interval = f" [{summary.low:.2f}, {summary.high:.2f}]" if len(own) > 1 else ""
    met = {None: "", True: "yes", False: "**no**"}[summary.is_met]
    return [
        cell.name,
        str(len(own)),
        _millions(median(float(line["steps"]) for line in own)),
        f"{median(float(line['minutes']) for line in own):.0f}",
        f"{interquartile_mean([float(line['mean']) for line in own]):,.0f}",
        f"{summary.iqm:.2f}{interval}",
        "" if cell.target is None else f"{cell.target:.2f}",
        "; ".join(_mark(summary, fraction, limit) for fraction, limit in cell.marks),
        met,
        "" if summary.stability is None else f"{summary.stability:.2f}",
        *(f"{beside[kind]:.2f}" if kind in beside else "" for kind in ("control", "bc", "random")),
    ]


def _mark(summary: Summary, fraction: float, limit: float) -> str:
    """The slowest seed beside the limit."""
    minutes = [value for value in summary.crossings(fraction) if value is not None]
    when = f"{max(minutes):.1f} min" if len(minutes) == len(summary.lines) else "not by every seed"
    return f"{fraction:.0%}: {when} (within {limit:.0f})"


def _millions(steps: float) -> str:
    return f"{steps / 1e6:.1f}M" if steps else ""


def _table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
