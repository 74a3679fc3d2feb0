"""An environment that gives NaN is named; what it gives otherwise passes unchanged."""

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs import make_vec_env
from genrl.envs.finite_env import FiniteEnv
from genrl.errors import NotFiniteError


class Scripted(VecEnv):
    """Gives what it was made with, as a Dict observation if asked."""

    def __init__(self, observation: object, reward: object = 0.0) -> None:
        self.observation, self.reward = observation, reward
        super().__init__(2, spaces.Box(-1, 1, (2,)), spaces.Discrete(2))

    def reset(self):  # type: ignore[no-untyped-def]
        return np.zeros((2, 2))

    def step_async(self, actions):  # type: ignore[no-untyped-def]
        pass

    def step_wait(self):  # type: ignore[no-untyped-def]
        return self.observation, np.array([0.0, self.reward]), np.zeros(2, bool), [{}, {}]

    def close(self) -> None:
        pass

    def get_attr(self, attr_name, indices=None):  # type: ignore[no-untyped-def]
        return [None, None]

    def set_attr(self, attr_name, value, indices=None):  # type: ignore[no-untyped-def]
        pass

    def env_method(self, method_name, *args, indices=None, **kwargs):  # type: ignore[no-untyped-def]
        return [None, None]

    def env_is_wrapped(self, wrapper_class, indices=None):  # type: ignore[no-untyped-def]
        return [False, False]


GOOD = np.zeros((2, 2))


@pytest.mark.parametrize(
    ("observation", "reward", "words"),
    [
        (np.array([[0, 0], [0, np.nan]]), 0.0, "an observation that is not finite (NaN in 1 of 2 numbers)"),
        (np.array([[0, 0], [np.inf, np.nan]], np.float32), 0.0, "(NaN or infinity in 2 of 2 numbers)"),
        (np.array([[0, 0], [0, 1e39]]), 0.0, "an observation that is not finite (infinity in 1 of 2 numbers)"),
        ({"a": GOOD, "b": np.array([[0.0], [np.nan]])}, 0.0, "an observation that is not finite (NaN)"),
        ((GOOD, np.array([[0.0], [np.nan]])), 0.0, "an observation that is not finite (NaN)"),
        (GOOD, -np.inf, "a reward that is not finite (infinity)"),
        (GOOD, np.nan, "a reward that is not finite (NaN)"),
    ],
)
def test_the_first_bad_number_is_named(observation: object, reward: float, words: str) -> None:
    env = FiniteEnv(Scripted(observation, reward))
    env.reset()
    with pytest.raises(NotFiniteError) as error:
        env.step(np.zeros(2, int))
    assert words in str(error.value)
    assert str(error.value).startswith("Scripted gave a")
    assert str(error.value).endswith("in step 1, environment 1 of 2")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("observation", [GOOD, np.full((2, 2), 255, np.uint8), np.full((2, 2), 3e38, np.float32)])
def test_what_is_finite_passes_as_it_is(observation: np.ndarray) -> None:
    env = FiniteEnv(Scripted(observation, 1e30))
    env.reset()
    assert env.step(np.zeros(2, int))[0] is observation


def test_an_action_that_is_not_finite_never_reaches_the_simulator() -> None:
    env = FiniteEnv(make_vec_env("Hopper-v4", 3, seed=0))
    env.reset()
    env.step(np.zeros((3, 3)))
    actions = np.zeros((3, 3), np.float32)
    actions[2, 1] = np.nan
    with pytest.raises(NotFiniteError, match=r"Hopper-v4 was given an action .* in step 2, environment 2 of 3"):
        env.step(actions)
    env.close()
