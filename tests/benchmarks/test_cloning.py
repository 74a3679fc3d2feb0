"""The benchmark of cloning measures each policy once, and goes on with what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cloning(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import cloning

    return cloning


def test_a_stopped_benchmark_goes_on(cloning: ModuleType, tmp_path: Path, capsys: Any) -> None:
    config = cloning.CloningBenchmarkConfig(
        env="Hopper-v4",
        trajectories=1,
        policies=("gaussian", "score"),
        updates=4,
        seeds=1,
        episodes=2,
        out=tmp_path / "table.csv",
    )
    cloning.main(config)
    before = config.out.read_text()
    assert [row["policy"] for row in cloning.read_rows(config.out)] == ["gaussian", "score"]
    cloning.main(config)
    assert config.out.read_text() == before
    cloning.main(replace(config, policies=("gaussian",), updates=8))  # other settings are another row
    rows = cloning.read_rows(config.out)
    assert [row["updates"] for row in rows] == ["4", "4", "8"]
    assert all(float(row["mean"]) > 0 for row in rows)
    assert "gaussian" in capsys.readouterr().out
