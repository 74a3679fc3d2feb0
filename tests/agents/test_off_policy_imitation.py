"""The hook of off-policy learners: when the reward model learns, from what, and what is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from point_env import point_envs
from stable_baselines3 import PPO, SAC
from stable_baselines3.common import logger as sb3_logger
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from agents.learner_env import LearnerEnv
from agents.off_policy_imitation import OffPolicyImitation
from agents.off_policy_learners import SACConfig
from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import ActorCriticNetwork
from genrl.rewards import FrozenReward
from genrl.transitions import Demonstrations, Transitions

QUIET = 10**9
SMALL = SACConfig(
    hidden=(8,), critic_hidden=(8,), learning_starts=40, batch_size=16, gradient_steps=2, reward_update_every=48
)


class StateSum:
    """Pays (number of updates so far) * the sum of the state, so a stale reward shows."""

    def __init__(self) -> None:
        self.updates = 0
        self.at: list[int] = []
        self.shown: list[Transitions] = []

    def reward(self, transitions: Transitions) -> torch.Tensor:
        return self.updates * transitions.observations.sum(1)

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        self.updates += 1
        self.shown.append(learner)
        return {"updates": float(self.updates)}


class Steps(BaseCallback):
    """Takes down at which step the model was updated, what the environments saw, and what was logged."""

    def __init__(self, model: StateSum) -> None:
        super().__init__()
        self.reward_model = model
        self.at: list[int] = []
        self.observations: list[np.ndarray] = []
        self.applied: list[np.ndarray] = []
        self.logged: dict[str, float] = {}

    def _on_step(self) -> bool:
        self.observations.append(self.model._last_obs.copy())
        self.applied.append(self.locals["actions"].copy())
        return True

    def _on_rollout_end(self) -> None:
        if self.reward_model.updates > len(self.at):
            self.at.append(self.model.num_timesteps)
            self.logged = dict(self.logger.name_to_value)


def hook(model: Any, demonstrations: Demonstrations, learner: SAC) -> BaseCallback:
    return SMALL.callbacks(model, expert_of(demonstrations, learner), log_interval=1)[0]


def build(model: Any, config: SACConfig = SMALL, **env: Any) -> SAC:
    learner = config.build(
        LearnerEnv(point_envs(4, **env)), Standardise.identity(2), ActorCriticNetwork(), model, seed=0, device="cpu"
    )
    learner.set_logger(sb3_logger.configure(None, []))
    return learner


def expert_of(demonstrations: Demonstrations, learner: SAC) -> Transitions:
    return demonstrations.transitions(learner.action_space)


def test_the_reward_model_learns_every_so_many_steps(demonstrations: Demonstrations) -> None:
    model = StateSum()
    learner, steps = build(model), Steps(model)
    learner.learn(200, CallbackList([hook(model, demonstrations, learner), steps]), log_interval=QUIET)
    assert steps.at == [48, 96, 144, 192]
    # Stopped and gone on with at any step, it learns at the same ones.
    learner.learn(
        100, CallbackList([hook(model, demonstrations, learner), steps]), log_interval=QUIET, reset_num_timesteps=False
    )
    assert steps.at == [48, 96, 144, 192, 240, 288]


def test_it_is_shown_the_newest_steps_as_they_happened(demonstrations: Demonstrations) -> None:
    model = StateSum()
    learner, steps = build(model), Steps(model)
    hook = OffPolicyImitation(model, expert_of(demonstrations, learner), update_every=100, window=20, rows=300)
    learner.learn(100, CallbackList([hook, steps]), log_interval=QUIET)
    (shown,) = model.shown
    assert len(shown) == 300
    newest = np.concatenate([*steps.observations[-5:]])
    assert {tuple(row) for row in shown.observations.tolist()} == {tuple(row) for row in newest.tolist()}
    applied = {
        tuple(row): action for row, action in zip(newest.tolist(), np.concatenate(steps.applied[-5:]), strict=True)
    }
    for row, action in zip(shown.observations.tolist(), shown.actions.numpy(), strict=True):
        np.testing.assert_allclose(action, applied[tuple(row)], atol=1e-6)


def test_the_learner_is_paid_by_the_model_as_it_is(demonstrations: Demonstrations) -> None:
    model = StateSum()
    learner = build(model)
    paid: list[tuple[int, torch.Tensor, torch.Tensor]] = []
    sample = learner.replay_buffer.sample

    def watched(*args: Any, **kwargs: Any) -> Any:
        batch = sample(*args, **kwargs)
        paid.append((model.updates, batch.observations, batch.rewards))
        return batch

    learner.replay_buffer.sample = watched
    learner.learn(200, hook(model, demonstrations, learner), log_interval=QUIET)
    assert {updates for updates, _, _ in paid} == {0, 1, 2, 3, 4}
    for updates, observations, rewards in paid:
        torch.testing.assert_close(rewards[:, 0], updates * observations.sum(1))


def test_the_true_reward_cannot_reach_the_learner(demonstrations: Demonstrations) -> None:
    weights = []
    for scale in (1.0, -1000.0):
        model = StateSum()
        learner = build(model, reward_scale=scale)
        learner.learn(150, hook(model, demonstrations, learner), log_interval=QUIET)
        assert not learner.replay_buffer.rewards.any()
        weights.append(learner.policy.state_dict())
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name


def test_everything_is_logged_and_the_parts_of_the_time_add_up(demonstrations: Demonstrations, tmp_path: Path) -> None:
    model = StateSum()
    learner, steps = build(model), Steps(model)
    learner.set_logger(sb3_logger.configure(str(tmp_path), ["csv"]))
    learner.learn(
        600,
        CallbackList([hook(model, demonstrations, learner), steps]),
        log_interval=QUIET,
    )
    learner.logger.close()
    assert steps.logged["disc/updates"] == model.updates  # still there for the callbacks that follow
    header, *lines = (tmp_path / "progress.csv").read_text().splitlines()
    names = header.split(",")
    table = [dict(zip(names, line.split(","), strict=True)) for line in lines]
    assert len(table) == model.updates == 12
    assert [int(row["time/total_timesteps"]) for row in table] == steps.at
    last = table[-1]
    assert float(last["disc/updates"]) == 12.0
    assert float(last["reward/learned_std"]) > 0
    assert float(last["rollout/ep_rew_mean"]) < 0  # the true return
    assert "train/critic_loss" in last
    for part in ("collect", "discriminator", "relabel", "update"):
        assert float(last[f"time/{part}"]) > 0, part
    parts = sum(
        float(row[f"time/{part}"]) for row in table for part in ("collect", "discriminator", "relabel", "update")
    )
    assert parts <= float(last["time/time_elapsed"]) + 1.0  # which is in whole seconds


def test_fewer_lines_on_demand(demonstrations: Demonstrations, tmp_path: Path) -> None:
    model = StateSum()
    learner = build(model)
    learner.set_logger(sb3_logger.configure(str(tmp_path), ["csv"]))
    hook = SMALL.callbacks(model, expert_of(demonstrations, learner), log_interval=4)[0]
    learner.learn(600, hook, log_interval=QUIET)
    assert len((tmp_path / "progress.csv").read_text().splitlines()) == 1 + 3


def test_the_control_is_never_updated(demonstrations: Demonstrations) -> None:
    model = StateSum()
    learner = build(model)
    learner.learn(
        150,
        hook(FrozenReward(model), demonstrations, learner),
        log_interval=QUIET,
    )
    assert model.updates == 0


def test_a_learner_that_is_not_paid_is_refused(demonstrations: Demonstrations) -> None:
    model = StateSum()
    env = LearnerEnv(point_envs(2))
    expert = demonstrations.transitions(env.action_space)
    for learner in (SAC("MlpPolicy", env), PPO("MlpPolicy", env, n_steps=8, batch_size=16)):
        with pytest.raises(InputError, match="does not pay"):
            learner.learn(20, OffPolicyImitation(model, expert))


@pytest.mark.parametrize("name", ["update_every", "window", "rows", "log_interval"])
def test_impossible_numbers_are_refused(demonstrations: Demonstrations, name: str) -> None:
    expert = demonstrations.transitions(point_envs(1).action_space)
    with pytest.raises(InputError, match="1 or more"):
        OffPolicyImitation(StateSum(), expert, **{name: 0})
