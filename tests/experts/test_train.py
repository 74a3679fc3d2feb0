import numpy as np
import pytest

from experts.hyperparameters import ExpertSettings
from experts.learner import build_learner
from experts.train import ExpertRun
from genrl.evaluation import read_progress
from genrl.policies import load_policy
from genrl.training import RunDirectory
from genrl.training.resumable import StopSignals

SETTINGS = ExpertSettings(
    num_envs=4,
    n_timesteps=256,
    hidden=(8,),
    activation="tanh",
    learning_rate=1e-3,
    normalise=True,
    arguments={"n_steps": 16, "batch_size": 64, "gamma": 0.99},
)


def a_run(tmp_path, directory=None, **changes):
    return ExpertRun(
        learner=build_learner("ppo", "Hopper-v4", SETTINGS, seed=0),
        directory=directory or RunDirectory.create(tmp_path, "expert-ppo", "Hopper-v4", 0, {}),
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
    # Normalised rewards would be of the order of one in all; Hopper pays one a step for standing.
    lengths = [episode["l"] for episode in run.learner.ep_info_buffer]
    returns = [episode["r"] for episode in run.learner.ep_info_buffer]
    assert np.all(np.array(returns) > 0.5 * np.array(lengths))


def test_a_run_goes_on_from_its_checkpoint(tmp_path):
    first = a_run(tmp_path)
    first.train(128, StopSignals())
    second = a_run(tmp_path, RunDirectory.open(first.directory.path))
    second.restore()
    assert second.learner.num_timesteps == 128
    assert second.best_return == first.best_return
    second.train(256, StopSignals())
    assert second.learner.num_timesteps == 256
    assert second.best_return >= first.best_return
    steps = read_progress(first.directory.path)["time/total_timesteps"]
    assert steps[-1] == 256
    assert np.all(np.diff(steps) >= 0)


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
    assert run.evaluate_best(1)[0].config.env_id == "Hopper-v4"
