import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from genrl.bayes import BayesClassifier
from genrl.errors import InputError
from genrl.flows import RealNVP
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture
from genrl.rewards import DensityTraining, NoveltyBonus


class Line(gym.Env):
    """The action is the next position; five steps an episode; pays 1 a step."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Box(-10.0, 10.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        where = np.array([action[0], 0.0], np.float32)  # the second column never changes
        return where, 1.0, self.steps == 5, False, {}


def walk(env, positions):
    """Bonuses of a batch of moves for each step."""
    bonuses = []
    for position in positions:
        _, rewards, _, infos = env.step(np.full((env.num_envs, 1), position, np.float32))
        added = np.array([info["novelty_bonus"] for info in infos])
        np.testing.assert_allclose(rewards, 1.0 + added, rtol=1e-5)
        bonuses.append(added)
    return np.array(bonuses)


DENSITIES = {
    "mixture": lambda: GaussianMixture(2, random_state=0),
    "flow": lambda: RealNVP(transforms=2, hidden=(16,)),
}
TRAINING = DensityTraining(noise=0.05, steps=60, batch_size=128, learning_rate=0.01)


def line(density="mixture", place=Line, seed=0, **options):
    torch.manual_seed(seed)
    settings = {"update_every": 200, "training": TRAINING, "seed": seed}
    env = NoveltyBonus(DummyVecEnv([place] * 4), DENSITIES[density](), **{**settings, **options})
    env.reset()
    return env


def usual(count, seed=0):
    return np.random.default_rng(seed).normal(size=count)


class Plane(Line):
    """The second column is 0 until the position reaches 3, and from there on the fifth of the position."""

    def step(self, action):
        where, *rest = super().step(action)
        where[1] = where[0] / 5 if where[0] >= 3 else 0.0
        return where, *rest


@pytest.mark.parametrize("density", DENSITIES)
def test_rare_states_are_paid_for_and_common_ones_are_not(density):
    env = line(density, weight=0.1, limit=5.0)
    assert not walk(env, usual(50)).any()  # before the first update
    bonuses = walk(env, [0.0, 8.0])
    assert not bonuses[0].any()
    np.testing.assert_allclose(bonuses[1], 0.5)  # weight x limit


@pytest.mark.parametrize("density", DENSITIES)
def test_what_is_visited_often_stops_being_new(density, seed: int, learned: Learned):
    env = line(density, seed=seed, limit=100.0)
    walk(env, usual(50, seed))
    first = walk(env, [6.0]).mean()
    walk(env, np.concatenate([np.full(75, 6.0) + usual(75, seed), usual(75, seed)]))
    learned("bonus after 75 visits / at first", walk(env, [6.0]).mean() / first, below=0.15, baseline=1.0)


@pytest.mark.parametrize("density", DENSITIES)
def test_a_column_that_changes_for_the_first_time_is_news(density, seed: int, learned: Learned):
    """Between two states that differ in nothing else."""
    flat, raised = (line(density, place, seed=seed, limit=1000.0) for place in (Line, Plane))
    for env in (flat, raised):
        walk(env, np.clip(usual(50, seed), -3.0, 2.9))
    ratio = walk(flat, [3.0]).mean() / walk(raised, [3.0]).mean()
    learned("bonus without the change / with it", ratio, below=0.5, baseline=1.0)


def test_states_that_have_not_changed_at_all_are_no_news_and_the_first_change_is():
    env = line()
    assert not walk(env, np.zeros(60)).any()
    assert (walk(env, [0.5]) > 0).all()


def test_the_state_that_ends_an_episode_is_the_one_that_was_reached():
    env = line()
    walk(env, usual(50))
    bonuses = walk(env, [0.0] * 4 + [8.0])  # the fifth ends an episode, and is not the 0 of the next one
    assert (bonuses[4] > 0).all()


@pytest.mark.parametrize("density", DENSITIES)
def test_one_environment_will_do(density):
    """A learner takes it as it is, and only the space of observations matters."""
    env = NoveltyBonus(gym.make("Pendulum-v1"), DENSITIES[density](), update_every=50, training=TRAINING)
    PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, device="cpu").learn(192)
    _, _, _, infos = env.step(np.zeros((1, 1)))
    assert infos[0]["novelty_bonus"] >= 0
    assert env.num_envs == 1


class Pictures(Line):
    """As bright as the position."""

    observation_space = spaces.Box(0, 255, (4, 4, 3), np.uint8)

    def reset(self, **options):
        return np.zeros((4, 4, 3), np.uint8), super().reset(**options)[1]

    def step(self, action):
        where, *rest = super().step(action)
        return np.full((4, 4, 3), 100 + 10 * where[0], np.uint8), *rest


def test_of_other_observations_a_function_makes_rows():
    env = line(place=Pictures, rows=lambda pictures: pictures.mean((1, 2)))
    walk(env, usual(50))
    bonuses = walk(env, [0.0, 8.0])
    assert not bonuses[0].any()
    assert (bonuses[1] > 0).all()


def test_the_memory_holds_a_sample_of_everything():
    env = line(memory=40, update_every=10_000)
    walk(env, range(100))
    assert env._states.shape == (40, 2)
    assert env._states[:, 0].std() > 15  # not the first or the last forty


class Implicit(GenerativeModel):
    """No density."""


def test_what_cannot_work_is_refused():
    one = DummyVecEnv([Line])
    with pytest.raises(InputError, match="has no density"):
        NoveltyBonus(one, Implicit())
    with pytest.raises(InputError, match=r"BayesClassifier cannot follow.*labels.*genrl\.flows"):
        NoveltyBonus(one, BayesClassifier())
    with pytest.raises(InputError, match="was fitted to rows of shape"):
        NoveltyBonus(one, GaussianMixture().fit(torch.randn(20, 3)))
    with pytest.raises(InputError, match="1 or more"):
        line(update_every=0)

    with pytest.raises(InputError, match=r"one dimension.*rows="):
        NoveltyBonus(Pictures(), GaussianMixture())
    with pytest.raises(InputError, match=r"must make \(envs, columns\).*\(1, 4, 4, 3\)"):
        NoveltyBonus(Pictures(), GaussianMixture(), rows=lambda pictures: pictures)
