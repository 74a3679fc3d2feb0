"""The benchmark of planners: its settings, one small cell, and that it goes on where it was stopped."""

import csv
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from experts import load_demonstrations
from genrl.autoregressive import GatedPixelCNN
from genrl.planners import RowDynamics
from genrl.score import ScoreModel
from genrl.training.gradient_fitting import GradientFitting

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def planning(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import planning

    return planning


def test_settings_are_those_of_the_task_and_the_method(planning: ModuleType) -> None:
    maze = planning.settings_of("PointMaze_Medium-v3", "pixel_cnn", 2, None)
    assert (maze.data, maze.sampler, maze.seed, maze.acting) == ("waypoints:600", "pixel_cnn", 2, "position")
    hopper = planning.settings_of("Hopper-v4", "score", 0, 7)
    assert (hopper.data, hopper.sampler, hopper.updates, hopper.acting) == ("medium:100", "score", 7, "planned")
    assert hopper.plan_temperature == 0.3
    assert planning.settings_of("Hopper-v4", "pixel_cnn", 0, None).plan_temperature == 0


def test_tokens_are_counted_with_kept_activations_and_without(planning: ModuleType) -> None:
    torch.manual_seed(0)
    model = GatedPixelCNN(levels=8, width=16, layers=3).build((6, 12, 1), 4)
    speeds = planning.token_speed(model, torch.zeros(1, 4))
    assert set(speeds) == set(planning.SPEEDS)
    assert min(speeds.values()) > 0
    assert planning.token_speed(ScoreModel().build(3), None) == {}


@pytest.mark.parametrize("method", ["score", "bc"])
def test_a_cell(planning: ModuleType, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = GradientFitting(updates=5)
    monkeypatch.setattr(planning, "RowDynamics", lambda columns: RowDynamics(columns, fitting=quick))
    data = load_demonstrations("Hopper-v4", episodes=2)
    settings = replace(planning.settings_of("Hopper-v4", method, 0, 3), hidden=8, every=50, evaluations=2)
    row = planning.cell(settings, method, data, 1)
    assert set(row) <= set(planning.FIELDS)
    assert row["reached"] == ""
    assert float(row["mean_return"]) > 0
    if method == "score":
        assert row["error_plans"] > 0
        assert row["decision_ms"] > 0


def test_what_is_done_is_not_done_again(
    planning: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def cell(settings: Any, method: str, data: object, episodes: int) -> dict[str, object]:
        asked.append((method, settings.seed, settings.updates))
        known = {"env": settings.env, "method": method, "seed": settings.seed, "updates": settings.updates}
        return {**known, "mean_return": 1.0, "reached": 0.9}

    monkeypatch.setattr(planning, "cell", cell)
    monkeypatch.setattr(planning, "episodes_of", lambda settings, folder: None)
    config = planning.Config(env=("PointMaze_UMaze-v3",), method=("score",), seeds=(0,), out=tmp_path / "table.csv")
    planning.main(config)
    planning.main(replace(config, method=("score", "bc"), seeds=(0, 1)))
    planning.main(replace(config, updates=7000))
    assert asked == [(*which, 6000) for which in (("score", 0), ("bc", 0), ("score", 1), ("bc", 1))] + [
        ("score", 0, 7000)
    ]
    assert "90%, 90%" in capsys.readouterr().out
    with (tmp_path / "table.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 5
