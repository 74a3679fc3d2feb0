"""The flow benchmarks: they compare what is comparable, count right, and go on where they stopped."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_quality_goes_on_where_it_stopped(tmp_path: Path) -> None:
    table = tmp_path / "quality.csv"
    settings = ["--data", "two_moons", "--families", "real_nvp", "--steps", "2", "--out", str(table)]
    assert "two_moons real_nvp genrl 0" in run("flow_quality.py", *settings, "--list")
    assert not table.exists()
    run("flow_quality.py", *settings)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["contender"] == "genrl"
    assert 2.0 < float(rows[0]["nll"]) < 4.0
    assert run("flow_quality.py", *settings, "--list") == ""
    assert "two_moons" in run("flow_quality.py", *settings, "--list", "--seeds", "0", "1")


def test_geometric_mean_and_least_are_of_peers_with_the_same_architecture(capsys: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from flow_speed import Row, summarise
    finally:
        sys.path.remove(str(BENCHMARKS))
    contenders = {"genrl": 1.0, "zuko": 2.0, "nflows": 8.0, "zuko, autoregressive": 100.0}
    summarise(
        [
            Row(family="spline", verb="sample", batch=1, contender=name, parameters=1, rows_per_second=1.0, ratio=ratio)
            for name, ratio in contenders.items()
        ]
    )
    assert "spline                    4.00   2.00" in capsys.readouterr().out
