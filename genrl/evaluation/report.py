"""How an evaluation is shown and stored: one table, one JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from genrl.training import write_json

__all__ = ["evaluation_table", "print_evaluation", "write_evaluation"]


def evaluation_table(summary: Mapping[str, Any], title: str | None = None) -> Table:
    """The figures of `Evaluation.summary` as a table of two columns.

    Args:
        summary: unknown figures (None) show as a dash.
        title: above the table; by default the task, the number of episodes and how the policy acted.
    """
    how = "deterministic" if summary["deterministic"] else "stochastic"
    table = Table(title=title or f"{summary['env']}: {summary['episodes']} {how} episodes", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_row("return, mean ± std", f"{summary['mean']:,.1f} ± {summary['std']:,.1f}")
    table.add_row("return, min .. max", f"{summary['min']:,.1f} .. {summary['max']:,.1f}")
    interval = f"[{summary['iqm_low']:,.1f}, {summary['iqm_high']:,.1f}]"
    table.add_row("interquartile mean, 95% interval", rf"{summary['iqm']:,.1f} \{interval}")
    # Where returns are negative (Pendulum-v1) a worse policy has the larger ratio: the score below says it right.
    positive = summary["expert_return"] is not None and summary["expert_return"] > 0
    table.add_row("fraction of the expert", _number(summary["expert_fraction"] if positive else None, ".3f"))
    table.add_row("score, random 0 and expert 1", _number(summary["normalised_score"], ".3f"))
    lengths = f"{summary['mean_length']:,.0f} (median {summary['median_length']:,.0f})"
    table.add_row("episode length, steps", lengths)
    table.add_row("expert's return", _number(summary["expert_return"], ",.1f"))
    table.add_row("return of random actions", _number(summary["random_return"], ",.1f"))
    return table


def print_evaluation(summary: Mapping[str, Any], title: str | None = None, console: Console | None = None) -> None:
    """Print the table to `console`, by default to standard output."""
    (console or Console()).print(evaluation_table(summary, title))


def write_evaluation(path: Path, summary: Mapping[str, Any]) -> None:
    """Write the summary as JSON, whole or not at all; parents are made.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, dict(summary))


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
