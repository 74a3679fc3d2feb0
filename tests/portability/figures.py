"""Figures that learning tests measured, and the thresholds that their distributions support.

A figure is one number that a learning test compares with a threshold: a return, an accuracy, a distance. Figures are
recorded over random seeds, instruction sets of the processor (what PyTorch calls the CPU capability) and numbers of
threads. `thresholds.csv` keeps the distribution behind each threshold.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

RECORDED = Path(__file__).parent / "thresholds.csv"
DEVIATIONS = 3.0
"""Robust standard deviations that lie at least between the median and its threshold."""

HALF_WAY = 0.5
"""Or the threshold demands no more than this share of the distance from the baseline to the median."""

RESERVE = 1 / 3
"""Share of the distance from the threshold to the median that the worst figure keeps at least."""

BEYOND_BASELINE = 0.1
"""Share of the distance from the baseline to the median that the threshold demands at least."""


@dataclass(frozen=True)
class Figure:
    """One comparison of a learning test; `bound` is "above" or "below"."""

    test: str
    metric: str
    bound: str
    threshold: float
    baseline: float
    value: float
    seed: int
    capability: str
    threads: int

    @property
    def passed(self) -> bool:
        return self.value > self.threshold if self.bound == "above" else self.value < self.threshold


@dataclass(frozen=True)
class Threshold:
    """Distribution of the figures of one comparison over seeds, instruction sets and threads.

    A slow test that has not been recorded has one row, with `n` = 0 and without a metric.
    """

    test: str
    metric: str
    bound: str
    threshold: float
    baseline: float
    n: int
    min: float
    q1: float
    median: float
    q3: float
    max: float
    runs: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.test, self.metric, self.bound

    @property
    def _reach(self) -> float:
        """Distance from the threshold to the median, positive where the median passes."""
        return self.median - self.threshold if self.bound == "above" else self.threshold - self.median

    @property
    def reserve(self) -> float:
        """Share of the distance from the threshold to the median that the worst figure keeps; negative if it fails."""
        worst = self.min - self.threshold if self.bound == "above" else self.threshold - self.max
        return worst / self._reach if self._reach > 0 else -math.inf

    @property
    def deviations(self) -> float:
        """Distance from the threshold to the median in robust standard deviations (interquartile range / 1.349)."""
        spread = (self.q3 - self.q1) / 1.349
        return self._reach / spread if spread > 0 else math.copysign(math.inf, self._reach)

    @property
    def beyond_baseline(self) -> float:
        """Share of the distance from the baseline to the median that the threshold demands."""
        learned = self.median - self.baseline
        return (self.threshold - self.baseline) / learned if learned else 0.0

    def faults(self) -> list[str]:
        """What is wrong with the threshold; empty if it holds with margin and proves learning."""
        found: list[str] = []
        if self.n == 0:
            return found
        if not self.reserve >= RESERVE:
            found.append(f"the worst figure keeps {self.reserve:.2f} of the distance to the median, not {RESERVE:.2f}")
        if not (self.deviations >= DEVIATIONS or self.beyond_baseline <= HALF_WAY):
            found.append(f"the median is {self.deviations:.1f} robust deviations away, not {DEVIATIONS:.0f}")
        if not self.beyond_baseline >= BEYOND_BASELINE:
            found.append(f"the threshold demands {self.beyond_baseline:.2f} of what is learned, not {BEYOND_BASELINE}")
        return found


def not_recorded(test: str) -> tuple[str, str, str]:
    """Key of the row that says that a slow test has not been recorded."""
    return test, "", ""


def read_figures(path: Path) -> list[Figure]:
    with path.open(newline="") as file:
        return [
            Figure(
                **{name: row[name] for name in ("test", "metric", "bound", "capability")},
                **{name: float(row[name]) for name in ("threshold", "baseline", "value")},
                **{name: int(row[name]) for name in ("seed", "threads")},
            )
            for row in csv.DictReader(file)
        ]


def read_thresholds(path: Path = RECORDED) -> dict[tuple[str, str, str], Threshold]:
    with path.open(newline="") as file:
        rows = [
            Threshold(
                **{name: row[name] for name in ("test", "metric", "bound", "runs")},
                n=int(row["n"]),
                **{name: float(row[name]) for name in ("threshold", "baseline", "min", "q1", "median", "q3", "max")},
            )
            for row in csv.DictReader(file)
        ]
    return {row.key: row for row in rows}


def write_thresholds(rows: Iterable[Threshold], path: Path = RECORDED) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Threshold)], lineterminator="\n")
        writer.writeheader()
        for row in sorted(rows, key=lambda row: row.key):
            shown = asdict(row).items()
            writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in shown})


def append_figures(figures: Iterable[Figure], path: Path) -> None:
    """Append in one write, so that several processes can record into the same file."""
    columns = [field.name for field in fields(Figure)]
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(asdict(figure) for figure in figures)


def summarize(figures: Iterable[Figure]) -> list[Threshold]:
    """Distribution of each comparison; its threshold and baseline are those of the figure recorded last."""
    groups: dict[tuple[str, str, str], list[Figure]] = defaultdict(list)
    for figure in figures:
        groups[figure.test, figure.metric, figure.bound].append(figure)
    return [_distribution(*key, group) for key, group in groups.items()]


def _distribution(test: str, metric: str, bound: str, figures: list[Figure]) -> Threshold:
    low, q1, median, q3, high = np.quantile([figure.value for figure in figures], [0, 0.25, 0.5, 0.75, 1]).tolist()
    return Threshold(
        test,
        metric,
        bound,
        threshold=figures[-1].threshold,
        baseline=float(np.median([figure.baseline for figure in figures])),
        n=len(figures),
        min=low,
        q1=q1,
        median=median,
        q3=q3,
        max=high,
        runs=_runs(figures),
    )


def _runs(figures: list[Figure]) -> str:
    """Which seeds, instruction sets and threads a distribution is over: "default/1 avx2/1: seeds 0-4"."""
    settings: dict[tuple[str, int], set[int]] = defaultdict(set)
    for figure in figures:
        settings[figure.capability, figure.threads].add(figure.seed)
    seeds: dict[str, list[str]] = defaultdict(list)
    for (capability, threads), found in settings.items():
        seeds[" ".join(map(str, sorted(found)))].append(f"{capability}/{threads}")
    return "; ".join(f"{', '.join(sorted(where))}: seeds {which}" for which, where in sorted(seeds.items()))
