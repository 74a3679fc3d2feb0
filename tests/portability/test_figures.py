"""Thresholds have margin, or are refused; the recorded ones do, and there is one for each learning test."""

import ast
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from figures import (
    RECORDED,
    Figure,
    Threshold,
    append_figures,
    read_figures,
    read_thresholds,
    summarize,
    write_thresholds,
)
from learned import Learned, already_recorded, finish, without_seed

TESTS = Path(__file__).resolve().parents[1]


def figure(value: float, *, seed: int = 0, threads: int = 1, threshold: float = 0.5) -> Figure:
    return Figure("tests/a.py::test_a[b]", "return", "above", threshold, 0.0, value, seed, "avx2", threads)


def distribution(*values: float, threshold: float = 0.5) -> Threshold:
    return summarize(figure(value, seed=seed, threshold=threshold) for seed, value in enumerate(values))[0]


def test_a_distribution_has_quartiles_and_says_what_was_run() -> None:
    row = summarize([figure(value, seed=seed, threads=t) for t in (2, 1) for seed, value in enumerate((1, 2, 3, 4, 9))])
    assert len(row) == 1
    assert (row[0].n, row[0].min, row[0].q1, row[0].median, row[0].q3, row[0].max) == (10, 1, 2, 3, 4, 9)
    assert row[0].runs == "avx2/1, avx2/2: seeds 0 1 2 3 4"
    assert row[0].reserve == pytest.approx(0.5 / 2.5)
    assert row[0].deviations == pytest.approx(2.5 / (2 / 1.349))
    assert row[0].beyond_baseline == pytest.approx(0.5 / 3)


@pytest.mark.parametrize(
    ("values", "threshold", "fault"),
    [
        ((0.9, 0.91, 0.92, 0.93, 0.94), 0.7, None),
        ((1.0, 1.0, 1.0, 1.0, 1.0), 0.9, None),
        ((0.9, 0.91, 0.92, 0.93, 0.94), 0.895, "worst figure keeps 0.20"),
        ((0.4, 0.91, 0.92, 0.93, 0.94), 0.5, "worst figure keeps -"),
        ((0.4, 0.41, 0.42, 0.43, 0.44), 0.5, "worst figure keeps -inf"),
        ((0.7, 0.71, 0.9, 1.1, 1.2), 0.5, "1.4 robust deviations"),
        ((0.9, 0.91, 0.92, 0.93, 0.94), 0.05, "demands 0.05"),
        ((0.9, 0.91, math.nan, 0.93, 0.94), 0.7, "worst figure keeps"),
    ],
)
def test_a_threshold_near_the_figures_or_the_baseline_is_at_fault(
    values: tuple[float, ...], threshold: float, fault: str | None
) -> None:
    row = distribution(*values, threshold=threshold)
    mirrored = summarize(
        replace(figure(-value, seed=seed, threshold=-threshold), bound="below") for seed, value in enumerate(values)
    )[0]
    for one in (row, mirrored):
        assert bool(one.faults()) == (fault is not None)
        assert fault is None or re.search(re.escape(fault), " ".join(one.faults()))


def test_figures_and_thresholds_are_read_as_written(tmp_path: Path) -> None:
    figures = [figure(0.25), replace(figure(1 / 3, seed=3), bound="below", threshold=2.0)]
    for one in figures:
        append_figures([one], tmp_path / "figures.csv")
    assert read_figures(tmp_path / "figures.csv") == figures
    rows = [distribution(0.5, 0.75, 1.0)]
    write_thresholds(rows, tmp_path / "thresholds.csv")
    assert list(read_thresholds(tmp_path / "thresholds.csv").values()) == rows


@pytest.mark.parametrize("name", ["test_a[seed3]", "test_a[seed12-b-c]", "test_a[b-seed0-c]@file", "test_a[b-c-seed1]"])
def test_the_seed_is_no_part_of_a_tests_name(name: str) -> None:
    assert without_seed(name) == ("test_a" if name == "test_a[seed3]" else "test_a[b-c]")


def test_a_figure_that_fails_is_recorded_and_named(tmp_path: Path) -> None:
    measured = Learned("tests/a.py::test_a", 4, tmp_path / "figures.csv")
    measured("return", 0.7, above=0.5, baseline=0.0)
    measured("distance", 0.7, below=0.5, baseline=1.0)
    with pytest.raises(AssertionError, match=r"^distance is 0.7 \(seed 4\), not below 0.5; the baseline is 1$"):
        finish(measured)
    assert [one.passed for one in read_figures(tmp_path / "figures.csv")] == [True, False]
    assert already_recorded(tmp_path / "figures.csv") == {("tests/a.py::test_a", 4)}


def test_nan_fails_either_bound(tmp_path: Path) -> None:
    measured = Learned("tests/a.py::test_a", 0, tmp_path / "figures.csv")
    measured("return", math.nan, above=0.5, baseline=0.0)
    measured("distance", math.nan, below=0.5, baseline=1.0)
    assert len(measured.failures()) == 2


def test_a_threshold_without_a_recorded_distribution_fails() -> None:
    row = next(row for row in read_thresholds().values() if row.n)
    for threshold, failures in ((row.threshold, 0), (row.threshold * 0.99 + 1, 1)):
        measured = Learned(row.test, 0, None)
        measured(row.metric, row.median, baseline=row.baseline, **{row.bound: threshold})
        assert sum("no distribution is recorded" in failure for failure in measured.failures()) == failures


def test_a_figure_has_one_bound_and_one_name() -> None:
    measured = Learned("tests/a.py::test_a", 0, None)
    with pytest.raises(ValueError, match="one of above and below"):
        measured("return", 0.7, baseline=0.0)
    measured("return", 0.7, above=0.5, baseline=0.0)
    with pytest.raises(ValueError, match="measured already"):
        measured("return", 0.8, above=0.5, baseline=0.0)
    with pytest.raises(AssertionError, match="at least one figure"):
        finish(Learned("tests/a.py::test_a", 0, None))


def learning_tests() -> set[str]:
    """File and name of each test that measures what was learned."""
    return {
        f"tests/{path.relative_to(TESTS)}::{node.name}"
        for path in TESTS.rglob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and "learned" in {argument.arg for argument in node.args.args}
    }


def test_each_learning_test_has_a_recorded_distribution_and_each_distribution_a_test() -> None:
    assert {key[0].split("[")[0] for key in read_thresholds()} == learning_tests()


def test_the_recorded_thresholds_have_margin() -> None:
    assert RECORDED.exists()
    rows = read_thresholds().values()
    assert {f"{row.test} {row.metric} {row.bound}": row.faults() for row in rows if row.faults()} == {}
