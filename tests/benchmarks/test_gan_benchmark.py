"""The benchmark of adversarial models counts what it says, and goes on where it stopped."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gans.py"


def run(*arguments: str) -> str:
    command = [sys.executable, str(SCRIPT), *arguments]
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
