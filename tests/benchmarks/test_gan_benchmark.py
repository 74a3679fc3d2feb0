"""The benchmark of adversarial models counts what it says, and goes on where it stopped."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from learned import Learned

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(*arguments: str, script: str = "gans.py") -> str:
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    table = tmp_path / "gans.csv"
    settings = ["--data", "8gaussians", "--updates", "2", "--rows", "500", "--out", str(table)]
    assert run(*settings, "--seeds", "0", "1", "--list").split("\n")[:2] == [
        "8gaussians default 0",
        "8gaussians default 1",
    ]
    run(*settings, "--seeds", "0")
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["modes"], row["updates"]) == ("8", "2")
    assert int(row["found"]) < 8
    assert 0 <= float(row["high_quality"]) < 0.9
    assert run(*settings, "--seeds", "0", "1", "--list").strip() == "8gaussians default 1"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_learned_ratio_is_compared_with_the_known_one(tmp_path: Path, seed: int, learned: Learned) -> None:
    table = tmp_path / "theory.csv"
    settings = ["--what", "ratio", "--data", "apart", "--seeds", str(seed), "--out", str(table)]
    for updates in ("1", "300"):
        run(*settings, "--updates", updates, script="gan_theory.py")
    little, more = (float(row["figure"]) for row in rows(table))
    learned("error", more, below=0.02, baseline=little)
    assert run(*settings, "--updates", "300", script="gan_theory.py") == ""


@pytest.mark.slow
def test_digits_are_read_and_drawn(tmp_path: Path) -> None:
    table = tmp_path / "digits.csv"
    settings = ["--models", "dcgan", "--updates", "2", "--out", str(table), "--figures", str(tmp_path)]
    run(*settings, script="gan_digits.py")
    (row,) = rows(table)
    assert 0 <= float(row["accuracy"]) < 0.5  # nothing is learned in two rounds
    assert (tmp_path / "digits-dcgan.png").stat().st_size > 0
