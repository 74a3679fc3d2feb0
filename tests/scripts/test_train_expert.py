import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experts import expert_card, load_demonstrations, load_expert

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_expert.py"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GENRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def call(folder, *arguments):
    command = [sys.executable, str(SCRIPT), "--log-folder", str(folder / "runs"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=dict(os.environ), timeout=120)


SHORT = ("--env", "Pendulum-v1", "--num-envs", 2, "--eval-freq", 300, "--eval-episodes", 2, "--final-episodes", 3)


def test_a_trained_expert_is_in_the_catalogue_and_a_run_can_go_on(tmp_path):
    done = call(tmp_path, *SHORT, "--n-timesteps", 500)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "evaluation.json").read_text())["episodes"] == 3
    for word in ("steps", "registered", "return, mean", str(run)):
        assert word in done.stdout
    card = expert_card("Pendulum-v1")
    assert card["tier"] == "expert"
    assert card["evaluation"]["episodes"] == 3
    assert "--n-timesteps 500" in card["policy"]["command"]
    assert load_expert("Pendulum-v1").config.act_dim == 1
    assert load_demonstrations("Pendulum-v1", episodes=1).episode_lengths.tolist() == [200]

    longer = call(tmp_path, "--resume", run, "--n-timesteps", 600)
    assert longer.returncode == 2  # the name is taken by its own first half
    assert "replace" in longer.stderr.replace("\n", " ")


def test_a_changed_task_stays_out_of_the_catalogue(tmp_path):
    done = call(tmp_path, *SHORT, "--n-timesteps", 256, "--env-kwargs", "g=9.0")
    assert done.returncode == 0, done.stderr
    assert "not put into the catalogue" in done.stdout
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say which task"),
        (("--env", "Walker3d-v4"), "unknown environment 'Walker3d-v4'"),
        (("--env", "CartPole-v1"), "vectors within bounds"),
        (("--env", "Ant-v4", "--tier", "expert"), "shipped and stays"),
        (("--env", "Ant-v4", "--eval-episodes", "0"), "must be 1 or more"),
        (("--env", "Ant-v4", "--env-kwargs", "gravity=3"), "no keyword 'gravity'"),
        (("--resume", "nowhere"), "does not exist"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_made(tmp_path, arguments, message):
    done = call(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
