"""The benchmarks of autoencoders measure what they say, and go on where they stopped."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(name: str, *arguments: str) -> list[str]:
    command = [sys.executable, str(BENCHMARKS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.slow
def test_bounds_of_digits(tmp_path: Path) -> None:
    table = tmp_path / "vae.csv"
    settings = ["--libraries", "genrl", "--step-sizes", "0.005", "--epochs", "3", "--out", str(table)]
    assert run("vae.py", *settings, "--list") == [
        *(f"bounds genrl 0.005 {seed}" for seed in range(3)),
        "epoch genrl 0.002 0",
    ]
    with table.open("w") as file:
        file.write("measure,library,step_size,seed,epochs,elbo,importance,milliseconds\nepoch,genrl,0.002,0,3,,,1\n")
    run("vae.py", *settings, "--seeds", "0")
    with table.open(newline="") as file:
        row = list(csv.DictReader(file))[-1]
    assert -35 < float(row["elbo"]) < float(row["importance"]) < -20
    assert run("vae.py", *settings, "--seeds", "0", "1", "--list") == ["bounds genrl 0.005 1"]


@pytest.mark.slow
def test_errors_at_equal_bits(tmp_path: Path) -> None:
    table = tmp_path / "codes.csv"
    settings = ["--libraries", "genrl", "--sizes", "32", "--seeds", "0", "--updates", "30", "--out", str(table)]
    with table.open("w") as file:
        file.write("measure,library,size,seed,updates,value,perplexity\n")
        file.writelines(f"milliseconds,genrl,{size},0,30,1,\n" for size in (128, 512, 1024))
    assert run("vector_quantization.py", *settings, "--list") == ["mse genrl 32 0"]
    run("vector_quantization.py", *settings)
    with table.open(newline="") as file:
        row = list(csv.DictReader(file))[-1]
    assert 0.005 < float(row["value"]) < 0.1
    assert 1 < float(row["perplexity"]) <= 32
    assert run("vector_quantization.py", *settings, "--list") == []
