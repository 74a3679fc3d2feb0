from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from genrl.errors import InputError
from genrl.evaluation import RandomPolicy, evaluate_on_vec_env, evaluate_policy, random_return


class Swing:
    """Pushes a pendulum along its spin; with `noise`, also at random from torch's generator."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        noise = 0.0 if deterministic else torch.randn(len(observation), 1).numpy()
        return np.clip(2 * np.sign(observation[:, 2:3]) + noise, -2, 2).astype(np.float32), None


class Lean:
    """Pushes a cart under its pole, which falls after a while, sooner or later by the seed."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        return (observation[:, 2] > 0).astype(np.int64), None


class Counter:
    """Recurrent: counts the steps of each env's episode and notes them."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        counts = np.zeros(len(observation), dtype=int) if state is None else state[0] + 1
        counts = np.where(episode_start, 0, counts)
        if state is not None:
            self.seen.append(counts.tolist())
        return np.ones(len(observation), dtype=np.int64), (counts,)


def plain_loop(policy: Any, env_id: str, seed: int) -> tuple[float, int]:
    env = gym.make(env_id)
    observation, _ = env.reset(seed=seed)
    total, steps, done = 0.0, 0, False
    while not done:
        action, _ = policy.predict(observation[None], deterministic=True)
        observation, reward, terminated, truncated, _ = env.step(action[0])
        total, steps, done = total + float(reward), steps + 1, terminated or truncated
    return total, steps


@pytest.mark.parametrize(("policy", "env_id"), [(Swing(), "Pendulum-v1"), (Lean(), "CartPole-v1")])
@pytest.mark.parametrize("num_envs", [None, 3, 50])
def test_equals_a_plain_loop(policy: Any, env_id: str, num_envs: int | None) -> None:
    evaluation = evaluate_policy(policy, env_id, 8, seed=11, num_envs=num_envs)
    expected = [plain_loop(policy, env_id, 11 + k) for k in range(8)]
    np.testing.assert_allclose(evaluation.returns, [total for total, _ in expected], rtol=1e-6)
    np.testing.assert_array_equal(evaluation.lengths, [steps for _, steps in expected])
    np.testing.assert_array_equal(evaluation.seeds, 11 + np.arange(8))


def test_fast_simulator_equals_a_plain_loop() -> None:
    class Steady:
        def predict(self, observation: Any, **_: Any) -> tuple[Any, Any]:
            return np.tanh(observation[:, :3]).astype(np.float32), None

    evaluation = evaluate_policy(Steady(), "Hopper-v4", 4, seed=2)
    expected = [plain_loop(Steady(), "Hopper-v4", 2 + k) for k in range(4)]
    np.testing.assert_allclose(evaluation.returns, [total for total, _ in expected], rtol=1e-6)
    np.testing.assert_array_equal(evaluation.lengths, [steps for _, steps in expected])


def test_recurrent_state_restarts_with_each_episode() -> None:
    policy = Counter()
    evaluation = evaluate_policy(policy, "CartPole-v1", 3, num_envs=3)
    assert max(max(counts) for counts in policy.seen) < evaluation.lengths.max()
    assert 0 in {count for counts in policy.seen for count in counts}  # an env that finished began again


def test_sampling_repeats_and_leaves_the_random_states_alone() -> None:
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    first = evaluate_policy(Swing(), "Pendulum-v1", 2, deterministic=False, seed=4)
    assert torch.equal(torch.randn(3), expected)
    second = evaluate_policy(Swing(), "Pendulum-v1", 2, deterministic=False, seed=4)
    np.testing.assert_array_equal(first.returns, second.returns)
    assert not first.deterministic
    assert (first.returns != evaluate_policy(Swing(), "Pendulum-v1", 2, seed=4).returns).all()


def test_own_vec_env_keywords_and_progress() -> None:
    venv = DummyVecEnv([lambda: gym.make("Pendulum-v1", g=1.0)] * 2)
    done: list[int] = []
    mine = evaluate_on_vec_env(Swing(), venv, 5, env_id="moon", seed=1, progress=done.append)
    theirs = evaluate_policy(Swing(), "Pendulum-v1", 5, seed=1, env_kwargs={"g": 1.0})
    np.testing.assert_array_equal(mine.returns, theirs.returns)
    assert (mine.env_id, done) == ("moon", [2, 4, 5])


def test_bad_input() -> None:
    with pytest.raises(InputError, match="number of episodes"):
        evaluate_policy(Swing(), "Pendulum-v1", 0)
    with pytest.raises(InputError, match="actions of shape"):
        evaluate_policy(Lean(), "Pendulum-v1", 1)


def test_random_actions_set_the_floor() -> None:
    first = random_return("Pendulum-v1", episodes=20)
    assert first == random_return("Pendulum-v1", episodes=20)
    assert -1450 < first < -1000
    space = gym.spaces.Discrete(3)
    actions, _ = RandomPolicy(space, seed=1).predict(np.zeros((200, 4)))
    assert set(actions.tolist()) == {0, 1, 2}
