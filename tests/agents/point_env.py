"""A task small enough to learn in seconds: walk to the goal, and stay there."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from genrl.transitions import Trajectory

GOAL = np.array([0.6, -0.4], dtype=np.float32)
HORIZON = 25


class PointEnv(gym.Env):
    """A point in a square; the action is its velocity. Leaving through the left side ends the episode."""

    def __init__(self, reward_scale: float = 1.0, horizon: int = HORIZON) -> None:
        self.observation_space = spaces.Box(-2.0, 2.0, (2,), np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.reward_scale = reward_scale
        self.horizon = horizon

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.position = self.np_random.uniform(-0.9, 0.9, 2)
        self.steps = 0
        return self.position.copy(), {}

    def step(self, action: np.ndarray) -> Any:
        self.steps += 1
        self.position = np.clip(self.position + 0.2 * np.asarray(action), -1.5, 1.0)
        reward = -float(np.linalg.norm(self.position - GOAL)) * self.reward_scale
        terminated = bool(self.position[0] < -1.2)
        return self.position.copy(), reward, terminated, self.steps >= self.horizon and not terminated, {}


class WalkToGoal:
    """The expert."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        return np.clip((GOAL - observation) / 0.2, -1, 1).astype(np.float32), None


def point_envs(count: int = 8, **kwargs: Any) -> DummyVecEnv:
    venv = DummyVecEnv([lambda: PointEnv(**kwargs) for _ in range(count)])
    venv.seed(0)
    return venv


def play(policy: Any, episodes: int, seed: int = 100) -> list[Trajectory]:
    """Whole episodes of a policy, played one after another."""
    env, trajectories = PointEnv(), []
    for episode in range(episodes):
        observation, _ = env.reset(seed=seed + episode)
        observations, actions, rewards, over = [observation], [], [], False
        while not over:
            action, _ = policy.predict(observation, deterministic=True)
            observation, reward, terminated, truncated, _ = env.step(action)
            observations.append(observation)
            actions.append(action)
            rewards.append(reward)
            over = terminated or truncated
        trajectories.append(
            Trajectory(
                observations=np.array(observations, dtype=np.float32),
                actions=np.array(actions, dtype=np.float32),
                rewards=np.array(rewards, dtype=np.float32),
                terminated=terminated,
                truncated=truncated,
            )
        )
    return trajectories
