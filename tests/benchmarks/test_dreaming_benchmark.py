"""The benchmark of dreams: when a target counts as reached, and that a stopped one goes on with what is missing."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agents import DreamingConfig
from agents.dream_learners import DreamPPOConfig, DreamSACConfig

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PENDULUM = "Pendulum-v1"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import dreaming

    return dreaming


def earns(monkeypatch: pytest.MonkeyPatch, benchmark: ModuleType, returns: list[float]) -> None:
    """Evaluations give these, one after the other, and then -900."""
    left = iter(returns)

    def evaluate(*given: Any, **more: Any) -> SimpleNamespace:
        return SimpleNamespace(returns=np.array([next(left, -900.0)]), lengths=np.array([200]))

    monkeypatch.setattr(benchmark, "evaluate_policy", evaluate)


def tiny(monkeypatch: pytest.MonkeyPatch, benchmark: ModuleType) -> None:
    """Runs of a few steps."""
    task = replace(benchmark.TASKS[PENDULUM], most=120, most_of_ppo=50_000, every=40)
    monkeypatch.setitem(benchmark.TASKS, PENDULUM, task)
    small = partial(
        DreamingConfig,
        first_steps=40,
        steps_per_round=20,
        first_updates=5,
        model_updates=2,
        model_hidden=(8,),
        dreams=8,
        sac=DreamSACConfig(updates_per_step=0.2),
        ppo=DreamPPOConfig(dreamt_per_step=4),
    )
    monkeypatch.setattr(benchmark, "DreamingConfig", small)


def test_the_first_evaluation_at_the_target_counts(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    earns(monkeypatch, benchmark, [-900.0, -249.0, -100.0, -400.0])
    judge = benchmark.Judge(PENDULUM, benchmark.TASKS[PENDULUM])
    for steps in (250, 500, 750, 1000):
        judge.judge(object(), steps)
    assert (judge.reached_after, judge.best) == (500, -100.0)


@pytest.mark.parametrize("contender", ["dream-sac", "dream-ppo", "sac", "ppo"])
def test_a_run_ends_with_the_target(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, contender: Any
) -> None:
    tiny(monkeypatch, benchmark)
    earns(monkeypatch, benchmark, [-900.0, -249.0])
    places = {"out": tmp_path / "rows.csv", "runs": tmp_path / "runs"}
    benchmark.main(benchmark.Config(env=(PENDULUM,), contenders=(contender,), seeds=(0,), **places))
    with (tmp_path / "rows.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert int(row["reached_after"]) == (80 if contender != "ppo" else 2 * 64 * 128)
    assert int(row["real_steps"]) == pytest.approx(int(row["reached_after"]), abs=64)  # a step of each
    assert (int(row["dreamt_steps"]) > 0) == contender.startswith("dream")
    assert float(row["best"]) == -249.0


def test_an_interrupted_dreamer_goes_on_from_its_last_evaluation(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny(monkeypatch, benchmark)
    places = {"out": tmp_path / "rows.csv", "runs": tmp_path / "runs"}
    config = benchmark.Config(env=(PENDULUM,), contenders=("dream-sac",), seeds=(0,), **places)
    earns(monkeypatch, benchmark, [-700.0])
    only_once = benchmark.Judge.judge

    def judge(self: Any, policy: Any, steps: int) -> Any:
        if steps > 40:
            raise KeyboardInterrupt
        return only_once(self, policy, steps)

    monkeypatch.setattr(benchmark.Judge, "judge", judge)
    with pytest.raises(KeyboardInterrupt):
        benchmark.main(config)
    assert not config.out.exists()
    monkeypatch.setattr(benchmark.Judge, "judge", only_once)
    capsys.readouterr()
    earns(monkeypatch, benchmark, [-800.0])
    benchmark.main(config)
    assert "40 real steps" not in capsys.readouterr().out
    (row,) = csv.DictReader(config.out.read_text().splitlines())
    assert (row["reached_after"], float(row["best"]), int(row["real_steps"])) == ("", -700.0, 120)
    assert not any(config.runs.iterdir())


def test_what_is_in_the_table_is_not_run_again(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[int] = []
    monkeypatch.setitem(benchmark.RUNS, "sac", lambda judge, seed, folder: (ran.append(seed), (5000, 0))[1])
    config = benchmark.Config(env=(PENDULUM,), contenders=("sac",), seeds=(0, 1), out=tmp_path / "rows.csv")
    benchmark.main(replace(config, seeds=(1,)))
    benchmark.main(config)
    assert ran == [1, 0]
    rows = list(csv.DictReader(config.out.read_text().splitlines()))
    assert [row["reached_after"] for row in rows] == ["", ""]
