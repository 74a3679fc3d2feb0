"""The flow benchmarks: they compare what is comparable, count right, and go on where they stopped."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

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


@pytest.fixture
def flow_speed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import flow_speed

    return flow_speed


def row_of(flow_speed: ModuleType, **cell: Any) -> Any:
    usual = {"family": "spline", "features": 16, "verb": "sample", "batch": 1, "estimated": False}
    return flow_speed.Row(parameters=1, rows_per_second=1.0, **{**usual, **cell})


def test_geometric_mean_and_least_are_of_peers_with_the_same_architecture(
    flow_speed: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    contenders = {"genrl": 1.0, "zuko": 2.0, "nflows": 8.0, "zuko, autoregressive": 100.0}
    flow_speed.summarise([row_of(flow_speed, contender=name, ratio=ratio) for name, ratio in contenders.items()])
    shown = capsys.readouterr().out
    assert "spline                    16   4.00   2.00" in shown
    assert "0 of 2 cells below 0.9" in shown


def test_cells_that_are_too_slow_are_named(flow_speed: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    flow_speed.summarise(
        [
            row_of(flow_speed, contender="zuko", ratio=0.89),
            row_of(flow_speed, contender="nflows", ratio=0.5, batch=256, estimated=True),
            row_of(flow_speed, contender="zuko", ratio=0.91, verb="log_prob"),
        ]
    )
    assert capsys.readouterr().out.endswith(
        "2 of 3 cells below 0.9:\n"
        "spline sample of 256 x 16, nflows: 0.50, estimated\n"
        "spline sample of 1 x 16, zuko: 0.89\n"
    )


@dataclass(frozen=True)
class Waits:
    """A contender that takes so many milliseconds of the processor for each row."""

    milliseconds: float
    parameters: int = 1

    def log_prob(self, x: torch.Tensor) -> None:
        end = time.thread_time() + self.milliseconds / 1000 * len(x)
        while time.thread_time() < end:
            pass

    def sample(self, rows: int) -> None:
        self.log_prob(torch.zeros(rows))


def test_ours_is_kept_where_it_is_too_slow_and_a_peer_is_left_out(flow_speed: ModuleType) -> None:
    config = flow_speed.Config(batches=(40, 1, 4), rounds=1, least=1e-9, longest=0.05)
    rows = flow_speed.run_family("spline", {"genrl": Waits(3.0), "zuko": Waits(0.5), "nflows": Waits(4.0)}, 2, config)
    sampled = {(row.batch, row.contender): row for row in rows if row.verb == "sample"}
    assert [row for row in sampled if row[0] == 40] == [(40, "zuko"), (40, "genrl")]
    assert sampled[40, "zuko"].estimated
    assert sampled[40, "zuko"].ratio == pytest.approx(0.5 / 3, rel=0.3)
    assert not sampled[1, "zuko"].estimated
    assert sampled[1, "nflows"].ratio == pytest.approx(4 / 3, rel=0.3)


def test_columns_are_run_one_after_the_other(flow_speed: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(features: int) -> Waits:
        made.append(features)
        return Waits(0.1)

    monkeypatch.setattr(flow_speed, "families", lambda: {"spline": {"genrl": make, "zuko": make}})
    rows = flow_speed.run(flow_speed.Config(features=(16, 32), batches=(1,), rounds=1, least=1e-9))
    assert made == [16, 16, 32, 32]
    assert [row.features for row in rows] == [16] * 4 + [32] * 4
