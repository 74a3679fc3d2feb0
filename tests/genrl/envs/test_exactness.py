"""The promise of the simulator: every number equals `gym.make`'s, to the bit, at any number of threads."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from experts import load_expert
from genrl.envs import FAST_TASKS, make_vec_env

Policy = Callable[[np.ndarray], np.ndarray]
NUM_ENVS = 3
SEED = 11


class Outsider:
    """Some `gym.make` environments in a loop, reset as stable-baselines3 resets them."""

    def __init__(self, env_id: str, num_envs: int = NUM_ENVS, **kwargs: Any) -> None:
        self.envs = [gym.make(env_id, **kwargs) for _ in range(num_envs)]

    def reset(self, seed: int = SEED) -> np.ndarray:
        return np.stack([env.reset(seed=seed + i)[0] for i, env in enumerate(self.envs)])

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[tuple[bool, bool]], dict[int, Any]]:
        observations, rewards, ends, terminal = [], [], [], {}
        for i, (env, action) in enumerate(zip(self.envs, actions, strict=True)):
            observation, reward, terminated, truncated, _ = env.step(action)
            ends.append((bool(terminated), truncated))
            if terminated or truncated:
                terminal[i] = observation
                observation, _ = env.reset()
            observations.append(observation)
            rewards.append(reward)
        return np.stack(observations), np.array(rewards, dtype=np.float64), ends, terminal


def assert_bits(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.dtype == wanted.dtype
    assert found.tobytes() == np.ascontiguousarray(wanted).tobytes()


def compare(env_id: str, policy: Policy, *, episodes: int, most_steps: int, **kwargs: Any) -> list[tuple[bool, bool]]:
    """Play in lockstep at one and two threads; return how each episode ended."""
    outsider = Outsider(env_id, **kwargs)
    venvs = [make_vec_env(env_id, NUM_ENVS, num_threads=n, seed=SEED, **kwargs) for n in (1, 2)]
    observations = outsider.reset()
    for venv in venvs:
        assert_bits(venv.reset(), observations)
    ended: list[tuple[bool, bool]] = []
    for _ in range(most_steps):
        actions = policy(observations)
        observations, rewards, ends, terminal = outsider.step(actions)
        for venv in venvs:
            found, found_rewards, dones, infos = venv.step(actions)
            assert_bits(found, observations)
            assert_bits(found_rewards, rewards)
            assert dones.tolist() == [terminated or truncated for terminated, truncated in ends]
            for i, (terminated, truncated) in enumerate(ends):
                assert infos[i]["TimeLimit.truncated"] == (truncated and not terminated)
                assert ("terminal_observation" in infos[i]) == (i in terminal)
                if i in terminal:
                    assert_bits(infos[i]["terminal_observation"], terminal[i])
        ended += [ends[i] for i in terminal]
        if len(ended) >= episodes:
            break
    for venv in venvs:
        venv.close()
    assert len(ended) >= episodes
    return ended


def random_policy(env_id: str, scale: float = 1.0) -> Policy:
    space = gym.make(env_id).action_space
    rng = np.random.default_rng(0)

    def act(observations: np.ndarray) -> np.ndarray:
        shape = (len(observations), *space.shape)
        return (scale * rng.uniform(space.low, space.high, shape)).astype(np.float32)

    return act


def expert_policy(env_id: str) -> Policy:
    expert = load_expert(env_id)
    return lambda observations: expert.predict(observations, deterministic=True)[0]


@pytest.mark.parametrize("env_id", FAST_TASKS)
def test_random_actions(env_id: str) -> None:
    # The time limit is just long enough for the fast to fall before it and the sturdy to reach it.
    compare(env_id, random_policy(env_id), episodes=3, most_steps=45, max_episode_steps=45)


@pytest.mark.parametrize("env_id", FAST_TASKS)
def test_gentle_actions_reach_the_time_limit(env_id: str) -> None:
    ended = compare(env_id, random_policy(env_id, 0.1), episodes=6, most_steps=30, max_episode_steps=15)
    assert (False, True) in ended


@pytest.mark.parametrize("env_id", ["Ant-v4", "Hopper-v4", "Humanoid-v4"])
def test_expert_actions(env_id: str) -> None:
    compare(env_id, expert_policy(env_id), episodes=3, most_steps=60, max_episode_steps=60)


@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        ("Ant-v4", {"use_contact_forces": True, "contact_force_range": (-0.5, 0.8), "healthy_reward": 2.0}),
        ("Ant-v4", {"terminate_when_unhealthy": False, "healthy_z_range": (0.6, 0.8)}),
        ("Ant-v4", {"healthy_z_range": (0.6, 0.8), "exclude_current_positions_from_observation": False}),
        ("Ant-v5", {"healthy_z_range": (0.6, 0.8), "main_body": "torso", "frame_skip": 3}),
        ("Ant-v5", {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.01}),
        ("HalfCheetah-v5", {"forward_reward_weight": 0.3, "ctrl_cost_weight": 2.0, "reset_noise_scale": 0.3}),
        ("HalfCheetah-v4", {"exclude_current_positions_from_observation": False}),
        ("Hopper-v4", {"terminate_when_unhealthy": False, "healthy_angle_range": (-0.01, 0.01)}),
        ("Hopper-v5", {"healthy_state_range": (-2.0, 2.0), "exclude_current_positions_from_observation": False}),
        ("Humanoid-v4", {"healthy_z_range": (1.39, 2.0), "forward_reward_weight": 0.7, "ctrl_cost_weight": 1.0}),
        ("Humanoid-v5", {"include_cvel_in_observation": False, "contact_cost_range": (0.0, 0.02)}),
        ("Humanoid-v5", {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 1e-3}),
        ("Walker2d-v4", {"terminate_when_unhealthy": False, "healthy_z_range": (1.2, 1.3)}),
        ("Walker2d-v5", {"xml_file": "walker2d.xml", "healthy_angle_range": (-0.05, 0.05)}),
    ],
)
def test_keywords(env_id: str, kwargs: dict[str, Any]) -> None:
    compare(env_id, random_policy(env_id), episodes=3, most_steps=20, max_episode_steps=20, **kwargs)


@pytest.mark.parametrize("env_id", ["Ant-v4", "Humanoid-v4"])
@pytest.mark.filterwarnings("ignore")
def test_a_diverging_simulation_goes_on_as_in_gymnasium(env_id: str, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings to a log file
    policy = random_policy(env_id)
    step = iter(range(100))

    def act(observations: np.ndarray) -> np.ndarray:
        actions = policy(observations)
        if next(step) in (3, 11):
            actions[1] *= 1e8  # motors clamp, so the state is broken below as well
            actions[2] = np.nan
        return actions

    compare(env_id, act, episodes=3, most_steps=20, max_episode_steps=20)


def test_a_broken_state_is_reset_as_in_gymnasium(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    venv = make_vec_env("Humanoid-v4", NUM_ENVS, seed=SEED)
    outsider = Outsider("Humanoid-v4")
    assert_bits(venv.reset(), outsider.reset())
    state = venv.simulator_state()  # type: ignore[attr-defined]
    state["physics"][1, 9] = np.nan
    venv.restore_simulator_state(state)  # type: ignore[attr-defined]
    broken: Any = outsider.envs[1].unwrapped
    broken.data.qpos[8] = np.nan
    actions = random_policy("Humanoid-v4")(np.empty((NUM_ENVS, 0)))
    observations, rewards, _, terminal = outsider.step(actions)
    found, found_rewards, dones, _ = venv.step(actions)
    assert_bits(found, observations)
    assert_bits(found_rewards, rewards)
    assert np.flatnonzero(dones).tolist() == list(terminal)
    venv.close()


@pytest.mark.slow
@pytest.mark.parametrize("env_id", FAST_TASKS)
def test_twenty_random_episodes(env_id: str) -> None:
    compare(env_id, random_policy(env_id), episodes=20, most_steps=20_000)


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ["Ant-v4", "Ant-v5"])  # elsewhere gentle actions last no longer than wild ones
def test_twenty_long_gentle_episodes(env_id: str) -> None:
    compare(env_id, random_policy(env_id, 0.1), episodes=20, most_steps=20_000)


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ["Ant-v4", "Hopper-v4", "Humanoid-v4"])
def test_twenty_expert_episodes(env_id: str) -> None:
    ended = compare(env_id, expert_policy(env_id), episodes=20, most_steps=7_000)
    assert (False, True) in ended
