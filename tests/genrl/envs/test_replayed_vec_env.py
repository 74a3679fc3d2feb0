"""Episodes that go on to the bit in another process, without any help from the environment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from genrl.envs import ReplayedVecEnv, make_vec_env, replayed_vec_env
from genrl.errors import InputError
from genrl.protocols import ResumableEnv


class Walk(gym.Env[Any, Any]):
    """A random walk, whose noise comes from a part that holds on to the generator."""

    observation_space = spaces.Box(-np.inf, np.inf, (1,), np.float64)
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        if seed is not None:
            self.noise = self.np_random.normal
        self.position = np.array([self.noise()])
        return self.position.copy(), {}

    def step(self, action: Any) -> Any:
        self.position += action + self.noise()
        return self.position.copy(), 0.0, bool(self.noise() > 1.5), False, {}


def played(env: ReplayedVecEnv, steps: int, seed: int) -> list[Any]:
    generator = np.random.default_rng(seed)
    low, high = np.full(env.num_envs, 2), 9
    outcomes: list[Any] = []
    for _ in range(steps):
        if isinstance(env.action_space, spaces.Discrete):
            actions: Any = generator.integers(low, high) % env.action_space.n
        else:
            actions = generator.uniform(-1, 1, (env.num_envs, *env.action_space.shape)).astype(np.float32)  # type: ignore[misc]
        outcomes.append(env.step(actions)[:3])
    return outcomes


def walks(make: Callable[[], gym.Env[Any, Any]] = Walk) -> ReplayedVecEnv:
    env = ReplayedVecEnv([make, make])
    env.seed(1)
    env.reset()
    return env


def check(env: ReplayedVecEnv, other: ReplayedVecEnv, path: Path) -> None:
    played(env, 67, seed=0)
    np.savez(path, **env.simulator_state())
    played(other, 5, seed=9)
    with np.load(path) as saved:
        other.restore_simulator_state(dict(saved))
    for one, two in zip(played(env, 60, seed=3), played(other, 60, seed=3), strict=True):
        for mine, theirs in zip(one, two, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "CartPole-v1", "Acrobot-v1", "InvertedPendulum-v5", "Swimmer-v5"])
def test_episodes_go_on_to_the_bit_in_a_new_process(env_id: str, tmp_path: Path) -> None:
    env, other = (make_vec_env(env_id, 2, seed=seed) for seed in (3, 8))
    assert isinstance(env, ReplayedVecEnv)
    assert isinstance(other, ReplayedVecEnv)
    assert isinstance(env, ResumableEnv)
    env.reset(), other.reset()
    check(env, other, tmp_path / "state.npz")


def test_parts_of_an_environment_keep_their_generator(tmp_path: Path) -> None:
    check(walks(), walks(), tmp_path / "state.npz")


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "Hopper-v4"])
@pytest.mark.parametrize("waiting", [None, 4])
def test_a_seed_that_waits_for_the_next_reset_is_part_of_the_state(env_id: str, waiting: int | None) -> None:
    env, other = make_vec_env(env_id, 2, seed=1), make_vec_env(env_id, 2, seed=2)
    env.reset()
    if waiting is not None:
        env.seed(waiting)
    other.reset()
    other.seed(5)
    other.restore_simulator_state(env.simulator_state())  # type: ignore[attr-defined]
    np.testing.assert_array_equal(env.reset(), other.reset())


def test_an_environment_that_is_not_deterministic_is_found_out() -> None:
    class Moody(Walk):
        def step(self, action: Any) -> Any:
            self.position += np.random.default_rng().normal()
            return super().step(action)

    env = walks(Moody)
    while not len(env.simulator_state()["actions_0"]):
        played(env, 1, seed=0)
    with pytest.raises(InputError, match="did not come back to where it was"):
        walks(Moody).restore_simulator_state(env.simulator_state())


def test_what_cannot_be_repeated_has_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ReplayedVecEnv([Walk]).simulator_state() == {}, "before the first reset"
    with_options = walks()
    with_options.set_options({"a": 1})
    with_options.reset()
    assert with_options.simulator_state() == {}
    monkeypatch.setattr(replayed_vec_env, "LONGEST", 5)
    long = make_vec_env("Pendulum-v1", 1, seed=0)
    assert isinstance(long, ReplayedVecEnv)
    long.reset()
    played(long, 5, seed=0)
    assert len(long.simulator_state()["actions_0"]) == 5
    played(long, 1, seed=0)
    assert long.simulator_state() == {}
    played(long, 195, seed=0)  # the next episode is short again
    assert len(long.simulator_state()["actions_0"]) == 1
    with pytest.raises(InputError, match="were not saved"):
        long.restore_simulator_state({})
    with pytest.raises(InputError, match="another number of environments"):
        long.restore_simulator_state(walks().simulator_state())
