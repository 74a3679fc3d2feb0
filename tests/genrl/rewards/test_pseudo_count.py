"""Pseudo-counts: the true count of a density that counts, and bonuses that fall as states are seen again."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from learned import Learned
from stable_baselines3.common.vec_env import DummyVecEnv

from genrl.autoencoders import VAE
from genrl.autoregressive import PixelCNN, SequenceModel
from genrl.errors import InputError
from genrl.flows import RealNVP
from genrl.mixtures import GaussianMixture
from genrl.rewards import PseudoCountBonus
from genrl.rewards.pseudo_count import GradientRecorder, pseudo_count
from genrl.rewards.pseudo_count_bonus import binned


class Counter:
    """The empirical density: a state's probability is how often it has been seen, by how many there were."""

    def __init__(self, seen=None):
        self.seen = dict(seen or {})

    def record(self, states):
        keys = [tuple(state.flatten().tolist()) for state in states]
        total = sum(self.seen.values())
        before = [self.seen.get(key, 0) / max(total, 1) for key in keys]
        after = [(self.seen.get(key, 0) + 1) / (total + 1) for key in keys]
        for key in keys:
            self.seen[key] = self.seen.get(key, 0) + 1
        return torch.tensor(before, dtype=torch.float64).log(), torch.tensor(after, dtype=torch.float64).log()


@given(st.integers(1, 50), st.integers(1, 500))
def test_the_pseudo_count_of_a_density_that_counts_is_the_count(count, others):
    total = count + others
    before = torch.tensor([count / total], dtype=torch.float64).log()
    after = torch.tensor([(count + 1) / (total + 1)], dtype=torch.float64).log()
    assert pseudo_count(before, after).item() == pytest.approx(count, rel=1e-6)


def test_of_what_has_no_probability_it_is_nothing_and_without_a_gain_infinite():
    never = torch.tensor([-torch.inf])
    assert pseudo_count(never, torch.tensor([0.1]).log()).item() == 0
    assert pseudo_count(torch.tensor([-3.0]), torch.tensor([-3.0])).item() == torch.inf


class Cells(gym.Env):
    """A 4 x 4 image with a 1 where the action says; five steps an episode; pays 1 a step."""

    observation_space = spaces.Box(0, 1, (4, 4), np.uint8)
    action_space = spaces.Discrete(16)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._image(0), {}

    def step(self, action):
        self.steps += 1
        return self._image(action), 1.0, self.steps == 5, False, {}

    def _image(self, place):
        image = np.zeros(16, np.uint8)
        image[place] = 1
        return image.reshape(4, 4)


def walk(env, places):
    """Bonuses (steps, envs) of going to a place, all environments together."""
    bonuses = []
    for place in places:
        _, rewards, _, infos = env.step(np.full(env.num_envs, place))
        added = np.array([info["pseudo_count_bonus"] for info in infos])
        np.testing.assert_allclose(rewards, 1.0 + added, rtol=1e-5)
        bonuses.append(added)
    return np.array(bonuses)


def test_the_bonus_of_true_counts():
    """One seen once stands beside: with nothing else a state has probability 1 and no count."""
    first = tuple(Cells()._image(15).flatten().astype(float).tolist())
    env = PseudoCountBonus(Cells(), Counter({first: 1}), weight=0.1, gain=1.0, decay=0.0)
    env.reset()
    bonuses = walk(env, [3, 3, 3, 7, 3])[:, 0]
    expected = [0.1 / np.sqrt(count + 0.01) for count in (0, 1, 2, 0, 3)]
    np.testing.assert_allclose(bonuses, expected, rtol=1e-4)


def pixel_bonus(seed, count=4, **options):
    torch.manual_seed(seed)
    density = PixelCNN(levels=2, width=16, blocks=1, kernel=3)
    env = PseudoCountBonus(DummyVecEnv([Cells] * count), density, learning_rate=5e-3, **options)
    env.reset()
    return env


def test_a_network_counts_too(seed: int, learned: Learned):
    env = pixel_bonus(seed)
    places = [0, 1, 2, 5] * 40
    bonuses = walk(env, places)
    last = bonuses[-4:].mean()
    learned("last bonus / first", last / bonuses[:4].mean(), below=0.5, baseline=1.0)
    new = walk(env, [14]).mean()
    learned("bonus of what was seen / of what is new", last / new, below=1 / 3, baseline=1.0)
    learned("that after 30 steps / when new", walk(env, [14] * 30)[-1].mean() / new, below=0.5, baseline=1.0)


def test_the_state_that_ends_an_episode_is_the_one_that_was_reached(seed: int, learned: Learned):
    env = pixel_bonus(seed)
    walk(env, [0, 1, 2, 5] * 40)
    known, new = walk(env, [0])[-1].mean(), walk(env, [0, 0, 0, 14])[-1].mean()  # the fifth ends an episode
    learned("known / new", known / new, below=0.5, baseline=1.0)


def test_a_recorder_learns_what_it_is_shown():
    torch.manual_seed(0)
    recorder = GradientRecorder(PixelCNN(levels=2, width=8, blocks=1, kernel=3), (1, 4, 4), learning_rate=1e-2)
    states = torch.from_numpy(np.stack([Cells()._image(k) for k in (1, 2)]).astype(np.float32))[:, None]
    before, after = recorder.record(states)
    assert (after > before).all()
    assert torch.equal(recorder.record(states)[0], after)


def test_numbers_are_cut_into_bins_of_one_width():
    frames = binned(spaces.Box(np.array([0.0, -1.0], np.float32), np.array([1.0, 1.0], np.float32)), 4)
    found = frames(np.array([[0.0, -1.0], [0.26, 0.99], [1.0, 0.0]]))
    assert found.shape == (3, 1, 1, 2)
    assert found[:, 0, 0].tolist() == [[0, 0], [1, 3], [3, 2]]


class Line(Cells):
    """Numbers in place of images."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PseudoCountBonus(Line(), PixelCNN(levels=2)), "no integer images.*binned"),
        (lambda: PseudoCountBonus(Cells(), VAE()), "VAE cannot count"),
        (lambda: PseudoCountBonus(Cells(), GaussianMixture()), "GaussianMixture cannot count"),
        (lambda: PseudoCountBonus(Cells(), RealNVP()), "RealNVP cannot count: it has no exact probabilities of int"),
        (lambda: PseudoCountBonus(Cells(), SequenceModel(output="gaussians")), "SequenceModel cannot count"),
        (lambda: PseudoCountBonus(Cells(), PixelCNN(levels=2), gain=0.0), "gain must be above 0"),
        (lambda: PseudoCountBonus(Cells(), PixelCNN(levels=2), decay=-1.0), "decay 0 or more"),
        (lambda: PseudoCountBonus(Cells(), PixelCNN(levels=2), learning_rate=0.0), "learning_rate"),
        (lambda: binned(Line.observation_space, 4), "a bounded Box"),
    ],
)
def test_what_cannot_work_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
