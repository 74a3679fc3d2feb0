"""The hook: who is paid what, when, and by whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from point_env import point_envs
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import KVWriter, Logger

from agents.adversarial_imitation import AdversarialImitation
from agents.gail import GAIL
from agents.gail_config import GAILConfig
from agents.learner_env import LearnerEnv
from agents.learners import PPOConfig, TRPOConfig
from genrl.transitions import Demonstrations, Transitions

SMALL = GAILConfig(
    ppo=PPOConfig(n_steps=32, batch_size=64, n_epochs=2),
    trpo=TRPOConfig(n_steps=32, batch_size=64, n_critic_updates=2),
    bc_warm_start=False,
    untrained_steps=256,
)


class StateSum:
    """Pays (number of updates so far) * the sum of the state, so a stale reward shows."""

    def __init__(self) -> None:
        self.updates = 0
        self.seen: list[Transitions] = []

    def reward(self, transitions: Transitions) -> torch.Tensor:
        return self.updates * transitions.observations.sum(1)

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        self.updates += 1
        self.seen.append(learner)
        return {"updates": float(self.updates)}


class Rows(KVWriter):
    """Keeps the lines of the log."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        self.rows.append(dict(key_values))

    def close(self) -> None:
        pass


class Inspect(BaseCallback):
    """Copies the buffer as the learner will train on it."""

    def __init__(self) -> None:
        super().__init__()
        self.rollouts: list[dict[str, np.ndarray]] = []
        self.terminal_values: list[tuple[int, int, float]] = []

    def _on_rollout_start(self) -> None:
        self.terminal_values = []
        self.step = 0

    def _on_step(self) -> bool:
        for env in np.flatnonzero(self.locals["dones"]):
            info = self.locals["infos"][env]
            if info["TimeLimit.truncated"]:
                with torch.no_grad():
                    observation = torch.as_tensor(info["terminal_observation"], dtype=torch.float32)[None]
                    value = self.model.policy.predict_values(observation)
                self.terminal_values.append((self.step, int(env), float(value)))
        self.step += 1
        return True

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer
        names = ("observations", "rewards", "advantages", "returns", "values", "episode_starts")
        rollout: dict[str, Any] = {name: getattr(buffer, name).copy() for name in names}
        rollout["terminal_values"] = list(self.terminal_values)
        rollout["last"] = (self.locals["values"].numpy().flatten(), self.locals["dones"].copy())
        self.rollouts.append(rollout)


def train(demonstrations: Demonstrations, model: Any, steps: int = 512, **env: Any) -> tuple[GAIL, Inspect]:
    inspect = Inspect()
    agent = GAIL(point_envs(8, **env), demonstrations, reward_model=model, seed=0, config=SMALL)
    agent.learn(steps, inspect)
    return agent, inspect


def test_each_rollout_is_paid_by_the_model_just_updated(demonstrations: Demonstrations) -> None:
    model = StateSum()
    _, inspect = train(demonstrations, model, horizon=10_000)  # no time limit, so no bootstrap in the rewards
    assert len(inspect.rollouts) == 2
    for updates, rollout in enumerate(inspect.rollouts, start=1):
        np.testing.assert_allclose(rollout["rewards"], updates * rollout["observations"].sum(-1), atol=1e-5)


def test_bootstrap_at_the_time_limit_is_kept(demonstrations: Demonstrations) -> None:
    agent, inspect = train(demonstrations, StateSum(), steps=256, horizon=9)
    (rollout,) = inspect.rollouts
    expected = rollout["observations"].sum(-1).astype(np.float64)
    assert len(rollout["terminal_values"]) > 8
    for step, env, value in rollout["terminal_values"]:
        expected[step, env] += agent.learner.gamma * value
    np.testing.assert_allclose(rollout["rewards"], expected, atol=1e-5)


def test_advantages_are_those_of_the_new_rewards(demonstrations: Demonstrations) -> None:
    agent, inspect = train(demonstrations, StateSum(), steps=256)
    (rollout,) = inspect.rollouts
    gamma, lam = agent.learner.gamma, agent.learner.gae_lambda
    last_values, dones = rollout["last"]
    advantage, following = np.zeros(8), np.zeros((32, 8))
    for step in reversed(range(32)):
        ended = dones if step == 31 else rollout["episode_starts"][step + 1]
        next_value = last_values if step == 31 else rollout["values"][step + 1]
        delta = rollout["rewards"][step] + gamma * next_value * (1 - ended) - rollout["values"][step]
        advantage = delta + gamma * lam * (1 - ended) * advantage
        following[step] = advantage
    np.testing.assert_allclose(rollout["advantages"], following, atol=1e-4)
    np.testing.assert_allclose(rollout["returns"], following + rollout["values"], atol=1e-4)


@pytest.mark.parametrize("learner", ["ppo", "trpo"])
def test_the_true_reward_cannot_reach_the_learner(demonstrations: Demonstrations, learner: Any) -> None:
    weights = []
    for scale in (1.0, -1000.0):
        agent = GAIL(point_envs(8, reward_scale=scale), demonstrations, learner=learner, seed=0, config=SMALL)
        agent.learn(512)
        weights.append(agent.learner.policy.state_dict())
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name


def test_the_true_return_is_logged(demonstrations: Demonstrations) -> None:
    agent, _ = train(demonstrations, StateSum(), steps=512, reward_scale=1000.0)
    assert agent.learner.ep_info_buffer
    assert np.mean([episode["r"] for episode in agent.learner.ep_info_buffer]) < -5000


def test_the_environment_pays_nothing_in_an_array_of_its_own() -> None:
    env = LearnerEnv(point_envs(2))
    env.reset()
    _, first, _, _ = env.step(np.zeros((2, 2)))
    first += 1.0  # what stable-baselines3 does at a time limit
    observations, second, _, _ = env.step(np.zeros((2, 2)))
    assert second.tolist() == [0.0, 0.0]
    assert observations.dtype == np.float32


def test_relabelling_a_rollout_equals_paying_each_step(demonstrations: Demonstrations) -> None:
    agent = GAIL(point_envs(4, horizon=10_000), demonstrations, seed=0, config=SMALL)
    agent.learn(128)
    model = agent.reward_model
    frozen = AdversarialImitation(Frozen(model), demonstrations.transitions(agent.env.action_space))
    inspect = Inspect()
    agent.learner.learn(128, CallbackList([frozen, inspect]))
    actions = np.clip(agent.learner.rollout_buffer.actions, -1, 1)  # flattened (env, step) by training
    observations = inspect.rollouts[0]["observations"].swapaxes(0, 1).reshape(-1, 2)
    step_by_step = [
        float(
            model.reward(
                Transitions(
                    observations=torch.as_tensor(observations[row : row + 1]),
                    actions=torch.as_tensor(actions[row : row + 1]),
                    next_observations=torch.as_tensor(observations[row : row + 1]),
                    terminations=torch.zeros(1, dtype=torch.bool),
                )
            )
        )
        for row in range(len(observations))
    ]
    together = inspect.rollouts[0]["rewards"].swapaxes(0, 1).reshape(-1)
    np.testing.assert_allclose(together, step_by_step, atol=1e-5)
    assert np.std(together) > 0.01


class Frozen:
    """A model that is not trained further."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def reward(self, transitions: Transitions) -> torch.Tensor:
        return self.model.reward(transitions)

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        return {}


class Clock:
    """A second passes whenever somebody looks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1.0
        return self.seconds


class Pause(BaseCallback):
    """Takes its time between two rollouts, as an evaluation does."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def _on_rollout_start(self) -> None:
        self.clock.seconds += 1000.0

    def _on_step(self) -> bool:
        return True


def test_every_part_of_the_loop_has_its_seconds(
    demonstrations: Demonstrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("agents.adversarial_imitation.time", SimpleNamespace(perf_counter=clock))
    agent = GAIL(point_envs(8), demonstrations, seed=0, config=SMALL)
    rows: list[dict[str, Any]] = []
    agent.learner.set_logger(Logger(folder=None, output_formats=[Rows(rows)]))
    agent.learn(3 * 256, Pause(clock))
    parts = ("collect", "discriminator", "relabel", "update", "between")
    for part in parts:
        assert all(row[f"time/{part}"] > 0 for row in rows[1:]), part
    assert all(row["time/between"] >= 1000 for row in rows)
    others = [row[f"time/{part}"] for row in rows[1:] for part in parts if part != "between"]
    assert max(others) < 1000  # nothing of the pause is counted elsewhere


def test_after_an_error_torch_has_its_threads_again(demonstrations: Demonstrations) -> None:
    class Broken(StateSum):
        def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
            assert torch.get_num_threads() == 1
            raise RuntimeError("broken")

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="broken"):
            train(demonstrations, Broken())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_hook_works_on_a_plain_learner(demonstrations: Demonstrations) -> None:
    model = StateSum()
    learner = PPO("MlpPolicy", LearnerEnv(point_envs(4)), n_steps=16, batch_size=64, seed=0)
    learner.learn(64, AdversarialImitation(model, demonstrations.transitions(learner.action_space)))
    assert model.updates == 1
    assert len(model.seen[0]) == 64
