"""The main script, as a person runs it: trains, stops, goes on, and says what is wrong in one line."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from train_gail import TrainConfig, imitation_run, main, resume, start

from agents import GAILConfig
from agents.gail_config import LearnerName
from agents.learners import PPOConfig
from experts import load_demonstrations
from experts.npz import write_npz
from genrl.errors import InputError

Script = Callable[..., Any]  # the fixture `run_script`, of train_gail.py
SCRIPT = Path(__file__).parents[2] / "scripts" / "train_gail.py"
QUICK = ["--env", "Hopper-v4", "--num-envs", "8", "--ppo.n-steps", "64", "--eval-freq", "1024", "--eval-episodes", "2"]
QUICK += ["--final-episodes", "3", "--episodes", "2", "--subsample", "20"]  # 100 pairs
QUICK += ["--warm-start.updates", "200", "--warm-start.held-rollouts", "2"]


@pytest.fixture
def train_gail(run_script: Script) -> Script:
    return partial(run_script, "train_gail")


def only_run(folder: Path) -> Path:
    (run,) = folder.iterdir()
    return run


def test_a_run_leaves_everything_behind_and_can_be_extended(train_gail: Script, tmp_path: Path) -> None:
    words = ["--env-kwargs", "ctrl_cost_weight=0.002", "--n-timesteps", "1024", "--log-folder", str(tmp_path)]
    done = train_gail(*QUICK, *words)
    assert done.code == 0, done.err
    assert "return, mean ± std" in done.out
    run = only_run(tmp_path)
    # Where evaluate.py and plot.py find them.
    assert json.loads((run / "config.json").read_text())["env_kwargs"] == {"ctrl_cost_weight": 0.002}
    evaluation = json.loads((run / "evaluation.json").read_text())
    wanted = {"env", "episodes", "mean", "std", "iqm", "iqm_low", "iqm_high", "expert_fraction", "mean_length"}
    assert wanted <= evaluation.keys()
    assert evaluation["episodes"] == 3
    assert evaluation["expert_fraction"] == pytest.approx(evaluation["mean"] / evaluation["expert_return"])
    assert (run / "learning_curve.png").stat().st_size > 5000
    assert list(run.glob("events.out.tfevents*"))
    assert not list(run.rglob("*.pkl")) + list(run.rglob("*.zip")) + list(run.rglob("*.pth"))
    with (run / "progress.csv").open() as file:
        rows = list(csv.DictReader(file))
    logged = {name for row in rows for name, value in row.items() if value}
    disc = {f"disc/{name}" for name in ("loss", "accuracy_expert", "accuracy_learner", "entropy", "gradient_penalty")}
    assert disc | {"reward/learned_mean", "rollout/ep_rew_mean", "eval/mean_reward", "time/fps"} <= logged

    more = train_gail("--resume", str(run), "--n-timesteps", "2048")
    assert more.code == 0, more.err
    assert "at 1,024 steps" in more.out
    assert (run / "checkpoints" / "2048" / "policy.safetensors").is_file()


def test_a_stopped_run_ends_where_an_unstopped_one_does(train_gail: Script, tmp_path: Path) -> None:
    whole = train_gail(*QUICK, "--n-timesteps", "5120", "--log-folder", str(tmp_path / "whole"))
    assert whole.code == 0, whole.err
    command = [sys.executable, str(SCRIPT), *QUICK, "--n-timesteps", "5120", "--log-folder", str(tmp_path / "stopped")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "stopped").glob("*/best/policy.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "return, mean ± std" not in output
    run = only_run(tmp_path / "stopped")
    assert f"train_gail.py --resume {run}" in errors
    steps = max(int(folder.name) for folder in (run / "checkpoints").iterdir())
    assert 0 < steps < 5120
    resumed = train_gail("--resume", str(run))
    assert resumed.code == 0, resumed.err
    ends = [only_run(tmp_path / name) / "checkpoints" / "5120" for name in ("whole", "stopped")]
    for name in ("policy", "reward_model", "policy_optimizer"):
        one, other = (folder.joinpath(f"{name}.safetensors").read_bytes() for folder in ends)
        assert one == other, name


def test_changed_demonstrations_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "hopper.npz"
    demonstrations = load_demonstrations("Hopper-v4", episodes=2)
    write_npz(file, demonstrations)
    quick = {"env": "Hopper-v4", "num_envs": 2, "n_timesteps": 128, "subsample": 20, "final_episodes": 1}
    agent = GAILConfig(bc_warm_start=False, ppo=PPOConfig(n_steps=32))
    main(TrainConfig(demos=str(file), log_folder=tmp_path / "runs", agent=agent, **quick))
    run = only_run(tmp_path / "runs")

    write_npz(file, replace(demonstrations, observations=demonstrations.observations + np.float32(1e-6)))
    with pytest.raises(InputError, match=r"the data of .*hopper\.npz are not those that .* --allow-changed-data"):
        resume(TrainConfig(resume=run))
    allowed = resume(TrainConfig(resume=run, allow_changed_data=True))
    assert allowed.agent.learner.num_timesteps == 128

    versions = json.loads((run / "versions.json").read_text())
    (run / "versions.json").write_text(json.dumps({**versions, "stable-baselines3": "1.0"}))
    with pytest.warns(UserWarning, match=r"stable-baselines3 1\.0 -> .* may differ in bits"):
        resume(TrainConfig(resume=run))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "Ant-v5", "--demos", "Ant-v4"], "the environment is Ant-v5"),
        (["--env", "NoSuchTask-v0"], "NoSuchTask-v0"),
        (["--env", "Hopper-v4", "--demos", "missing.npz"], "missing.npz"),
        (["--env", "Hopper-v4", "--episodes", "0"], "1 or more"),
        (["--resume", "."], "no run directory"),
    ],
)
def test_bad_input_is_said_in_one_line(train_gail: Script, arguments: list[str], message: str, tmp_path: Path) -> None:
    failed = train_gail(*arguments, "--log-folder", str(tmp_path))
    assert failed.code == 2
    assert message in failed.err
    assert "Traceback" not in failed.err
    assert len([line for line in failed.err.splitlines() if line.startswith("error: ")]) == 1
    assert not list(tmp_path.iterdir())


def test_demonstrations_of_nan_are_refused(train_gail: Script, tmp_path: Path) -> None:
    observations = np.full((11, 11), np.nan, dtype=np.float32)
    ends = np.arange(10) == 9
    np.savez(
        tmp_path / "bad.npz",
        observations=observations,
        actions=np.zeros((10, 3), dtype=np.float32),
        rewards=np.zeros(10, dtype=np.float32),
        terminations=ends,
        truncations=~ends & False,
        episode_lengths=np.array([10]),
    )
    failed = train_gail(
        "--env", "Hopper-v4", "--demos", str(tmp_path / "bad.npz"), "--log-folder", str(tmp_path / "runs")
    )
    assert failed.code == 2
    assert "NaN" in failed.err
    assert not (tmp_path / "runs").exists()


def test_a_control_says_so_in_its_name_and_can_be_resumed(train_gail: Script, tmp_path: Path) -> None:
    control = train_gail(*QUICK, "--zero-demonstrations", "--n-timesteps", "512", "--log-folder", str(tmp_path))
    assert control.code == 0, control.err
    run = only_run(tmp_path)
    assert run.name.startswith("gail-control-Hopper-v4-0-")
    more = train_gail("--resume", str(run), "--n-timesteps", "1024")
    assert more.code == 0, more.err
    with (run / "progress.csv").open() as file:
        assert not any(row.get("disc/loss") for row in csv.DictReader(file))


@pytest.mark.parametrize(("learner", "steps", "eval_freq"), [("ppo", 20_000_000, 250_000), ("td3", 1_000_000, 50_000)])
def test_a_run_told_nothing_is_as_long_as_its_learner_can_pay_for(
    learner: LearnerName, steps: int, eval_freq: int, tmp_path: Path
) -> None:
    run = start(
        TrainConfig(env="Hopper-v4", episodes=1, num_envs=2, log_folder=tmp_path, agent=GAILConfig(learner=learner))
    )
    assert run.directory.config["n_timesteps"] == steps
    assert run.eval_freq == eval_freq
    told = TrainConfig(env="Hopper-v4", n_timesteps=512, eval_freq=256, agent=GAILConfig(learner=learner))
    assert imitation_run(told, run.agent, run.directory).eval_freq == 256


def test_returns_of_episodes_cut_short_are_not_set_beside_the_experts(train_gail: Script, tmp_path: Path) -> None:
    quick = [*QUICK, "--no-bc-warm-start", "--n-timesteps", "512", "--log-folder", str(tmp_path)]
    whole, cut = train_gail(*quick), train_gail(*quick, "--time-limit", "7")
    assert "% of expert)" in whole.out, whole.err
    assert " in 7 steps" in cut.out, cut.err
    assert "% of expert)" not in cut.out
