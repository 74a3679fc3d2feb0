"""DAgger asks the expert where the imitator goes, and needs fewer labels than cloning for it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from learned import Learned
from point_env import WalkToGoal, play, point_envs

from agents.cloning import CloningConfig
from agents.dagger import DAgger, DAggerConfig, DAggerRound
from agents.expert_labels import ExpertLabels
from genrl.envs import make_vec_env
from genrl.errors import InputError
from genrl.evaluation import evaluate_policy
from genrl.policies import ActorCriticNetwork, load_policy

SMALL = DAggerConfig(
    rounds=3,
    steps_per_round=200,
    untrained_steps=256,
    cloning=CloningConfig(
        epochs=40, patience=40, batch_size=64, learning_rate=1e-2, network=ActorCriticNetwork(hidden=(32, 32))
    ),
)


class SwingUp:
    """An expert for Pendulum-v1: pump energy while it hangs, hold it while it stands (mean return about -180)."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        cos, sin, speed = np.moveaxis(np.asarray(observation, dtype=np.float64), -1, 0)
        angle = np.arctan2(sin, cos)
        missing_energy = 15.0 * (1 - cos) - 0.5 * speed**2  # per moment of inertia, g = 10 and l = 1
        pump = 2.0 * np.sign(speed + 1e-9) * np.sign(missing_energy)
        hold = -(12.0 * angle + 3.0 * speed)
        torque = np.where(cos > 0.8, hold, pump)
        return np.clip(torque, -2, 2)[..., None].astype(np.float32), None


class Still:
    def predict(self, observation: Any, *rest: Any, **options: Any) -> Any:
        return np.zeros_like(observation, dtype=np.float32), None


def mean_return(policy: Any) -> float:
    return float(np.mean([trajectory.rewards.sum() for trajectory in play(policy, 20)]))


def collector(envs: int = 4, **settings: Any) -> ExpertLabels:
    return ExpertLabels(point_envs(envs), WalkToGoal(), seed=0, **settings)


@pytest.fixture(scope="module")
def walker(seed: int) -> DAgger:
    return DAgger(point_envs(4), WalkToGoal(), seed=seed, config=SMALL).learn()


def test_needs_fewer_labels_than_cloning(seed: int, learned: Learned) -> None:
    # From the same seeds: 1,200 labels in one round, where the expert went, or in six, where the imitator goes.
    returns = {}
    for rounds, steps in ((1, 1200), (6, 200)):
        config = replace(SMALL, rounds=rounds, steps_per_round=steps, beta_decay=0.0)
        agent = DAgger("Pendulum-v1", SwingUp(), num_envs=2, seed=seed, config=config).learn()
        assert agent.labelled is not None
        assert len(agent.labelled) == 1200
        returns[rounds] = evaluate_policy(agent, "Pendulum-v1", 20, seed=100).returns.mean()
    learned("return of DAgger", returns[6], above=-600, baseline=returns[1])


def test_learns_to_walk_to_the_goal(walker: DAgger, learned: Learned) -> None:
    expert = mean_return(WalkToGoal())
    ratio = mean_return(walker) / expert  # both are negative
    learned("ratio to the expert's return", ratio, below=1.2, baseline=mean_return(Still()) / expert)


def test_rounds_are_reported_and_continued() -> None:
    rounds: list[DAggerRound] = []
    agent = DAgger(point_envs(4), WalkToGoal(), seed=0, config=replace(SMALL, beta_decay=0.5))
    agent.learn(2, on_round=rounds.append)
    agent.learn(on_round=rounds.append)
    assert [done.number for done in rounds] == [1, 2, 3]
    assert [done.beta for done in rounds] == [1.0, 0.5, 0.25]
    assert [done.labels for done in rounds] == [200, 400, 600]
    agent.learn(on_round=rounds.append)
    assert len(rounds) == 3


def test_ends_when_asked() -> None:
    rounds: list[DAggerRound] = []
    DAgger(point_envs(4), WalkToGoal(), seed=0, config=SMALL).learn(on_round=lambda done: rounds.append(done) or False)
    assert len(rounds) == 1
    agent = DAgger(point_envs(4), WalkToGoal(), seed=0, config=SMALL)
    agent.learn(on_round=rounds.append, progress=lambda epoch: False)
    assert (len(rounds), agent.rounds_done) == (1, 0)  # its first round is not over
    assert agent.predict(np.zeros(2))[0].shape == (2,)
    agent.learn(1, on_round=rounds.append)
    assert [done.labels for done in rounds] == [200, 200]


def test_every_state_is_labelled_by_the_expert() -> None:
    for beta in (0.0, 0.3, 1.0):
        asked = collector().collect(30, Still(), beta)
        expected = WalkToGoal().predict(asked.observations.numpy())[0]
        assert np.allclose(asked.actions.numpy(), expected)
        assert len(asked) == 32  # whole steps of four environments
    moved = collector().collect(40, Still(), 0.0).observations.reshape(10, 4, 2)
    assert torch.equal(moved[0], moved[-1])  # the imitator alone acted


def test_the_expert_acts_with_probability_beta() -> None:
    class Left:
        def predict(self, observation: Any, *rest: Any, **options: Any) -> Any:
            return np.full((len(observation), 2), -1.0, dtype=np.float32), None

    class Right(Left):
        def predict(self, observation: Any, *rest: Any, **options: Any) -> Any:
            return np.full((len(observation), 2), 1.0, dtype=np.float32), None

    venv = point_envs(100, horizon=1000)
    applied = []
    step = venv.step_async
    venv.step_async = lambda actions: applied.append(actions.copy()) or step(actions)  # type: ignore[func-returns-value]
    ExpertLabels(venv, Right(), seed=0).collect(1000, Left(), 0.3)
    actions = np.concatenate(applied)
    assert np.array_equal(actions[:, 0], actions[:, 1])  # one of them acts, wholly
    assert (actions[:, 0] > 0).mean() == pytest.approx(0.3, abs=0.05)


def test_episodes_are_told_apart_and_go_on() -> None:
    labels = collector(2, first_episode=10)
    first, second = labels.collect(40, None, 1.0), labels.collect(40, None, 1.0)  # episodes last 25 steps
    episodes = torch.cat([first.episodes, second.episodes])
    numbers, lengths = episodes.unique(return_counts=True)
    assert numbers.tolist() == [10, 11, 12, 13]
    assert lengths.tolist() == [25, 25, 15, 15]


def test_saved_and_loaded(walker: DAgger, tmp_path: Path) -> None:
    walker.save(tmp_path / "dagger")
    observations = np.random.default_rng(0).uniform(-1, 1, (9, 2))
    expected = walker.predict(observations)[0]
    assert np.array_equal(load_policy(tmp_path / "dagger").predict(observations, deterministic=True)[0], expected)
    loaded = DAgger.load(tmp_path / "dagger", env=point_envs(4), expert=WalkToGoal())
    assert np.array_equal(loaded.predict(observations)[0], expected)
    assert loaded.config == walker.config
    rounds: list[DAggerRound] = []
    loaded.learn(1, on_round=rounds.append)
    assert (rounds[0].number, rounds[0].labels) == (4, 800)
    assert loaded.labelled is not None
    assert len(loaded.labelled.episodes.unique()) > len(walker.labelled.episodes.unique())  # type: ignore[union-attr]


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Hopper-v4"])
def test_loaded_it_goes_on_as_if_it_had_not_been_saved(tmp_path: Path, env_id: str) -> None:
    class Memory:
        """An expert that counts the steps of each episode."""

        def predict(self, observation: Any, state: Any, episode_start: Any, deterministic: bool) -> Any:
            count = np.zeros(len(observation)) if state is None else np.where(episode_start, 0, state[0] + 1)
            actions = (count % 2).astype(np.int64)
            return (actions if env_id == "CartPole-v1" else np.repeat(actions[:, None], 3, 1) * 1.0), (count,)

    config = replace(SMALL, steps_per_round=60, cloning=replace(SMALL.cloning, epochs=2))
    whole = DAgger(env_id, Memory(), num_envs=3, seed=0, config=config).learn(3)
    agent = DAgger(env_id, Memory(), num_envs=3, seed=0, config=config)
    for done in (1, 2, 3):  # saved before the policy is fitted to the new labels, and between two rounds
        agent.learn(1, on_labels=partial(agent.save, tmp_path / "labelled"))
        agent = DAgger.load(tmp_path / "labelled", expert=Memory()).learn(1)
        assert agent.rounds_done == done
        agent.save(tmp_path / "fitted")
        agent = DAgger.load(tmp_path / "fitted", expert=Memory())
    mine, others = agent.state(), whole.state()
    for group in ("policy", "labelled"):
        assert all(torch.equal(mine.tensors[group][name], tensor) for name, tensor in others.tensors[group].items())
    for group in ("random_state", "episodes"):
        assert mine.arrays[group].keys() == others.arrays[group].keys()
        assert all(np.array_equal(mine.arrays[group][name], array) for name, array in others.arrays[group].items())


def test_episodes_that_cannot_be_restored_begin_anew(tmp_path: Path) -> None:
    agent = DAgger("Pendulum-v1", SwingUp(), num_envs=2, seed=0, config=SMALL).learn(1)
    agent.save(tmp_path)
    with pytest.warns(UserWarning, match="New episodes begin"):
        DAgger.load(tmp_path, expert=SwingUp(), env=make_vec_env("Pendulum-v1", 3, seed=0))


def test_discrete_actions() -> None:
    class PushRight:
        def predict(self, observation: Any, *rest: Any, **options: Any) -> Any:
            return np.ones(len(observation), dtype=np.int64), None

    agent = DAgger("CartPole-v1", PushRight(), num_envs=2, seed=0, config=replace(SMALL, beta_decay=0.5)).learn(2)
    assert agent.predict(np.zeros((3, 4)))[0].tolist() == [1, 1, 1]


def test_bad_input(walker: DAgger, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="before the first round"):
        DAgger(point_envs(4), WalkToGoal()).predict(np.zeros(2))
    with pytest.raises(InputError, match="beta_decay"):
        DAgger(point_envs(4), WalkToGoal(), config=replace(SMALL, beta_decay=1.5))
    with pytest.raises(InputError, match=r"shape \(2, 2\), the environment takes \(2, 1\)"):
        DAgger("Pendulum-v1", StrangeExpert(), num_envs=2, config=SMALL).learn(1)
    walker.save(tmp_path / "dagger")
    with pytest.raises(InputError, match="without its expert"):
        DAgger.load(tmp_path / "dagger", env=point_envs(4)).learn(1)


class StrangeExpert:
    def predict(self, observation: Any, *rest: Any, **options: Any) -> Any:
        return np.zeros((len(observation), 2), dtype=np.float32), None
