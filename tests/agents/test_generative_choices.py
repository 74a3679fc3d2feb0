"""Densities as rewards and as policies of GAIL."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from learned import Learned
from point_env import GOAL, WalkToGoal, play, point_envs

from agents.behaviour_cloning import BehaviourCloning
from agents.cloning import CloningConfig
from agents.gail import GAIL
from agents.gail_config import GAILConfig
from agents.generative_choices import RewardName
from agents.learners import PPOConfig
from agents.warm_start import WarmStartConfig
from genrl.errors import InputError
from genrl.flows import RealNVP
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture, MixtureDensityNetwork
from genrl.policies import DensityPolicy, SamplerPolicy, load_policy
from genrl.rewards import (
    DensityRatioReward,
    DensityReward,
    DensityTraining,
    FrozenReward,
    ScoreDiscriminator,
    StandardisedReward,
)
from genrl.transitions import Demonstrations

SMALL = GAILConfig(
    ppo=PPOConfig(n_steps=32, batch_size=128, learning_rate=1e-3, desired_kl=None, target_kl=0.02),
    bc_warm_start=False,
    untrained_steps=512,
)


def mean_return(policy: Any) -> float:
    return float(np.mean([trajectory.rewards.sum() for trajectory in play(policy, 20)]))


def score(agent: GAIL, steps: int) -> float:
    """The return after training, on a scale from 0 (untrained) to 1 (the expert)."""
    untrained, expert = mean_return(agent), mean_return(WalkToGoal())
    agent.learn(steps)
    return (mean_return(agent) - untrained) / (expert - untrained)


QUICK = DensityTraining(first_steps=1000, batch_size=256, fitted_rows=512)


def quick_flow() -> GenerativeModel:
    return RealNVP(transforms=2, hidden=(32,))


def quick_mixture() -> GenerativeModel:
    return GaussianMixture(3, random_state=0, max_iter=10, tol=1e-2)


@pytest.mark.parametrize("density", [quick_flow, quick_mixture])
def test_a_ratio_of_densities_pays_for_imitation(
    demonstrations: Demonstrations, density: Any, seed: int, learned: Learned
) -> None:
    paid = DensityRatioReward(expert=density(), learner=density(), training=QUICK)
    agent = GAIL(point_envs(16), demonstrations, reward_model=paid, seed=seed, config=SMALL)
    assert isinstance(agent.reward_model, StandardisedReward)
    assert agent.reward_model.inner is paid
    learned("score", score(agent, 15_000), above=0.2, baseline=0.0)


def test_the_experts_density_alone_pays_for_imitation(
    demonstrations: Demonstrations, seed: int, learned: Learned
) -> None:
    paid = DensityReward(quick_mixture(), training=QUICK)
    agent = GAIL(point_envs(16), demonstrations, reward_model=paid, seed=seed, config=SMALL)
    learned("score", score(agent, 15_000), above=0.6, baseline=0.0)


SLOW_REWARDS = ("sequence", "pixel-cnn")


@pytest.fixture
def brief_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Densities that rewards have by default are fitted in few steps, which tell how they are, not what they learn."""
    monkeypatch.setattr("genrl.rewards.density.DensityTraining", partial(DensityTraining, first_steps=50))


@pytest.mark.usefixtures("brief_fits")
@pytest.mark.parametrize(
    "reward",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW_REWARDS)) for name in get_args(RewardName)],
)
def test_every_reward_by_name_trains(demonstrations: Demonstrations, reward: Any) -> None:
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=replace(SMALL, reward=reward)).learn(256)
    rewards = agent.reward_model.reward(demonstrations.transitions(agent.env.action_space))
    assert torch.isfinite(rewards).all()
    assert rewards.std() > 0


def test_a_discriminator_that_denoises_is_one_of_all_objectives_and_forms(demonstrations: Demonstrations) -> None:
    config = replace(SMALL, reward="score", objective="lsgan", reward_form="gail", absorbing=True)
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=config).learn(128)
    rows = demonstrations.transitions(agent.env.action_space)
    assert torch.isfinite(agent.reward_model.reward(rows)).all()
    assert isinstance(agent.reward_model.inner.discriminator, ScoreDiscriminator)
    spectral = replace(config, discriminator=replace(SMALL.discriminator, spectral_norm=True))
    with pytest.raises(InputError, match="no spectral norm"):
        GAIL(point_envs(4), demonstrations, seed=0, config=spectral)


def test_a_frozen_one_never_sees_the_demonstrations(demonstrations: Demonstrations) -> None:
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=replace(SMALL, reward="gmm", zero_demonstrations=True))
    agent.learn(256)
    assert not agent.reward_model.inner.fitted
    assert not isinstance(agent.reward_model, FrozenReward)  # it is frozen for the learner only


@pytest.mark.parametrize("policy", ["mixture", "flow", pytest.param("autoregressive", marks=pytest.mark.slow)])
def test_density_policies_imitate(demonstrations: Demonstrations, policy: Any, seed: int, learned: Learned) -> None:
    agent = GAIL(point_envs(16), demonstrations, seed=seed, config=replace(SMALL, policy=policy))
    assert isinstance(agent.policy, DensityPolicy)
    learned("score", score(agent, 25_000), above=0.35, baseline=0.0)


@pytest.mark.parametrize(
    ("policy", "least"),
    [("mixture", 0.2), ("flow", 0.8), pytest.param("autoregressive", 0.2, marks=pytest.mark.slow)],
)
def test_density_policies_start_from_a_clone_with_noise(policy: Any, least: float, seed: int, learned: Learned) -> None:
    demonstrations = Demonstrations.from_trajectories(play(WalkToGoal(), 40))
    config = replace(SMALL, policy=policy, bc_warm_start=True, warm_start=WarmStartConfig(updates=1000, std=0.2))
    agent = GAIL(point_envs(16), demonstrations, seed=seed, config=config)
    untrained, expert = mean_return(agent), mean_return(WalkToGoal())
    agent.prepare()
    assert agent.start == "clone"
    learned("score", (mean_return(agent) - untrained) / (expert - untrained), above=least, baseline=0.0)
    observation = torch.from_numpy(GOAL)[None]  # where the demonstrations are most of the time
    drawn = torch.cat([agent.policy.get_distribution(observation).sample() for _ in range(300)])
    noise = drawn.std(0)
    learned("least noise", noise.min(), above=0.1, baseline=0.0)  # 0.2 is what is asked of the clone
    learned("greatest noise", noise.max(), below=0.4, baseline=1.0)


@pytest.mark.usefixtures("brief_fits")
@pytest.mark.parametrize(
    ("policy", "reward"),
    [
        ("mixture", "gmm"),
        ("flow", "density-flow"),
        ("gaussian", "density-gmm"),
        ("gaussian", "vail"),
        ("gaussian", "vae"),
        ("autoregressive", "score"),
        pytest.param("gaussian", "sequence", marks=pytest.mark.slow),
        pytest.param("gaussian", "pixel-cnn", marks=pytest.mark.slow),
    ],
)
def test_saved_and_resumed_bit_for_bit(
    demonstrations: Demonstrations, tmp_path: Path, policy: Any, reward: Any
) -> None:
    config = replace(SMALL, policy=policy, reward=reward)
    whole = GAIL(point_envs(4), demonstrations, seed=0, config=config).learn(256)
    whole.save(tmp_path / "half")
    resumed = GAIL.load(tmp_path / "half", env=point_envs(4), demonstrations=demonstrations)
    observations = np.random.default_rng(0).normal(size=(20, 2))
    acted = whole.predict(observations)[0]
    np.testing.assert_array_equal(acted, resumed.predict(observations)[0])
    np.testing.assert_array_equal(acted, load_policy(tmp_path / "half").predict(observations, deterministic=True)[0])
    for name, tensor in whole.reward_model.state_dict().items():
        assert torch.equal(tensor, resumed.reward_model.state_dict()[name]), name
    for agent in (whole, resumed):
        torch.manual_seed(0)
        agent.reward_model.update(*[demonstrations.transitions(agent.env.action_space)] * 2)
    for name, tensor in whole.reward_model.state_dict().items():
        assert torch.equal(tensor, resumed.reward_model.state_dict()[name]), name


class Implicit(GenerativeModel):
    """Samples, and knows no density."""

    def sample(self, sample_shape: Any = (), context: Any = None) -> torch.Tensor:
        return torch.zeros(1)


def test_pairings_that_cannot_work_are_refused_at_once(demonstrations: Demonstrations) -> None:
    with pytest.raises(InputError, match=r"exact probability of an action.*genrl\.flows"):
        GAIL(point_envs(4), demonstrations, action_density=Implicit(), seed=0, config=SMALL)
    with pytest.raises(InputError, match=r"GaussianMixture has no mode.*genrl\.flows"):
        GAIL(point_envs(4), demonstrations, action_density=GaussianMixture(), seed=0, config=SMALL)
    for learner in ("trpo", "sac"):
        with pytest.raises(InputError, match="only PPO"):
            GAIL(point_envs(4), demonstrations, learner=learner, seed=0, config=replace(SMALL, policy="mixture"))


CLASSES = {"vae": "VAE", "gan": "GAN", "vq": "VQVAE", "score": "ActionScore", "score-student": "DistilledScore"}


@pytest.mark.parametrize("policy", CLASSES)
@pytest.mark.parametrize("learner", ["ppo", "trpo", "sac"])
def test_a_policy_that_can_only_be_cloned_is_refused_by_every_learner(
    demonstrations: Demonstrations, policy: Any, learner: Any
) -> None:
    message = rf"{CLASSES[policy]} does not know the exact probability.*genrl\.flows.*MixtureDensityNetwork.*cloned"
    with pytest.raises(InputError, match=message):
        GAIL(point_envs(4), demonstrations, learner=learner, seed=0, config=replace(SMALL, policy=policy))


@pytest.mark.parametrize(
    "policy", [pytest.param(name, marks=[pytest.mark.slow] * (name == "score-student")) for name in CLASSES]
)
def test_policies_that_only_sample_are_cloned_saved_and_loaded(
    demonstrations: Demonstrations, tmp_path: Path, policy: Any, seed: int, learned: Learned
) -> None:
    config = CloningConfig(policy=policy, updates=600, batch_size=64, learning_rate=3e-3)
    agent = BehaviourCloning(point_envs(), demonstrations, seed=seed, config=config)
    assert isinstance(agent.policy, SamplerPolicy)
    untrained, expert = mean_return(agent), mean_return(WalkToGoal())
    agent.learn()
    learned("score", (mean_return(agent) - untrained) / (expert - untrained), above=0.6, baseline=0.0)
    assert agent.history is not None
    assert agent.history.stopped == "epochs"
    assert 1 <= agent.history.kept <= len(agent.history.epochs)
    agent.save(tmp_path / "bc")
    observations = np.random.default_rng(0).normal(size=(20, 2))
    acted = agent.predict(observations)[0]
    again = BehaviourCloning.load(tmp_path / "bc", env=point_envs(), demonstrations=demonstrations)
    np.testing.assert_array_equal(acted, again.predict(observations)[0])
    np.testing.assert_array_equal(acted, load_policy(tmp_path / "bc").predict(observations, deterministic=True)[0])


def test_progress_ends_the_fit_of_a_sampler(demonstrations: Demonstrations) -> None:
    config = CloningConfig(policy="vae", epochs=5, batch_size=64)
    agent = BehaviourCloning(point_envs(), demonstrations, seed=0, config=config)
    agent.learn(progress=lambda epoch: epoch.number < 2)
    assert agent.history is not None
    assert (agent.history.stopped, len(agent.history.epochs)) == ("asked", 2)
    agent.learn(3)
    assert agent.history.stopped == "epochs"
    assert len(agent.history.epochs) == 3


@pytest.mark.parametrize("policy", ["score", "vq"])
def test_chunks_plan_ahead_and_refuse_pairs_with_gaps(demonstrations: Demonstrations, policy: Any) -> None:
    config = CloningConfig(policy=policy, updates=1)
    chunked = BehaviourCloning(point_envs(), demonstrations, seed=0, config=config)
    assert isinstance(chunked.policy, SamplerPolicy)
    assert (chunked.policy.chunk, chunked.policy.executed) == (4, 2)
    sparse = demonstrations.subsample(5, np.random.default_rng(0))
    with pytest.raises(InputError, match="keep all pairs"):
        BehaviourCloning(point_envs(), sparse, seed=0, config=config).learn()
    single = replace(config, chunk=1)
    assert BehaviourCloning(point_envs(), sparse, seed=0, config=single).learn().history is not None


def test_a_density_of_the_caller_must_be_passed_again(demonstrations: Demonstrations, tmp_path: Path) -> None:
    own = {"action_density": MixtureDensityNetwork(2, hidden=(8,))}
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=SMALL, **own).learn(256)
    agent.save(tmp_path / "agent")
    again = GAIL.load(tmp_path / "agent", env=point_envs(4), **own)
    observations = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(agent.predict(observations)[0], again.predict(observations)[0])
