"""The training of every expert ends at an environment that gives NaN, and what was saved before stays finite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from experts import record
from experts.hyperparameters import Algorithm, ExpertSettings, expert_settings
from experts.learner import build_learner
from experts.train import ExpertRun
from genrl.errors import NotFiniteError
from genrl.evaluation import RandomPolicy, random_return
from genrl.training import RunDirectory, read_checkpoint
from genrl.training.resumable import StopSignals

ENV = "NaNAfterAWhile-v0"


class NaNAfterAWhile(gym.Env[Any, Any]):
    """Noise; one reward or observation is NaN in step `at` of each environment."""

    observation_space, action_space = spaces.Box(-5, 5, (4,), np.float32), spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, place: str = "observation", at: int = 10**9) -> None:
        self.place, self.at, self.steps = place, at, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return self.np_random.normal(size=4).astype(np.float32), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        bad = {self.place: np.nan} if self.steps == self.at else {}
        observation = self.np_random.normal(size=4).astype(np.float32) + np.float32(bad.get("observation", 0.0))
        return observation, 1.0 + bad.get("reward", 0.0), False, self.steps % 10 == 0, {}


@pytest.fixture(autouse=True)
def registered() -> Any:
    gym.register(ENV, lambda **keywords: NaNAfterAWhile(**keywords))
    yield
    del gym.registry[ENV]


def small(algorithm: Algorithm) -> ExpertSettings:
    on_policy: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "gamma": 0.99}
    off_policy: dict[str, Any] = {"batch_size": 8, "learning_starts": 16, "buffer_size": 500}
    settings = expert_settings(algorithm, ENV, num_envs=2, n_timesteps=1000)
    arguments = on_policy if algorithm in ("ppo", "trpo") else off_policy
    return ExpertSettings(**{**vars(settings), "hidden": (8,), "arguments": arguments})


@pytest.mark.parametrize("algorithm", ["ppo", "trpo", "sac", "td3", "tqc"])
@pytest.mark.parametrize("place", ["observation", "reward"])
def test_every_expert_stops_and_keeps_what_was_finite(algorithm: Algorithm, place: str, tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, "expert", ENV, 0, {})
    learner = build_learner(algorithm, ENV, small(algorithm), seed=0, env_kwargs={"place": place, "at": 50})
    run = ExpertRun(learner=learner, directory=directory, env_id=ENV, eval_freq=32, eval_episodes=2)
    with pytest.raises(
        NotFiniteError, match=rf"{ENV} gave an? .*{place}.* is not finite \(NaN.*step 50, environment 0"
    ):
        run.train(1000, StopSignals())
    folders = [directory.best, *directory.checkpoints.iterdir()]
    assert len(folders) > 1
    for folder in folders:
        for group in read_checkpoint(folder).tensors.values():
            assert all(torch.isfinite(tensor).all() for tensor in group.values())


@pytest.mark.parametrize("place", ["observation", "reward"])
def test_recordings_and_evaluations_name_the_environment(place: str) -> None:
    policy, broken = RandomPolicy(NaNAfterAWhile.action_space, 0), {"place": place, "at": 5}
    words = rf"{ENV} gave an? {place} that is not finite \(NaN.*\) in step 5, environment 0 of"
    with pytest.raises(NotFiniteError, match=words):
        record(policy, ENV, 3, env_kwargs=broken)
    with pytest.raises(NotFiniteError, match=words):
        random_return(ENV, env_kwargs=broken)
