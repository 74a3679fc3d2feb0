"""The benchmark of score models: its true score is right, and it goes on where it stopped."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from learned import Learned

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import score

        yield score
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_the_true_score_has_no_error(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from genrl.evaluation import toy_modes
    from genrl.nn import Units

    class Exact:
        units = Units((2,))

        def score_function(self, x: torch.Tensor, level: float) -> torch.Tensor:
            modes = toy_modes("8gaussians")
            spread = torch.distributions.Normal(modes.means, (modes.deviation**2 + level**2) ** 0.5)
            with torch.enable_grad():
                place = x.detach().requires_grad_()
                density = spread.log_prob(place[:, None]).sum(2).logsumexp(1)
                (slope,) = torch.autograd.grad(density.sum(), place)
            return slope

    monkeypatch.setattr(benchmark, "learned", lambda *_: Exact())
    rows = list(benchmark.accuracy(benchmark.Config(), 0))
    assert [row["contender"] for row in rows] == [f"level {level}" for level in benchmark.LEVELS]
    assert max(row["figure"] for row in rows) < 1e-3


@pytest.mark.slow
def test_a_second_call_has_nothing_to_do(benchmark: ModuleType, tmp_path: Path) -> None:
    config = benchmark.Config(
        parts=("accuracy", "student"), data=("two_moons",), updates=2, rows=50, out=tmp_path / "score.csv"
    )
    assert [one[:2] for one in benchmark.missing(config)] == [("accuracy", "8gaussians"), ("student", "two_moons")]
    benchmark.main(config)
    with config.out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert next(row["contender"] for row in rows if row["part"] == "student") == "teacher"
    assert list(benchmark.missing(config)) == []


@pytest.mark.slow
def test_the_score_of_eight_gaussians_is_learned(benchmark: ModuleType, seed: int, learned: Learned) -> None:
    """Within 5% at every level above the lowest, where 3,000 updates leave 8%."""
    figures = {row["contender"]: row["figure"] for row in benchmark.accuracy(benchmark.Config(), seed)}
    lowest = figures.pop(f"level {benchmark.LEVELS[0]}")
    learned("error at the lowest level", lowest, below=0.1, baseline=1.0)
    learned("greatest error at the others", max(figures.values()), below=0.05, baseline=1.0)
