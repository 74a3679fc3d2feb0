"""Behavioural cloning learns from few episodes, for both kinds of actions, and is saved and loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from learned import Learned
from point_env import WalkToGoal, play, point_envs

from agents.behaviour_cloning import BehaviourCloning
from agents.cloning import CloningConfig, labelled_states
from experts import record
from genrl.errors import InputError
from genrl.evaluation import evaluate_policy
from genrl.policies import ActorCriticNetwork, load_policy
from genrl.transitions import Demonstrations

SMALL = CloningConfig(
    epochs=60,
    batch_size=64,
    learning_rate=5e-3,
    network=ActorCriticNetwork(hidden=(32, 32), log_std_init=-1.5),
)


class BalancePole:
    """An expert for CartPole-v1: push to the side where the pole falls, and a little back to the middle."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        return (np.asarray(observation) @ [0.1, 0.3, 1.0, 0.5] > 0).astype(np.int64), None


def mean_return(policy: Any) -> float:
    return float(np.mean([trajectory.rewards.sum() for trajectory in play(policy, 20)]))


def test_learns_to_walk_to_the_goal(demonstrations: Demonstrations, seed: int, learned: Learned) -> None:
    agent = BehaviourCloning(point_envs(), demonstrations, seed=seed, config=SMALL)
    untrained, expert = mean_return(agent), mean_return(WalkToGoal())
    agent.learn()
    learned("score", (mean_return(agent) - untrained) / (expert - untrained), above=0.95, baseline=0.0)
    assert agent.history is not None
    error = agent.history.epochs[agent.history.kept - 1].validation["squared_error"]
    variance = float(demonstrations.actions.var(0).mean())
    learned("squared error", error, below=0.02, baseline=variance)


def test_learns_discrete_actions(seed: int, learned: Learned) -> None:
    demonstrations = record(BalancePole(), "CartPole-v1", 4, seed=0)
    assert demonstrations.returns.mean() == 500
    agent = BehaviourCloning("CartPole-v1", demonstrations, seed=seed, config=SMALL)
    untrained = evaluate_policy(agent, "CartPole-v1", 5, seed=50).returns.mean()
    agent.learn()
    learned("return", evaluate_policy(agent, "CartPole-v1", 5, seed=50).returns.mean(), above=350, baseline=untrained)
    assert agent.history is not None
    learned("accuracy", agent.history.epochs[-1].validation["accuracy"], above=0.75, baseline=0.5)


def test_the_same_seed_gives_the_same_policy(demonstrations: Demonstrations) -> None:
    observation = np.array([0.1, 0.2])
    actions = [
        BehaviourCloning(point_envs(), demonstrations, seed=seed, config=SMALL).learn(3).predict(observation)[0]
        for seed in (3, 3, 4)
    ]
    assert np.array_equal(actions[0], actions[1])
    assert not np.array_equal(actions[0], actions[2])


def test_the_deviation_has_a_floor(demonstrations: Demonstrations, seed: int, learned: Learned) -> None:
    # The expert always does the same here, so that without a floor the likelihood would have no bound.
    still = replace(demonstrations, actions=np.full_like(demonstrations.actions, 0.25))
    config = replace(SMALL, min_std=0.1, epochs=100, learning_rate=1e-2)
    agent = BehaviourCloning(point_envs(), still, seed=seed, config=config).learn()
    assert agent.policy.log_std.exp().tolist() == pytest.approx([0.1, 0.1], rel=1e-2)
    error = np.abs(agent.predict(np.array([0.3, 0.3]))[0] - 0.25).max()
    learned("error of the action", error, below=0.02, baseline=0.25)


def test_whole_episodes_are_held_out(demonstrations: Demonstrations, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setattr("agents.cloning.fit", lambda *args, **kwargs: seen.update(kwargs))
    subsampled = demonstrations.subsample(3, np.random.default_rng(0))
    for data, fraction in ((demonstrations, 0.1), (subsampled, 0.25)):
        BehaviourCloning(point_envs(), data, seed=0, config=replace(SMALL, validation=fraction)).learn()
        episodes = labelled_states(data, point_envs().action_space).episodes
        assert len(episodes) == len(data)
        held_out = set(episodes[seen["validation"]].tolist())
        others = torch.ones(len(episodes), dtype=torch.bool)
        others[seen["validation"]] = False
        assert held_out
        assert held_out.isdisjoint(episodes[others].tolist())
        assert fraction * len(data) <= len(seen["validation"]) < fraction * len(data) + 25


def test_one_episode_is_split_by_rows(demonstrations: Demonstrations) -> None:
    agent = BehaviourCloning(point_envs(), demonstrations.first(1), seed=0, config=SMALL).learn(2)
    assert agent.history is not None
    assert agent.history.epochs[0].validation


def test_saved_and_loaded(demonstrations: Demonstrations, tmp_path: Path) -> None:
    agent = BehaviourCloning(point_envs(), demonstrations, seed=0, config=SMALL).learn(5)
    agent.save(tmp_path / "bc")
    observations = np.random.default_rng(0).uniform(-1, 1, (9, 2))
    expected = agent.predict(observations)[0]
    loaded = BehaviourCloning.load(tmp_path / "bc", env=point_envs(), demonstrations=demonstrations)
    assert np.array_equal(loaded.predict(observations)[0], expected)
    assert np.array_equal(load_policy(tmp_path / "bc").predict(observations, deterministic=True)[0], expected)
    assert loaded.config == agent.config
    assert np.array_equal(loaded.learn(5).predict(observations)[0], agent.learn(5).predict(observations)[0])


def test_progress_ends_the_training(demonstrations: Demonstrations) -> None:
    agent = BehaviourCloning(point_envs(), demonstrations, seed=0, config=SMALL)
    agent.learn(progress=lambda epoch: epoch.number < 2)
    assert agent.history is not None
    assert (agent.history.stopped, len(agent.history.epochs)) == ("asked", 2)


def test_bad_input(demonstrations: Demonstrations, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="observation columns"):
        BehaviourCloning("Pendulum-v1", demonstrations)
    with pytest.raises(InputError, match=r"behavioural cloning needs the expert's actions.*--state-only"):
        BehaviourCloning(point_envs(), replace(demonstrations, actions=None))
    with pytest.raises(InputError, match="needs the expert's actions"):
        labelled_states(replace(demonstrations, actions=None), gym.spaces.Box(-1, 1, (2,)))
    with pytest.raises(InputError, match="demonstrations are needed"):
        BehaviourCloning(point_envs(), None)
    BehaviourCloning(point_envs(), demonstrations, seed=0, config=SMALL).save(tmp_path / "bc")
    with pytest.raises(InputError, match="pass it as env="):
        BehaviourCloning.load(tmp_path / "bc")
    with pytest.raises(InputError, match="without demonstrations"):
        BehaviourCloning.load(tmp_path / "bc", env=point_envs()).learn()
    with pytest.raises(InputError):
        BehaviourCloning.load(tmp_path / "nothing")


def test_bounds_without_end_are_allowed() -> None:
    env = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    venv = point_envs()
    venv.action_space = env
    demonstrations = Demonstrations.from_trajectories(play(WalkToGoal(), 2))
    agent = BehaviourCloning(venv, demonstrations, seed=0, config=SMALL).learn(3)
    assert np.isfinite(agent.policy.log_std.detach().numpy()).all()
