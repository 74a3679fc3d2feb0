"""A teacher that learned from few noisy demonstrations: nearer to the expert than they are, and asked on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from point_env import PointEnv, WalkToGoal, play, point_envs
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.cloning import CloningConfig, LabelledStates, build_policy, clone, labelled_states
from agents.smooth_teacher import STEPS, SmoothTeacher, clone_by_teacher, visited_states
from genrl.nn import Standardise
from genrl.transitions import Demonstrations

SPACE = spaces.Box(-1.0, 1.0, (2,), np.float32)
FEW = CloningConfig(updates=300)


@pytest.fixture(scope="module")
def noisy(seed: int) -> LabelledStates:
    """Two short walks whose every action is off by 0.3."""
    states = labelled_states(Demonstrations.from_trajectories(play(WalkToGoal(), 2)), SPACE)
    off = 0.3 * torch.randn(states.actions.shape, generator=torch.Generator().manual_seed(seed))
    return replace(states, actions=(states.actions + off).clamp(-1, 1))


def new_policy(seed: int = 0) -> ActorCriticPolicy:
    torch.manual_seed(seed)
    policy = build_policy(SPACE, Standardise.identity(2), CloningConfig(), "cpu")
    assert isinstance(policy, ActorCriticPolicy)
    return policy


def mode_of(policy: ActorCriticPolicy) -> Any:
    return lambda seen: policy.predict(seen, deterministic=True)[0]


def error(act: Any) -> float:
    """Root of the mean squared difference to the expert, over the square."""
    everywhere = np.random.default_rng(1).uniform(-0.9, 0.9, (500, 2)).astype(np.float32)
    return float(np.sqrt(np.square(act(everywhere) - WalkToGoal().predict(everywhere)[0]).mean()))


def test_it_is_nearer_to_the_expert_than_a_clone(noisy: LabelledStates, seed: int, learned: Learned) -> None:
    teacher, cloned = SmoothTeacher(noisy, SPACE, seed=seed), new_policy(seed)
    clone(cloned, noisy, FEW, seed=seed)
    taught = new_policy(seed)
    clone_by_teacher(taught, point_envs(), noisy, teacher, FEW, noise=np.full(2, 0.2), seed=seed)
    of_clone = error(mode_of(cloned))
    learned("teacher's error / clone's", error(teacher.act) / of_clone, below=0.8, baseline=1.0)
    learned("taught policy's error / clone's", error(mode_of(taught)) / of_clone, below=0.8, baseline=1.0)


def test_its_answers_are_actions(noisy: LabelledStates) -> None:
    far = np.array([[50.0, -50.0], [0.0, 0.0]])
    answers = SmoothTeacher(noisy, SPACE, seed=0).act(far)
    assert answers.dtype == np.float32
    assert answers.shape == (2, 2)
    assert (np.abs(answers) <= 1).all()


def test_what_it_says_on_the_way() -> None:
    left = np.tile(np.array([-1.0, 0.0], dtype=np.float32), (3, 1))
    states = visited_states(point_envs(3), lambda _: left, first_episode=7, label=lambda x: 2 * x)
    assert len(states) == 3 * STEPS
    torch.testing.assert_close(states.actions, 2 * states.observations)
    assert states.episodes.unique().tolist() == [7, 8, 9]
    first = states.observations[states.episodes == 8]
    starts = [PointEnv().reset(seed=seed)[0] for seed in (0, 1, 2)]
    torch.testing.assert_close(first[0], torch.tensor(starts[1]).float())
    torch.testing.assert_close(first[1] - first[0], torch.tensor([-0.2, 0.0]), atol=1e-5, rtol=0)


def test_the_same_seed_gives_the_same_clone(noisy: LabelledStates) -> None:
    policies = [new_policy(), new_policy()]
    for policy in policies:
        teacher = SmoothTeacher(noisy, SPACE, seed=3)
        clone_by_teacher(policy, point_envs(), noisy, teacher, CloningConfig(updates=50), noise=np.full(2, 0.2), seed=3)
    for mine, other in zip(*(policy.parameters() for policy in policies), strict=True):
        torch.testing.assert_close(mine, other)
