import sys
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from genrl.envs import make_vec_env
from genrl.envs.flat_goal import has_goal
from genrl.errors import InputError


class Walk(gym.Env):
    """Observes a dict, as Gymnasium-Robotics does."""

    observation_space = spaces.Dict(
        observation=spaces.Box(-1.0, 1.0, (3,)),
        achieved_goal=spaces.Box(-1.0, 1.0, (1,)),
        desired_goal=spaces.Box(-5.0, 5.0, (1,)),
    )
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def seen(self) -> dict[str, np.ndarray]:
        return {"observation": np.array([0.1, 0.2, 0.3]), "achieved_goal": np.zeros(1), "desired_goal": np.full(1, 4.0)}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return self.seen(), {}

    def step(self, action: np.ndarray) -> Any:
        return self.seen(), 0.0, False, False, {}


@pytest.fixture(autouse=True)
def _walk() -> Iterator[None]:
    gym.register("Walk-v0", Walk, disable_env_checker=True)
    yield
    del gym.registry["Walk-v0"]


def test_observation_and_goal_become_one_vector() -> None:
    env = make_vec_env("Walk-v0", 2)
    assert isinstance(env.observation_space, spaces.Box)
    assert env.observation_space.high.tolist() == [1, 1, 1, 5]
    np.testing.assert_allclose(env.reset(), [[0.1, 0.2, 0.3, 4.0]] * 2)
    np.testing.assert_allclose(env.step(np.zeros((2, 1)))[0], [[0.1, 0.2, 0.3, 4.0]] * 2)
    env.close()


def test_other_dicts_are_left_alone() -> None:
    assert not has_goal(spaces.Dict(observation=spaces.Box(-1.0, 1.0, (3,))))
    assert not has_goal(spaces.Box(-1.0, 1.0, (3,)))
    assert has_goal(Walk.observation_space)


def test_a_maze_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium_robotics", None)
    for name in [name for name in gym.registry if name.startswith("PointMaze_")]:
        monkeypatch.delitem(gym.registry, name)
    with pytest.raises(InputError, match="pip install gymnasium-robotics"):
        make_vec_env("PointMaze_UMaze-v3", 1)
