"""The benchmark of edited digits: style is what it says, and labels are changed."""

from __future__ import annotations

import csv
from pathlib import Path
from types import ModuleType

import pytest
import torch
from learned import Learned

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import digit_edits

    return digit_edits


def stroke(rightwards: int) -> torch.Tensor:
    """(1, 8, 8): four rows of one pixel each, moving to the right by so many pixels a row."""
    image = torch.zeros(1, 8, 8)
    for row in range(4):
        image[0, 2 + row, 3 + (row if rightwards > 0 else -row if rightwards < 0 else 0)] = 1.0
    return image


def test_style_is_ink_and_slant(benchmark: ModuleType) -> None:
    images = torch.stack([stroke(1), stroke(0), stroke(-1), 0.5 * stroke(1)])
    torch.testing.assert_close(
        benchmark.style(images), torch.tensor([[4 / 64, 1.0], [4 / 64, 0.0], [4 / 64, -1.0], [2 / 64, 1.0]])
    )


def test_style_is_kept_by_what_leaves_digits_alone_and_not_by_others(benchmark: ModuleType) -> None:
    data = benchmark.digits()
    x, labels = data.x[:400], data.labels[:400]
    assert benchmark.kept(x, labels, x, labels, data) == pytest.approx((1.0, 1.0), abs=1e-4)
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    assert max(map(abs, benchmark.kept(x, labels, x[order], labels[order], data))) < 0.2


@pytest.mark.slow
def test_labels_are_changed_and_style_is_kept(
    benchmark: ModuleType, tmp_path: Path, seed: int, learned: Learned
) -> None:
    table, figure = tmp_path / "edits.csv", tmp_path / "edits.png"
    config = benchmark.Config(seeds=(seed,), out=table, figure=figure)
    benchmark.main(config)
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    learned("labels changed", float(row["edited"]), above=0.9, baseline=0.1)
    for style in ("ink", "slant"):
        more = float(row[style]) - float(row[f"{style}_sampled"])
        learned(f"correlation of {style} above that of new samples", more, above=0.3, baseline=0.0)
    assert figure.is_file()
    benchmark.main(config)  # nothing is missing
    assert len(table.read_text().splitlines()) == 2
