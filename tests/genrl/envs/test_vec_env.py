"""The contracts of the simulator with stable-baselines3 and with those who stop and go on."""

import gc
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecMonitor

from genrl.envs import MujocoVecEnv, make_vec_env
from genrl.envs.generators import generators_from_array, generators_to_array
from genrl.errors import InputError
from genrl.protocols import ResumableEnv

STATUS = Path("/proc/self/status")


def fast(env_id: str = "Hopper-v4", num_envs: int = 3, **kwargs: Any) -> MujocoVecEnv:
    venv = make_vec_env(env_id, num_envs, **{"seed": 0, **kwargs})
    assert isinstance(venv, MujocoVecEnv)
    return venv


def actions_for(venv: MujocoVecEnv, steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    space = venv.action_space
    return rng.uniform(space.low, space.high, (steps, venv.num_envs, *space.shape)).astype(np.float32)


def play(venv: MujocoVecEnv, actions: np.ndarray) -> tuple[bytes, int]:
    record, episodes = b"", 0
    for row in actions:
        observations, rewards, dones, infos = venv.step(row)
        record += observations.tobytes() + rewards.tobytes() + dones.tobytes()
        record += b"".join(info["terminal_observation"].tobytes() for info in infos if "terminal_observation" in info)
        episodes += int(dones.sum())
    return record, episodes


def test_spaces_are_gymnasiums() -> None:
    for env_id in ("Ant-v5", "Humanoid-v4"):
        venv, env = fast(env_id, 1), gym.make(env_id)
        assert venv.observation_space == env.observation_space
        assert venv.action_space == env.action_space
        assert venv.metadata["render_fps"] == env.metadata["render_fps"]
        venv.close()


def test_arrays_are_fresh_at_every_step() -> None:
    venv = fast(max_episode_steps=2)
    venv.reset()
    kept = [venv.step(row) for row in actions_for(venv, 4)]
    copies = [[np.copy(part) for part in step[:3]] for step in kept]
    for step in kept:
        step[1][:] = 1e9  # what an algorithm writes into its rewards must not come back
    later = venv.step(actions_for(venv, 1)[0])
    assert np.all(np.abs(later[1]) < 1e3)
    for step, copied in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(step[0], copied[0])
        np.testing.assert_array_equal(step[2], copied[2])
    infos = [info for step in kept for info in step[3]]
    assert len({id(info) for info in infos}) == len(infos)
    venv.close()


def test_changing_an_observation_changes_nothing_inside() -> None:
    venv, other = fast(), fast()
    venv.reset()[:] = np.nan
    other.reset()
    for row in actions_for(venv, 3):
        found, wanted = venv.step(row), other.step(row)
        np.testing.assert_array_equal(found[0], wanted[0])
        found[0][:] = np.nan
    assert np.isfinite(venv.simulator_state()["observations"]).all()


def test_time_limit_and_terminal_observation() -> None:
    venv = fast("HalfCheetah-v4", max_episode_steps=3)
    first = venv.reset()
    for step, row in enumerate(actions_for(venv, 3)):
        observations, _, dones, infos = venv.step(row)
        assert dones.all() == (step == 2)
    assert all(info["TimeLimit.truncated"] is True for info in infos)
    last = np.stack([info["terminal_observation"] for info in infos])
    assert last.shape == first.shape
    assert not np.isclose(last, observations).all(axis=1).any()


def test_no_limit() -> None:
    venv = fast("HalfCheetah-v4", 1, max_episode_steps=-1)
    venv.reset()
    assert not any(venv.step(row)[2].any() for row in actions_for(venv, 1005))


def test_seeds() -> None:
    same, shifted, unseeded = fast(seed=7), fast(seed=8), fast(seed=None)
    first = same.reset()
    np.testing.assert_array_equal(first[1:], shifted.reset()[:-1])
    assert not np.isin(first, unseeded.reset()).any()
    assert not np.isin(first, same.reset()).any()  # a second reset goes on drawing
    assert same.seed(7) == [7, 8, 9]
    np.testing.assert_array_equal(same.reset(), first)


@pytest.mark.parametrize("env_id", ["Ant-v4", "Humanoid-v5", "Walker2d-v4"])
def test_state_goes_on_to_the_bit_in_a_new_simulator(env_id: str, tmp_path: Any) -> None:
    keywords = {"max_episode_steps": 37}
    venv = fast(env_id, 4, **keywords)
    venv.reset()
    play(venv, actions_for(venv, 20))
    np.savez(tmp_path / "state.npz", **venv.simulator_state())
    wanted, episodes = play(venv, actions_for(venv, 100, seed=1))
    assert episodes > 4
    venv.close()
    other = fast(env_id, 4, seed=99, num_threads=1, **keywords)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        other.restore_simulator_state(state)
    again = other.simulator_state()
    assert play(other, actions_for(other, 100, seed=1))[0] == wanted
    other.restore_simulator_state(again)
    assert play(other, actions_for(other, 100, seed=1))[0] == wanted


def test_state_that_does_not_fit_is_refused() -> None:
    venv, ant = fast(), fast("Ant-v4")
    assert isinstance(venv, ResumableEnv)
    with pytest.raises(InputError, match="before its first reset"):
        venv.simulator_state()
    ant.reset()
    with pytest.raises(InputError, match="'physics'"):
        venv.restore_simulator_state(ant.simulator_state())
    with pytest.raises(InputError, match="nothing"):
        venv.restore_simulator_state({})


def test_generators_survive_as_arrays_in_the_middle_of_a_word() -> None:
    generator = np.random.default_rng(5)
    generator.integers(10, dtype=np.uint32)  # leaves half a word behind
    (copy,) = generators_from_array(generators_to_array([generator]))
    assert (
        copy.integers(1000, size=9, dtype=np.uint32).tolist()
        == generator.integers(1000, size=9, dtype=np.uint32).tolist()
    )


def test_wrong_calls_are_explained() -> None:
    venv = fast()
    with pytest.raises(InputError, match="before reset"):
        venv.step(np.zeros((3, 3), dtype=np.float32))
    venv.reset()
    with pytest.raises(InputError, match=r"\(3, 3\) is needed"):
        venv.step(np.zeros((2, 3), dtype=np.float32))
    with pytest.raises(InputError, match="make_vec_env"):
        venv.set_attr("healthy_reward", 2)
    with pytest.raises(InputError, match="render_mode"):
        venv.env_method("render")
    with pytest.raises(InputError, match="no method 'jump'"):
        venv.env_method("jump")


def test_attributes() -> None:
    venv = fast(max_episode_steps=9)
    assert venv.get_attr("max_episode_steps", indices=[0, 2]) == [9, 9]
    assert venv.get_attr("spec")[0].id == "Hopper-v4"
    assert not venv.has_attr("wings")
    assert venv.env_is_wrapped(gym.wrappers.TimeLimit) == [False] * 3


def test_monitor_sees_episodes() -> None:
    venv = VecMonitor(fast(max_episode_steps=5))
    venv.reset()
    for row in actions_for(venv.unwrapped, 5):  # type: ignore[arg-type]
        infos = venv.step(row)[3]
    assert [info["episode"]["l"] for info in infos] == [5] * 3


def test_a_closed_simulator_says_so() -> None:
    venv = fast(render_mode="rgb_array")
    venv.reset()
    venv.close()
    for call in (venv.reset, venv.simulator_state, venv.render, lambda: venv.step(np.zeros((3, 3)))):
        with pytest.raises(InputError, match="closed"):
            call()


@pytest.mark.skipif(not STATUS.exists(), reason="threads are counted in /proc")
def test_closing_and_forgetting_stop_the_threads() -> None:
    def count() -> int:
        return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("Threads:"))

    gc.collect()
    before = count()
    venv = fast(num_envs=8, num_threads=4)
    assert count() == before + 3
    venv.close()
    assert count() == before
    venv.close()
    forgotten = fast(num_envs=8, num_threads=4)
    del forgotten
    gc.collect()
    assert count() == before
