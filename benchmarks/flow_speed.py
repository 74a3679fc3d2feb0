"""How fast flows are evaluated and sampled, beside zuko and nflows with equal networks.

One thread, and its processor time rather than the clock's, so that other programs on the machine do not count. The
contenders take turns within each round and medians are compared, because a machine's speed drifts: only ratios of one
run carry over to another.

    make bench-install
    python benchmarks/flow_speed.py --features 16 32 --out flow_speed.csv

No cell of ours is left out: where one would take too long it is estimated from the largest batch that was timed, in
proportion to the rows, which is more than it would take, and marked as such. A peer that is too slow is left out, which
is to its advantage.
"""

import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
import tyro
from flow_contenders import AUTOREGRESSIVE, OURS, Contender, families
from torch import Tensor

LEAST_RATIO = 0.9
"""Of a cell; those below are named."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Rows a second of log_prob and sample, and the ratio to each peer."""

    families: tuple[str, ...] = ()
    """Which; all by default."""
    features: tuple[int, ...] = (16,)
    """Columns of a row, one run after the other."""
    batches: tuple[int, ...] = (1, 256, 65_536)
    """Rows of a call."""
    rounds: int = 5
    """How often each contender has its turn; the median counts."""
    least: float = 0.05
    """Seconds of a turn, at least; a single call may take longer."""
    longest: float = 60.0
    """Seconds of a call above which a contender is not timed with larger batches."""
    out: Path | None = None
    """Where the figures are written: a .csv file."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One contender's figure in one cell."""

    family: str
    features: int
    verb: str
    batch: int
    contender: str
    parameters: int
    rows_per_second: float
    ratio: float
    """Ours over this one."""
    estimated: bool
    """Whether ours was too slow to be timed."""

    @property
    def cell(self) -> str:
        """What was compared with whom."""
        return f"{self.family} {self.verb} of {self.batch} x {self.features}, {self.contender}"


def seconds_of(call: Callable[[], object], least: float) -> float:
    """Processor time of a call, mean over as many as fill `least` seconds."""
    calls, spent = 0, 0.0
    while spent < least:
        start = time.thread_time()
        call()
        spent += time.thread_time() - start
        calls += 1
    return spent / calls


def measure(
    contenders: dict[str, Contender], verb: str, x: Tensor, config: Config, slow: set[tuple[str, str]]
) -> dict[str, float]:
    """Median seconds of a call, by contender; too slow ones are added to `slow`."""
    batch = len(x)
    calls: dict[str, Callable[[], object]] = {}
    for name, contender in contenders.items():
        if (name, verb) not in slow:
            calls[name] = (
                (lambda contender=contender: contender.log_prob(x))
                if verb == "log_prob"
                else (lambda contender=contender: contender.sample(batch))
            )
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.no_grad():
        for name, call in calls.items():
            growth = max(config.batches) / batch if batch < max(config.batches) else 1
            call()  # the first one is slow for reasons of its own
            # What a call of the largest batch would take, were it in proportion.
            if seconds_of(call, 1e-9) * min(growth, 256) > config.longest:
                slow.add((name, verb))
        for _ in range(config.rounds):
            for name, call in calls.items():
                times[name].append(seconds_of(call, config.least))
    return {name: median(taken) for name, taken in times.items()}


def run(config: Config) -> list[Row]:
    """All cells, printed as they are done."""
    rows: list[Row] = []
    for features in config.features:
        for family, makers in families().items():
            if len(makers) > 1 and (not config.families or family in config.families):
                torch.manual_seed(0)
                contenders = {name: make(features) for name, make in makers.items()}
                rows += run_family(family, contenders, features, config)
    return rows


def run_family(family: str, contenders: dict[str, Contender], features: int, config: Config) -> list[Row]:
    """Its cells, from the smallest batch to the largest."""
    rows: list[Row] = []
    slow: set[tuple[str, str]] = set()
    seconds_a_row: dict[str, float] = {}
    for batch in sorted(config.batches):
        for verb in ("log_prob", "sample"):
            taken = measure(contenders, verb, torch.randn(batch, features), config, slow)
            estimated = OURS not in taken
            if estimated:
                taken[OURS] = seconds_a_row[verb] * batch
            seconds_a_row[verb] = taken[OURS] / batch
            for name, seconds in taken.items():
                rows.append(
                    Row(
                        family=family,
                        features=features,
                        verb=verb,
                        batch=batch,
                        contender=name,
                        parameters=contenders[name].parameters,
                        rows_per_second=batch / seconds,
                        ratio=seconds / taken[OURS],
                        estimated=estimated,
                    )
                )
                show(rows[-1])
    return rows


def show(row: Row) -> None:
    """One line of the table."""
    print(
        f"{row.family:23} {row.features:4} {row.verb:9} {row.batch:6} {row.contender:21} {row.parameters:8} parameters "
        f"{row.rows_per_second:12,.0f} rows/s  {row.ratio:6.2f}{'  estimated' if row.estimated else ''}",
        flush=True,
    )


def summarise(rows: list[Row]) -> None:
    """Geometric mean and least ratio of each family, over peers of the same architecture; cells that are too slow."""
    alike = [row for row in rows if row.contender not in (OURS, AUTOREGRESSIVE)]
    if not alike:
        return
    print("\nours over the peer, by columns: geometric mean, least")
    for family, features in dict.fromkeys((row.family, row.features) for row in alike):
        ratios = [row.ratio for row in alike if (row.family, row.features) == (family, features)]
        print(f"{family:23} {features:4} {geometric_mean(ratios):6.2f} {min(ratios):6.2f}")
    ratios = [row.ratio for row in alike]
    print(f"{'all':23} {'':4} {geometric_mean(ratios):6.2f} {min(ratios):6.2f}")
    below = [row for row in alike if row.ratio < LEAST_RATIO]
    print(f"\n{len(below)} of {len(alike)} cells below {LEAST_RATIO}{':' if below else ''}")
    for row in sorted(below, key=lambda row: row.ratio):
        print(f"{row.cell}: {row.ratio:.2f}{', estimated' if row.estimated else ''}")


def geometric_mean(ratios: list[float]) -> float:
    """Of positive numbers."""
    return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))


def main(config: Config) -> None:
    """Measure, print, write."""
    torch.set_num_threads(1)
    rows = run(config)
    summarise(rows)
    if config.out is not None:
        with config.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(Row.__dataclass_fields__))
            writer.writeheader()
            writer.writerows(vars(row) for row in rows)


if __name__ == "__main__":
    main(tyro.cli(Config))
