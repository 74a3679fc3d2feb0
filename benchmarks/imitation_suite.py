"""The whole table of imitation results: each row trained as a person would, resumable, over as many seeds as one likes.

A row and seed that is in the CSV file is not run again; one that was interrupted is gone on with, with what is left of
its wall-clock budget. The same command, started in several terminals, shares the work between them.

    python benchmarks/imitation_suite.py --list
    python benchmarks/imitation_suite.py --group ant
    python benchmarks/imitation_suite.py --rows hopper-4 control-hopper bc-hopper-4 --seeds 0 1 2
    python benchmarks/imitation_suite.py --report
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from imitation_cell import Cell
from imitation_cells import select
from imitation_figures import draw_ablation, draw_suite
from imitation_process import train
from imitation_progress import evaluations
from imitation_report import markdown
from imitation_results import append_line, has_reached, line_of, read_lines
from imitation_trial import Trial, hold

from genrl.errors import InputError
from genrl.stop_signals import StopSignals

FOLDER = Path(__file__).resolve().parent
INTERRUPTED = 130  # 128 + SIGINT, what shells expect
STOP_SECONDS = 20.0  # a training script ends within ten seconds of a stop signal


@dataclass(frozen=True, kw_only=True)
class SuiteConfig:
    """Which rows, and where the results go."""

    rows: tuple[str, ...] = ()
    """Rows by name; see --list."""
    group: str | None = None
    """Rows by group: ant, humanoid, planar, control, random, bc, paper, learners, state-only, forms, densities,
    ablation or all; all if no row is named."""
    seeds: tuple[int, ...] = ()
    """Seeds of each row; by default 0, or 0 1 2 for the rows that are reported over three."""
    csv: Path = FOLDER / "imitation_suite.csv"
    """The results, a line for each finished run."""
    runs: Path = Path("runs/suite")
    """Parent of the run directories."""
    budget_scale: float = 1.0
    """Multiplies each row's wall-clock budget: below 1 on a machine that is faster than two cores, above 1 on one
    core of them."""
    stop_when_reached: bool = False
    """Leave a row as soon as two evaluations in turn are at its target, where time is short: it could earn more."""
    machine: str = f"{os.cpu_count()} cores"
    """A note on the machine, for the CSV file."""
    list: bool = False
    """Only show the rows, their budgets, what is finished and at which commit, and the commands."""
    report: bool = False
    """Only print the tables and draw the figures of what is finished; without it, that comes after the last run."""
    figures: Path = FOLDER.parent / "docs"
    """Where imitation-suite.png and ablation.png go."""

    def __post_init__(self) -> None:
        if not self.budget_scale > 0:
            raise InputError(f"--budget-scale must be above 0, not {self.budget_scale}")


def main(config: SuiteConfig) -> None:
    """Train the table of imitation results, show its state, or report it."""
    if config.report:
        report(config)
        return
    work = [(cell, seed) for cell in select(config.rows, config.group) for seed in config.seeds or range(cell.seeds)]
    if config.list:
        show(work, config)
        return
    # The first seed of every row before the second of any.
    failures = run(sorted(work, key=lambda pair: pair[1]), config)
    report(config)
    if failures:
        raise InputError(f"{len(failures)} of {len(work)} failed, start again to retry: {'; '.join(failures)}")


def run(work: Sequence[tuple[Cell, int]], config: SuiteConfig) -> list[str]:
    """Run what is not finished, one after the other; what failed is returned, and does not keep the others from it."""
    failures = []
    with StopSignals(grace_seconds=STOP_SECONDS) as stop:
        for cell, seed in work:
            if (cell.name, str(seed)) in done(config.csv):
                print(f"{cell.name}, seed {seed}: finished before", flush=True)
                continue
            try:
                run_one(cell, seed, config, stop)
            except InputError as error:
                print(f"error: {error}", file=sys.stderr, flush=True)
                failures.append(f"{cell.name}, seed {seed}")
            if stop.requested:
                raise KeyboardInterrupt
    return failures


def run_one(cell: Cell, seed: int, config: SuiteConfig, stop: StopSignals) -> None:
    """Bring one trial to its end and its line into the table, unless it is another process's."""
    lock = hold(config.runs / cell.name / f"seed-{seed}")
    if lock is None:
        print(f"{cell.name}, seed {seed}: another process is at it", flush=True)
        return
    with lock:
        if (cell.name, str(seed)) in done(config.csv):  # since we looked
            return
        trial = Trial.open(cell, seed, config.runs)
        trial.check_flags()
        budget = 60 * cell.minutes * config.budget_scale
        used = f", {trial.seconds / 60:.1f} of them used" if trial.sittings else ""
        print(f"{trial.name}: {budget / 60:.0f} minutes{used}: {trial.command}", flush=True)
        is_enough = has_reached if config.stop_when_reached else never
        if not trial.finished and not train(trial, lock, stop, budget, teller(), is_enough):
            return
        line = line_of(trial, config.machine)
        append_line(config.csv, line)
        print(
            f"{trial.name}: {float(line['mean']):,.0f}, {float(line['expert_fraction']):.2f} of the expert", flush=True
        )


def never(trial: Trial) -> bool:
    """A row with time left goes on, whatever it has reached."""
    return False


def teller() -> Callable[[Trial], None]:
    """Says each new evaluation of a trial, once."""
    told = 0

    def tell(trial: Trial) -> None:
        nonlocal told
        lines = trial.lines()
        seen = evaluations(lines)
        if len(seen) > told:
            told = len(seen)
            steps = lines[-1]["time/total_timesteps"] / 1e6
            print(f"  {lines[-1]['minutes']:.1f} min, {steps:.1f}M steps: evaluated at {seen[-1]:,.0f}", flush=True)

    return tell


def done(path: Path) -> dict[tuple[str, str], str]:
    """The rows and seeds that need no run, and the commit of each."""
    return {(line["row"], line["seed"]): line.get("commit", "") for line in read_lines(path)}


def show(work: Sequence[tuple[Cell, int]], config: SuiteConfig) -> None:
    """A line for each row and seed, and the time that the unfinished ones may take."""
    finished = done(config.csv)
    left = 0.0
    for cell, seed in work:
        trial = Trial.open(cell, seed, config.runs)
        minutes = cell.minutes * config.budget_scale
        if (cell.name, str(seed)) in finished:
            state = f"done, {finished[cell.name, str(seed)]}"
        else:
            state = f"{trial.seconds / 60:.0f} of {minutes:.0f} min"
            left += max(minutes - trial.seconds / 60, 0.0)
        print(f"{cell.name:<32} {cell.group:<10} seed {seed}  {state:<20} {trial.command}")
    print(f"{left / 60:.1f} hours at most are left, one run at a time")


def report(config: SuiteConfig) -> None:
    """Print the tables and draw the figures."""
    lines = read_lines(config.csv)
    print(markdown(lines))
    for path in (
        draw_suite(lines, config.figures / "imitation-suite.png"),
        draw_ablation(lines, config.figures / "ablation.png"),
    ):
        if path is not None:
            print(f"\nwrote {path}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(tyro.cli(SuiteConfig, description=main.__doc__, config=(tyro.conf.FlagCreatePairsOff,)))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)
