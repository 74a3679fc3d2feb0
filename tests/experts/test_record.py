import gymnasium as gym
import numpy as np
import pytest
import torch

from experts import load_expert, record
from genrl.errors import InputError


class Proportional:
    """A deterministic hand-written policy that asks for more than the bounds allow."""

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return 3.0 * np.tile(observation[:, :1], (1, 3)) - 2.0, state


class FallsAtOnce:
    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return np.where(observation[:, 2] > 0, 1, 0), state


def plain_episode(policy, env, seed):
    observation, _ = env.reset(seed=seed)
    observations, actions, rewards, over = [observation], [], [], False
    while not over:
        action = policy.predict(observation[None])[0][0]
        if isinstance(env.action_space, gym.spaces.Box):
            action = np.clip(action, env.action_space.low, env.action_space.high).astype(np.float32)
        observation, reward, terminated, truncated, _ = env.step(action)
        observations.append(observation)
        actions.append(action)
        rewards.append(reward)
        over = terminated or truncated
    return np.array(observations), np.array(actions), np.array(rewards), terminated, truncated


@pytest.mark.parametrize(
    ("policy", "env_id", "episodes", "num_envs", "options"),
    [
        (Proportional(), "Hopper-v4", 5, 2, {"max_episode_steps": 12}),  # some fall, some run out of time
        (FallsAtOnce(), "CartPole-v1", 4, 3, {}),
    ],
)
def test_equals_plain_episodes_one_by_one(policy, env_id, episodes, num_envs, options):
    demonstrations = record(policy, env_id, episodes, seed=7, num_envs=num_envs, env_kwargs=options)
    env = gym.make(env_id, **options)
    for k, trajectory in enumerate(demonstrations.trajectories()):
        observations, actions, rewards, terminated, truncated = plain_episode(policy, env, 7 + k)
        np.testing.assert_array_equal(trajectory.observations, observations.astype(np.float32))
        np.testing.assert_array_equal(trajectory.actions, actions)
        np.testing.assert_allclose(trajectory.rewards, rewards.astype(np.float32))
        assert (trajectory.terminated, trajectory.truncated) == (terminated, truncated and not terminated)
    assert k == episodes - 1
    assert demonstrations.env_id == env_id


def test_actions_are_recorded_as_applied():
    demonstrations = record(Proportional(), "Hopper-v4", 1, env_kwargs={"max_episode_steps": 5})
    assert demonstrations.actions.dtype == np.float32
    assert np.abs(demonstrations.actions).max() == 1.0


def test_sampling_is_repeatable_and_leaves_the_callers_random_state():
    expert, options = load_expert("Hopper-v4"), {"max_episode_steps": 20}
    before = torch.get_rng_state()

    def sampled(seed):
        return record(expert, "Hopper-v4", 2, seed=seed, deterministic=False, env_kwargs=options).actions

    np.testing.assert_array_equal(sampled(0), sampled(0))
    assert not np.array_equal(sampled(0), sampled(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_counts_only_what_is_recorded():
    seen = []
    demonstrations = record(
        FallsAtOnce(), "CartPole-v1", 3, num_envs=2, progress=lambda done, steps: seen.append((done, steps))
    )
    assert seen[-1] == (3, len(demonstrations.actions))
    assert seen == sorted(seen)


def test_a_policy_of_another_task_is_refused():
    with pytest.raises(InputError, match="27 columns"):
        record(load_expert("Ant-v4"), "Hopper-v4", 1)


def test_no_episodes_are_refused():
    with pytest.raises(InputError, match="at least one episode"):
        record(FallsAtOnce(), "CartPole-v1", 0)
