"""The benchmark of autoregressive models measures what it says, and goes on where it stopped."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "autoregressive.py"


def run(*arguments: str) -> list[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    table = tmp_path / "autoregressive.csv"
    settings = ["--digits", "pixel_cnn", "real_nvp", "--samplers", "sequence_gru", "--images", "1", "--updates", "3"]
    settings += ["--out", str(table)]
    assert run(*settings, "--list") == ["speed sequence_gru 0 1", "digits pixel_cnn 0 0", "digits real_nvp 0 0"]
    run(*settings)
    with table.open(newline="") as file:
        speed, integers, density = csv.DictReader(file)
    assert float(speed["passes"]) > float(speed["kept"]) > 0
    assert 2 < float(integers["bits"]) < 6
    assert float(density["bits"]) > 2
    assert run(*settings, "--list") == []
    assert run(*settings, "--seeds", "1", "--list") == ["digits pixel_cnn 1 0", "digits real_nvp 1 0"]
