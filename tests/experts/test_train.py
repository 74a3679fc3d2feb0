from dataclasses import replace

import numpy as np
import pytest

from experts.hyperparameters import ExpertSettings
from experts.learner import build_learner
from experts.train import ExpertRun
from genrl.evaluation import read_progress
from genrl.policies import load_policy
from genrl.stop_signals import StopSignals
from genrl.training import RunDirectory

SETTINGS = ExpertSettings(
    num_envs=4,
    n_timesteps=256,
    hidden=(8,),
    activation="tanh",
    learning_rate=1e-3,
    normalise=True,
    arguments={"n_steps": 16, "batch_size": 64, "gamma": 0.99},
)
OFF_POLICY = replace(
    SETTINGS, normalise=False, arguments={"learning_starts": 50, "buffer_size": 1_000, "batch_size": 16}
)


def a_run(tmp_path, directory=None, algorithm="ppo", **changes):
    return ExpertRun(
        learner=build_learner(algorithm, "Hopper-v4", SETTINGS if algorithm == "ppo" else OFF_POLICY, seed=0),
        directory=directory or RunDirectory.create(tmp_path, f"expert-{algorithm}", "Hopper-v4", 0, {}),
        env_id="Hopper-v4",
        eval_freq=128,
        eval_episodes=2,
        **changes,
    )


def test_a_run_leaves_everything_that_is_needed_to_use_it(tmp_path):
    run = a_run(tmp_path)
    assert run.train(256, StopSignals())
    actor, evaluation = run.evaluate_best(3)
    folder = run.directory.path
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "progress.csv", "best", "checkpoints", "evaluation.json", "learning_curve.png"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert list(evaluation.seeds) == [0, 1, 2]
    assert 0 < run.best_timesteps <= 256
    progress = read_progress(folder)
    assert np.nanmax(progress["eval/mean_reward"]) == pytest.approx(run.best_return, rel=1e-5)
    assert np.isfinite(progress["rollout/ep_rew_mean"]).any()
    for saved in (run.directory.best, run.directory.latest_checkpoint().folder):
        assert load_policy(saved).config == actor.config


def test_the_return_that_is_shown_is_the_task_s_own(tmp_path):
    run = a_run(tmp_path)
    run.train(256, StopSignals())
    # Standing still earns about one a step in Hopper, of which normalised rewards are a tenth or so.
    steps = sum(episode["l"] for episode in run.learner.ep_info_buffer)
    earned = sum(episode["r"] for episode in run.learner.ep_info_buffer) / steps
    assert earned > 2 * np.mean(run.learner.rollout_buffer.rewards)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_a_run_goes_on_from_its_checkpoint(tmp_path, algorithm):
    first = a_run(tmp_path, algorithm=algorithm)
    first.train(128, StopSignals())
    second = a_run(tmp_path, RunDirectory.open(first.directory.path), algorithm)
    second.restore()
    assert second.learner.num_timesteps == 128
    assert second.best_return == first.best_return
    second.train(256, StopSignals())
    assert second.learner.num_timesteps == 256
    assert second.best_return >= first.best_return
    steps = read_progress(first.directory.path)["time/total_timesteps"]
    assert steps[-1] == 256
    assert np.all(np.diff(steps) >= 0)


def test_a_replay_buffer_is_part_of_the_checkpoint(tmp_path):
    run = a_run(tmp_path, algorithm="sac")
    run.train(128, StopSignals())
    replay = run.directory.latest_checkpoint().arrays["replay"]
    assert replay["observations"].shape == (32, 4, 11)  # 4 environments
    assert replay["observations"].dtype == np.float32
    assert len(list(run.directory.checkpoints.iterdir())) == 1


def test_a_finished_run_has_nothing_to_do(tmp_path):
    run = a_run(tmp_path)
    run.train(128, StopSignals())
    assert run.train(128, StopSignals())
    assert run.learner.num_timesteps == 128


def test_it_stops_at_the_target(tmp_path):
    run = a_run(tmp_path, target_return=-1e9)
    assert run.train(10_000, StopSignals())
    assert 128 <= run.learner.num_timesteps <= 256
    assert run.train(10_000, StopSignals())  # reached: nothing more to do
    assert run.learner.num_timesteps <= 256


def test_a_signal_ends_it_between_two_rollouts(tmp_path):
    stop = StopSignals()
    stop.requested = True
    run = a_run(tmp_path)
    assert not run.train(10_000, stop)
    assert run.directory.latest_checkpoint().documents["progress"]["num_timesteps"] == 0
    assert load_policy(run.directory.policy_folder()).config.env_id == "Hopper-v4"
    assert not run.directory.best.exists()  # a stop waits for no evaluation
