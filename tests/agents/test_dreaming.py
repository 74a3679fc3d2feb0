"""Dreaming takes turns between few real steps and many dreamt ones, and knows which is which."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from learned import Learned
from point_env import PointEnv, play, point_envs
from stable_baselines3 import SAC

from agents.dream_learners import DreamPPOConfig, DreamSACConfig
from agents.dream_round import DreamRound
from agents.dreaming import Dreaming
from agents.dreaming_config import DreamingConfig
from agents.real_steps import RealSteps
from genrl.autoregressive import Recurrent, SequenceModel
from genrl.discretised import Discretised
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture
from genrl.policies import ActorCriticNetwork, load_policy
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models import SamplerWorldModel, never

SMALL = DreamingConfig(
    first_steps=100,
    steps_per_round=50,
    model_hidden=(16,),
    first_updates=20,
    model_updates=5,
    dreams=16,
    sac=DreamSACConfig(hidden=(32,), updates_per_step=0.25, batch_size=32),
    ppo=DreamPPOConfig(dreamt_per_step=4, n_steps=8, n_epochs=1, network=ActorCriticNetwork(hidden=(16,))),
)


def agent_of(config: DreamingConfig = SMALL, seed: int = 0) -> Dreaming:
    return Dreaming(point_envs(1), seed=seed, device="cpu", config=config)


class Left:
    def predict(self, observation: Any, *_: Any, deterministic: bool = False) -> Any:
        return np.tile(np.float32([[-1.0, 0.0]]), (len(observation), 1)), None


def test_real_steps_are_what_was_done_and_seen() -> None:
    real = RealSteps(point_envs(1), seed=0)
    taken = real.collect(60, None)
    moved = torch.clamp(taken.observations + 0.2 * taken.actions, -1.5, 1.0)
    torch.testing.assert_close(taken.next_observations, moved)
    goal = torch.tensor([0.6, -0.4])
    torch.testing.assert_close(taken.rewards, -(moved - goal).norm(dim=1))
    follows = ~taken.ends[:-1]
    assert torch.equal(taken.next_observations[:-1][follows], taken.observations[1:][follows])
    assert not torch.equal(taken.next_observations[:-1][~follows], taken.observations[1:][~follows])


def test_real_episodes_go_on_from_call_to_call() -> None:
    real = RealSteps(point_envs(1), seed=0)
    first, second = real.collect(3, None), real.collect(3, None)
    assert torch.equal(first.next_observations[-1], second.observations[0])
    assert first.ends[-1]


def test_terminations_and_time_limits_are_told_apart() -> None:
    real = RealSteps(point_envs(1), seed=0)
    fell = real.collect(60, Left())
    assert fell.terminations.any()
    assert (fell.next_observations[fell.terminations][:, 0] < -1.2).all()
    assert not RealSteps(point_envs(1, horizon=5), seed=1).collect(5, None).terminations.any()
    assert len(real.episode_returns) == int(fell.terminations.sum())


@pytest.mark.parametrize(
    ("learner", "model"),
    [*product(["sac", "ppo"], ["ensemble", "latent"]), ("sac", "flow"), ("sac", "recurrent-mixture")],
)
def test_rounds_count_real_and_dreamt_steps(learner: Any, model: Any) -> None:
    agent, rounds = agent_of(replace(SMALL, learner=learner, model=model)), []
    agent.learn(200, on_round=lambda done: rounds.append(done))
    assert [done.real_steps for done in rounds] == [100, 150, 200]
    assert all(isinstance(done, DreamRound) for done in rounds)
    assert rounds[0].dreamt_steps >= (200 if learner == "sac" else 400)
    assert rounds[2].dreamt_steps > rounds[0].dreamt_steps
    assert len(agent.experience or ()) == 200
    assert agent.predict(np.zeros(2))[0].shape == (2,)


@pytest.mark.parametrize(
    "sampler",
    [GaussianMixture(2), Discretised(SequenceModel(core=Recurrent(width=4), levels=8), bins=8)],
    ids=lambda sampler: type(sampler).__name__,
)
def test_any_world_model_can_be_dreamt_in(sampler: GenerativeModel) -> None:
    model = SamplerWorldModel(sampler, hidden=(8,), fitting=GradientFitting(updates=5))
    agent = Dreaming(point_envs(1), seed=0, device="cpu", model=model, config=SMALL).learn(150)
    assert agent.rounds_done == 2
    if isinstance(sampler, Discretised):
        assert isinstance(sampler.model, SequenceModel)
        assert sampler.model.fitting.updates == SMALL.first_updates


def test_the_last_round_takes_no_step_too_many() -> None:
    agent = agent_of().learn(120)
    assert agent.real_steps == 120
    assert agent.learn(120).rounds_done == 2


def test_a_callback_ends_it() -> None:
    assert agent_of().learn(1000, on_round=lambda done: done.number < 2).rounds_done == 2


def test_the_learner_never_steps_in_the_real_environment() -> None:
    env = point_envs(1)
    steps, real_step = [], env.step_wait
    env.step_wait = lambda: (steps.append(1), real_step())[1]  # type: ignore[method-assign,func-returns-value]
    Dreaming(env, seed=0, device="cpu", config=SMALL).learn(150)
    assert len(steps) == 150


def test_a_seed_decides_everything() -> None:
    first, again, other = (agent_of(seed=seed).learn(150).policy.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("learner", ["sac", "ppo"])
def test_a_saved_agent_acts_the_same_and_goes_on(tmp_path: Path, learner: Any) -> None:
    agent = agent_of(replace(SMALL, learner=learner)).learn(150)
    agent.save(tmp_path / "agent")
    observations = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    expected = agent.predict(observations)[0]
    np.testing.assert_array_equal(
        load_policy(tmp_path / "agent").predict(observations, deterministic=True)[0], expected
    )
    loaded = Dreaming.load(tmp_path / "agent", env=point_envs(1), device="cpu", termination=never)
    assert loaded.termination is never
    np.testing.assert_array_equal(loaded.predict(observations)[0], expected)
    assert (loaded.real_steps, loaded.rounds_done) == (150, 2)
    before = loaded.learner.num_timesteps
    loaded.learn(200)
    assert (loaded.real_steps, loaded.rounds_done) == (200, 3)
    assert loaded.learner.num_timesteps > before
    assert not np.array_equal(loaded.predict(observations)[0], expected)


def test_old_dreams_are_forgotten() -> None:
    config = replace(SMALL, sac=replace(SMALL.sac, rounds_kept=2))
    agent = agent_of(config).learn(300)
    learner = agent.learner
    assert isinstance(learner, SAC)
    assert learner.replay_buffer is not None
    of_a_round = config.sac.dreamt_steps(config.steps_per_round)
    kept = learner.replay_buffer.size() * learner.n_envs
    assert 2 * of_a_round - learner.n_envs <= kept <= 2 * of_a_round < learner.num_timesteps


def test_the_rule_of_a_known_task_is_used_unless_the_task_is_changed() -> None:
    assert Dreaming("Hopper-v4", seed=0, device="cpu").termination is not None
    changed = Dreaming("Hopper-v4", env_kwargs={"healthy_z_range": (0.5, 2.0)}, seed=0, device="cpu")
    assert changed.termination is None


def test_bad_input() -> None:
    with pytest.raises(InputError, match="horizon must be 1 or more"):
        DreamingConfig(horizon=0)
    with pytest.raises(InputError, match="one environment at a time"):
        Dreaming(point_envs(2), seed=0, device="cpu", config=SMALL).learn(100)
    with pytest.raises(InputError, match="before the first round"):
        _ = agent_of().policy
    with pytest.raises(InputError, match="take the learner ppo"):
        Dreaming("CartPole-v1", seed=0, device="cpu", config=SMALL).learn(100)


@pytest.mark.slow
def test_it_learns_to_walk_in_dreams(seed: int, learned: Learned) -> None:
    config = replace(
        SMALL,
        first_steps=200,
        steps_per_round=100,
        model_hidden=(64, 64),
        first_updates=400,
        model_updates=200,
        sac=DreamSACConfig(hidden=(64, 64), updates_per_step=4.0, gamma=0.9, tau=0.02, temperature=0.1),
    )
    agent = agent_of(config, seed=seed).learn(600)
    found = np.mean([trajectory.rewards.sum() for trajectory in play(agent, 20)])
    env = PointEnv()
    env.action_space.seed(0)

    class Random:
        def predict(self, observation: Any, *_: Any, deterministic: bool = False) -> Any:
            return env.action_space.sample(), None

    random = np.mean([trajectory.rewards.sum() for trajectory in play(Random(), 20)])
    learned("return", found, above=-12, baseline=random)  # the expert earns -1.7


def test_it_begins_with_five_episodes_of_random_actions() -> None:
    config = replace(SMALL, first_steps=None, first_updates=1)
    agent = Dreaming("Pendulum-v1", seed=0, device="cpu", config=config)
    agent.learn(1010, on_round=lambda done: False)
    assert agent.real_steps == agent.first_steps == 1000
    assert Dreaming("HalfCheetah-v4", seed=0, device="cpu", config=config).first_steps == 5000
    assert Dreaming(point_envs(1), seed=0, device="cpu", config=replace(SMALL, first_steps=None)).first_steps == 500
    assert replace(config, first_steps=7).first_steps == 7
