import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

from genrl.envs import make_vec_env
from genrl.envs.observation_columns import ObservationColumns, position_velocity_columns
from genrl.errors import InputError


@pytest.mark.parametrize(
    ("env_id", "width", "expected"),
    [("Humanoid-v4", 376, 45), ("Humanoid-v5", 348, 45), ("Ant-v5", 105, 27), ("Ant-v4", 27, None), (None, 376, None)],
)
def test_positions_and_velocities_come_first(env_id, width, expected):
    columns = position_velocity_columns(env_id, width)
    assert (None if columns is None else columns.tolist()) == (None if expected is None else list(range(expected)))


def test_the_picked_columns_are_shown_in_float32():
    whole, picked = (
        make_vec_env("Hopper-v4", 2, seed=3),
        ObservationColumns(make_vec_env("Hopper-v4", 2, seed=3), [4, 0]),
    )
    assert picked.observation_space.shape == (2,)
    assert picked.observation_space.dtype == np.float32
    np.testing.assert_array_equal(picked.reset(), whole.reset()[:, [4, 0]].astype(np.float32))
    for _ in range(100):
        actions = np.full((2, 3), 0.5, dtype=np.float32)
        expected, rewards, dones, infos = whole.step(actions)
        found, same_rewards, same_dones, same_infos = picked.step(actions)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected[:, [4, 0]].astype(np.float32))
        np.testing.assert_array_equal(same_rewards, rewards)
        np.testing.assert_array_equal(same_dones, dones)
        for info, same in zip(infos, same_infos, strict=True):
            if "terminal_observation" in info:
                terminal = info["terminal_observation"][[4, 0]].astype(np.float32)
                np.testing.assert_array_equal(same["terminal_observation"], terminal)
                return
    pytest.fail("no episode ended")


def test_without_columns_all_are_shown():
    env = ObservationColumns(make_vec_env("Hopper-v4", 1, seed=0))
    assert env.reset().shape == (1, 11)
    assert env.columns is None


def test_only_vectors_have_columns():
    with pytest.raises(InputError, match="Box of one dimension"):
        ObservationColumns(DummyVecEnv([lambda: gym.make("FrozenLake-v1")]))
