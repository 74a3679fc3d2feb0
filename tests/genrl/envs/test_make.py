"""The door of the simulator: ids, keywords, the slow way, pictures."""

import inspect
import os
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

from genrl.envs import FAST_TASKS, MujocoVecEnv, make_vec_env
from genrl.errors import InputError


@pytest.mark.parametrize(
    ("env_id", "kwargs", "message"),
    [
        ("Ant-v44", {}, "closest known are Ant-v4"),
        ("ant-v4", {}, "Ant-v4"),
        ("zzzzzzzzzzzzzzz", {}, "pprint_registry"),
        ("nowhere_to_be_found:Ant-v4", {}, "nowhere_to_be_found"),
        ("Ant-v4", {"forward_reward_weight": 2}, "no keyword 'forward_reward_weight'; it has xml_file"),
        ("Ant-v4", {"frame_skip": 2}, "no keyword 'frame_skip'"),
        ("CartPole-v1", {"wings": 2}, "wings"),
        ("Ant-v4", {"max_episode_steps": 0}, "max_episode_steps is 0"),
        ("Ant-v4", {"max_episode_steps": 1.5}, "max_episode_steps is 1.5"),
        ("Ant-v4", {"xml_file": "./nothing.xml"}, "nothing.xml"),
        ("Ant-v4", {"render_mode": "human"}, "'rgb_array' only"),
        ("Ant-v4", {"num_envs": 0}, "num_envs is 0"),
        ("Ant-v4", {"num_threads": 0}, "num_threads is 0"),
        ("Ant-v4", {"seed": -1}, "seed is -1"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_wrong_is_said(env_id: str, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_vec_env(env_id, **{"num_envs": 2, **kwargs})


def test_a_bad_model_file_is_said(tmp_path: Any) -> None:
    path = tmp_path / "bad.xml"
    path.write_text("<mujoco><nonsense/></mujoco>")
    with pytest.raises(InputError, match=r"bad\.xml"):
        make_vec_env("Ant-v4", 1, xml_file=str(path))


@pytest.mark.parametrize("name", ["Ant", "HalfCheetah", "Hopper", "Humanoid", "Walker2d"])
@pytest.mark.parametrize("version", ["v4", "v5"])
def test_keywords_and_defaults_are_those_of_gymnasium(name: str, version: str) -> None:
    entry_point = gym.spec(f"{name}-{version}").entry_point
    assert isinstance(entry_point, str)
    theirs = inspect.signature(gym.envs.registration.load_env_creator(entry_point)).parameters
    ours = inspect.signature(FAST_TASKS[f"{name}-{version}"]).parameters
    assert list(ours) == [key for key in theirs if key != "kwargs"]
    for key, parameter in ours.items():
        np.testing.assert_equal(parameter.default, theirs[key].default)


def test_other_tasks_go_the_slow_way() -> None:
    venv = make_vec_env("Pendulum-v1", 2, seed=3, max_episode_steps=4)
    assert isinstance(venv, DummyVecEnv)
    env = gym.make("Pendulum-v1")
    np.testing.assert_array_equal(venv.reset()[1], env.reset(seed=4)[0])
    dones = [venv.step(np.zeros((2, 1), dtype=np.float32))[2].all() for _ in range(4)]
    assert dones == [False, False, False, True]


def test_a_model_of_ones_own(tmp_path: Any) -> None:
    assets = os.path.join(os.path.dirname(gym.envs.mujoco.__file__), "assets")
    with open(os.path.join(assets, "ant.xml")) as file:
        text = file.read().replace('timestep="0.01"', 'timestep="0.005"')
    path = tmp_path / "slow_ant.xml"
    path.write_text(text)
    venv = make_vec_env("Ant-v5", 2, seed=0, xml_file=str(path))
    env = gym.make("Ant-v5", xml_file=str(path))
    np.testing.assert_array_equal(venv.reset()[0], env.reset(seed=0)[0])
    actions = np.full((2, 8), 0.3, dtype=np.float32)
    observation, reward, *_ = env.step(actions[0])
    found = venv.step(actions)
    np.testing.assert_array_equal(found[0][0], observation)
    assert found[1][0] == reward
    assert venv.metadata["render_fps"] == 40


def test_the_interpreter_ends_with_simulators_open() -> None:
    code = "from genrl.envs import make_vec_env; env = make_vec_env('Ant-v4', 8, num_threads=4); env.reset()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)


def test_pictures() -> None:
    """Drawn in a process of its own: how MuJoCo draws is settled when it is imported."""
    code = """
import gymnasium as gym, numpy as np
from genrl.envs import make_vec_env
kwargs = dict(render_mode="rgb_array", width=64, height=48)
venv, env = make_vec_env("Humanoid-v4", 2, seed=0, **kwargs), gym.make("Humanoid-v4", **kwargs)
venv.reset(), env.reset(seed=1)
actions = np.full((2, 17), 0.1, dtype=np.float32)
for _ in range(3):
    venv.step(actions), env.step(actions[1])
assert venv.render().shape == (96, 64, 3)
picture, = venv.env_method("render", indices=[1])
assert picture.std() > 1
np.testing.assert_array_equal(picture, env.render())
venv.close()
"""
    environment = {**os.environ, "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, timeout=60, capture_output=True, text=True, check=False
    )
    if done.returncode and any(word in done.stderr for word in ("EGL", "OpenGL", "glGetError", "GLFW")):
        pytest.skip("this machine cannot draw")
    assert done.returncode == 0, done.stderr


def test_fast_tasks_are_fast() -> None:
    venv = make_vec_env("Walker2d-v5", 2)
    assert isinstance(venv, MujocoVecEnv)
    assert venv.reset().shape == (2, 17)
    venv.close()
