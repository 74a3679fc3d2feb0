"""The imitation suite: it keeps what is finished, goes on with what is not, stops in time and counts right."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from genrl.errors import InputError

ROOT = Path(__file__).parents[2]

# Stands in for the training script: logs an evaluation each 20 ms.
TRAINER = """
import argparse, json, pathlib, signal, sys, time
parser = argparse.ArgumentParser()
for name in ("--env", "--seed", "--episodes", "--log-folder", "--resume", "--n-timesteps", "--fail"):
    parser.add_argument(name)
given = parser.parse_args()
if given.fail:
    sys.exit(f"error: {given.fail}")
print("started" if given.resume is None else "resumed", given.n_timesteps, flush=True)
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
run = pathlib.Path(given.resume or f"{given.log_folder}/gail-{given.env}-{given.seed}-now")
(run / "checkpoints" / "0").mkdir(parents=True, exist_ok=True)
(run / "config.json").write_text("{}")
progress, done = run / "progress.csv", 0
total, start = int(given.n_timesteps or 10**9), time.monotonic()
if progress.exists():
    done = len(progress.read_text().splitlines()) - 1
    if done < total:
        progress.rename(run / "progress.1.csv")
if done < total:
    with progress.open("w") as file:
        print("time/total_timesteps,time/time_elapsed,eval/mean_reward", file=file)
        while done < total and not stop:
            time.sleep(0.02)
            done += 1
            print(f"{done},{time.monotonic() - start},{1000 + done}", file=file, flush=True)
if stop:
    sys.exit(143)
report = dict(mean=1732.85, std=1.0, iqm=1733.0, min=1700.0, mean_length=500.0, random_return=0.0)
(run / "evaluation.json").write_text(json.dumps(report))
"""


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """The suite's modules, with the stand-in for its trainer and short rows of Hopper."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import imitation_cell
    import imitation_cells
    import imitation_figures
    import imitation_process
    import imitation_progress
    import imitation_report
    import imitation_results
    import imitation_suite
    import imitation_trial

    trainer = tmp_path / "train_gail.py"
    trainer.write_text(TRAINER)
    monkeypatch.setitem(imitation_trial.SCRIPTS, "gail", trainer)
    monkeypatch.setattr(imitation_process, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(imitation_process, "SAVE_SECONDS", 0.1)
    cell = imitation_cell.Cell(name="tiny", group="test", env="Hopper-v4", episodes=1, minutes=0.6 / 60, target=0.4)
    cells = {"tiny": cell, "broken": replace(cell, name="broken", flags=("--fail", "no demonstrations"))}
    monkeypatch.setattr(imitation_cells, "CELLS", cells)
    return SimpleNamespace(
        cell=cell,
        cells=imitation_cells,
        figures=imitation_figures,
        progress=imitation_progress,
        report=imitation_report,
        results=imitation_results,
        main=imitation_suite.main,
        train=imitation_process.train,
        trial=imitation_trial,
        config=lambda **settings: imitation_suite.SuiteConfig(
            csv=tmp_path / "results.csv", runs=tmp_path / "runs", machine="test", figures=tmp_path, **settings
        ),
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class StopWhen:
    """Asks for a stop once the trial has logged something."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def requested(self) -> bool:
        return any(path.read_text().count("\n") > 6 for path in self.folder.glob("*/progress.csv"))


def leave_one_unfinished(suite: SimpleNamespace, parent: Path) -> Any:
    trial = suite.trial.Trial.open(suite.cell, 0, parent)
    with suite.trial.hold(trial.folder) as lock:
        assert not suite.train(trial, lock, StopWhen(trial.folder), budget=60)
    return suite.trial.Trial.open(suite.cell, 0, parent)


def test_a_run_stops_at_its_budget_and_is_not_run_again(
    suite: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite.main(suite.config(rows=("tiny",)))
    (line,) = rows_of(tmp_path / "results.csv")
    assert (line["row"], line["seed"], line["env"], line["learner"]) == ("tiny", "0", "Hopper-v4", "ppo")
    assert int(line["steps"]) >= 1
    assert float(line["expert_fraction"]) == pytest.approx(0.5, abs=1e-3)  # the card says 3,465.7
    assert float(line["stability"]) == 1.0
    assert line["minutes_to_60"] == ""
    assert line["command"].startswith("python scripts/train_gail.py --env Hopper-v4 --seed 0 --episodes 1")
    assert str(tmp_path) not in line["command"]
    (sitting,) = json.loads((tmp_path / "runs/tiny/seed-0/sittings.json").read_text())["sittings"]
    assert 0.6 <= sitting["seconds"] < 60
    suite.main(suite.config(rows=("tiny",), seeds=(0, 1)))
    assert "tiny, seed 0: finished before" in capsys.readouterr().out
    assert [line["seed"] for line in rows_of(tmp_path / "results.csv")] == ["0", "1"]


def test_a_row_that_is_where_it_should_be_can_be_left(suite: SimpleNamespace, tmp_path: Path) -> None:
    settings = {"rows": ("tiny",), "budget_scale": 60 / 0.6}
    began = time.monotonic()
    suite.main(suite.config(stop_when_reached=True, **settings))
    assert time.monotonic() - began < 50  # of a budget of 60 seconds
    (line,) = rows_of(tmp_path / "results.csv")
    assert float(line["best_eval"]) >= 0.4 * 3465.7


def test_reaching_takes_two_evaluations_in_turn(suite: SimpleNamespace, tmp_path: Path) -> None:
    def trial(*returns: float, target: float | None = 0.4) -> SimpleNamespace:
        lines = [{"eval/mean_reward": value} for value in returns]
        return SimpleNamespace(cell=replace(suite.cell, target=target), lines=lambda: lines)

    enough, short = 0.4 * 3466, 0.4 * 3465
    assert suite.results.has_reached(trial(short, enough, enough))
    assert not suite.results.has_reached(trial(enough, enough, short))
    assert not suite.results.has_reached(trial(enough))
    assert not suite.results.has_reached(trial(enough, enough, target=None))


def test_an_interrupted_run_is_gone_on_with(suite: SimpleNamespace, tmp_path: Path) -> None:
    left = leave_one_unfinished(suite, tmp_path / "runs")
    assert not left.finished
    assert not left.evaluation.is_file()  # a stopped run makes no report
    assert 0 < left.seconds < 60
    suite.main(suite.config(rows=("tiny",), budget_scale=(left.seconds + 0.5) / 0.6))
    whole = suite.trial.Trial.open(suite.cell, 0, tmp_path / "runs")
    assert whole.finished
    assert [sitting.files_before for sitting in whole.sittings] == [0, 1]
    assert whole.sittings[0].seconds == pytest.approx(left.seconds)
    assert 0 < whole.sittings[1].seconds < 60
    said = (tmp_path / "runs/tiny/seed-0/output.log").read_text()
    assert said == "started None\nresumed None\nresumed 1\n"
    lines = whole.lines()
    assert [line["time/total_timesteps"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(first["minutes"] <= later["minutes"] for first, later in pairwise(lines))
    assert lines[-1]["minutes"] > left.seconds / 60


def test_a_run_without_time_left_only_reports(suite: SimpleNamespace, tmp_path: Path) -> None:
    left = leave_one_unfinished(suite, tmp_path / "runs")
    left.sittings[0].seconds = 3600.0
    left.save()
    suite.main(suite.config(rows=("tiny",)))
    assert (tmp_path / "runs/tiny/seed-0/output.log").read_text().endswith("resumed 1\n")
    assert len(rows_of(tmp_path / "results.csv")) == 1


def test_what_an_orphan_used_is_counted(suite: SimpleNamespace, tmp_path: Path) -> None:
    left = leave_one_unfinished(suite, tmp_path / "runs")
    left.sittings[0].seconds, left.sittings[0].prepared = 0.1, 5.0
    left.save()
    again = suite.trial.Trial.open(suite.cell, 0, tmp_path / "runs")
    assert 5.0 < again.seconds < 60.0


def test_a_row_whose_flags_changed_is_not_gone_on_with(
    suite: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_one_unfinished(suite, tmp_path / "runs")
    monkeypatch.setitem(suite.cells.CELLS, "tiny", replace(suite.cell, episodes=2))
    with pytest.raises(InputError, match="1 of 1 failed"):
        suite.main(suite.config(rows=("tiny",)))
    assert "was begun with other flags (python scripts/train_gail.py" in capsys.readouterr().err


def test_a_failure_is_said_and_keeps_no_other_row(
    suite: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"1 of 2 failed.*broken, seed 0"):
        suite.main(suite.config(rows=("broken", "tiny")))
    assert "no demonstrations" in capsys.readouterr().err
    assert [line["row"] for line in rows_of(tmp_path / "results.csv")] == ["tiny"]


def test_a_run_that_is_held_is_left_alone(
    suite: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with suite.trial.hold(tmp_path / "runs/tiny/seed-0"):
        suite.main(suite.config(rows=("tiny",)))
    assert "another process is at it" in capsys.readouterr().out
    assert not (tmp_path / "results.csv").exists()


def test_random_actions_are_a_row_and_a_run_ends_with_the_report(
    suite: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = replace(suite.cell, name="random-hopper", group="random", kind="random", env="Hopper-v4", minutes=1)
    monkeypatch.setitem(suite.cells.CELLS, "random-hopper", chance)
    suite.main(suite.config(group="random"))
    (line,) = rows_of(tmp_path / "results.csv")
    assert 0 < float(line["mean"]) < 100
    assert float(line["normalised_score"]) == 0.0
    assert line["steps"] == "0"
    assert "| random-hopper | 1 |" in capsys.readouterr().out


def test_the_list_says_what_is_left(suite: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    suite.main(suite.config(list=True, seeds=(0, 1), budget_scale=100))
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 5
    assert "0 of 1 min" in said[0]
    assert "0.1 hours" in said[-1]  # four runs of a minute


def test_a_wrong_name_is_said_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "imitation_suite.py"), "--rows", "ant-1", "--csv", "none.csv"]
    failed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: no row 'ant-1': the rows are ant-shipped-1,")
    assert failed.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_wrong_group_and_a_foreign_table_are_refused(suite: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no group 'ants'"):
        suite.cells.select((), "ants")
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not a table of this suite"):
        suite.results.append_line(tmp_path / "results.csv", {"row": "tiny"})
    assert (tmp_path / "results.csv").read_text() == "a,b\n1,2\n"


def test_the_clock_runs_over_all_processes(suite: SimpleNamespace, tmp_path: Path) -> None:
    header = "time/total_timesteps,time/time_elapsed,eval/mean_reward\n"
    (tmp_path / "progress.1.csv").write_text(header + "10,60,\n10,,5\n20,120,\n30,180,\n30,,7\n")
    (tmp_path / "progress.csv").write_text(header + "30,30,\n30,,9\n40,90,\n40,,8\n50,1")
    lines = suite.progress.clocked_lines(tmp_path, {0: 0.0, 1: 240.0})
    found = [(line["time/total_timesteps"], line["minutes"], line.get("eval/mean_reward")) for line in lines]
    assert found == [
        (10, 1.0, None),
        (10, 2.0, 5.0),  # the clock of the rollout after it
        (20, 2.0, None),
        (30, 4.5, None),  # the first process's step 30 was lost
        (30, 5.5, 9.0),
        (40, 5.5, None),
        (40, 5.5, 8.0),
    ]
    assert suite.progress.first_crossing(lines, 8.5) == suite.progress.Crossing(steps=30, minutes=5.5)
    assert suite.progress.first_crossing(lines, 9.5) is None


@pytest.mark.slow
def test_the_scripts_themselves_are_stopped_and_reported(
    suite: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(suite.trial.SCRIPTS, "gail", ROOT / "scripts" / "train_gail.py")
    small = ("--num-envs", "8", "--ppo.n-steps", "64", "--eval-freq", "1024", "--eval-episodes", "2")
    cell = replace(suite.cell, flags=(*small, "--final-episodes", "2", "--warm-start.updates", "100"), minutes=0.25)
    clone = replace(cell, name="clone", kind="bc", minutes=10, flags=("--epochs", "1", "--eval-episodes", "2"))
    monkeypatch.setattr(suite.cells, "CELLS", {"tiny": cell, "clone": clone})
    began = time.monotonic()
    suite.main(suite.config())
    gail, bc = rows_of(tmp_path / "results.csv")
    assert int(gail["steps"]) >= 512  # a rollout at least, however slow the machine
    assert 0.2 < float(gail["minutes"]) < (time.monotonic() - began) / 60
    assert float(gail["best_eval"]) >= float(gail["final_eval"])
    assert bc["learner"] == "bc"
    assert float(bc["minutes"]) > 0
