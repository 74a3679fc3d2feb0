"""What a learning test says about its figures: the fixture `learned`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from figures import Figure, append_figures, not_recorded, read_figures, read_thresholds


class Learned:
    """Compares figures with thresholds that must have a recorded distribution; failures are raised after the test."""

    def __init__(self, test: str, seed: int, record: Path | None) -> None:
        self.test, self.seed, self.record = test, seed, record
        self.figures: list[Figure] = []

    def __call__(
        self, metric: str, value: Any, *, baseline: float, above: float | None = None, below: float | None = None
    ) -> None:
        """Ask `value` to be above or below a threshold.

        Args:
            metric: Name of the figure, unique in its test.
            value: What was measured: a number, or a tensor or array of one element.
            baseline: What an untrained model gives, guessing, or the peer that is to be beaten. The threshold must
                lie beyond it.
            above: Threshold of a figure that is to be large; give either this or `below`.
            below: Threshold of a figure that is to be small.
        """
        if (above is None) == (below is None):
            raise ValueError("give one of above and below")
        threshold, bound = (above, "above") if above is not None else (below, "below")
        figure = Figure(
            self.test,
            metric,
            bound,
            threshold=float(threshold),  # type: ignore[arg-type]
            baseline=float(baseline.detach() if isinstance(baseline, torch.Tensor) else baseline),
            value=float(value.detach() if isinstance(value, torch.Tensor) else value),
            seed=self.seed,
            capability=torch.backends.cpu.get_cpu_capability().lower(),
            threads=torch.get_num_threads(),
        )
        if any((one.metric, one.bound) == (metric, bound) for one in self.figures):
            raise ValueError(f"{metric!r} has been measured already in this test")
        self.figures.append(figure)

    def failures(self) -> list[str]:
        """One line for each figure that fails its threshold, or whose threshold has no recorded distribution."""
        failed = [
            f"{one.metric} is {one.value:.4g} (seed {one.seed}), not {one.bound} {one.threshold:g};"
            f" the baseline is {one.baseline:.4g}"
            for one in self.figures
            if not one.passed
        ]
        return failed if self.record is not None else failed + self.unrecorded()

    def unrecorded(self) -> list[str]:
        """One line for each threshold without a recorded distribution; tests too slow to be recorded have none."""
        recorded = read_thresholds()
        return [
            f"no distribution is recorded for {one.metric} {one.bound} {one.threshold:g} of {one.test}:"
            f' run `make record-learning TESTS="{one.test}"`'
            for one in self.figures
            if not_recorded(one.test) not in recorded
            and (
                (one.test, one.metric, one.bound) not in recorded
                or recorded[one.test, one.metric, one.bound].threshold != float(f"{one.threshold:.6g}")
            )
        ]


def without_seed(node_id: str) -> str:
    """The name of a test without the seed that `--learning-seeds` added to it, and the group of pytest-xdist."""
    bare = re.sub(r"@[\w.-]+$", "", node_id)
    bare = re.sub(r"(?<=[\[-])seed\d+(-|(?=\]))", "", bare)
    return bare.replace("-]", "]").removesuffix("[]")


def seed_of(item: pytest.Item) -> int:
    return int(item.callspec.params.get("seed", 0)) if hasattr(item, "callspec") else 0


def already_recorded(path: Path) -> set[tuple[str, int]]:
    """Tests and seeds that have figures under the present instruction set and number of threads."""
    if not path.exists():
        return set()
    here = torch.backends.cpu.get_cpu_capability().lower(), torch.get_num_threads()
    return {(one.test, one.seed) for one in read_figures(path) if (one.capability, one.threads) == here}


def finish(learned: Learned) -> None:
    """Record the figures of a test and raise what failed."""
    if learned.record is not None:
        append_figures(learned.figures, learned.record)
    if not learned.figures:
        raise AssertionError("a learning test measures at least one figure")
    if failed := learned.failures():
        raise AssertionError("\n".join(failed))
