"""The replay buffer: what a batch is paid, and which transitions the reward model is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecNormalize

from agents.learned_rewards_replay import LearnedRewardsReplay
from agents.learner_env import LearnerEnv
from agents.off_policy_learners import SACConfig
from genrl.envs import make_vec_env
from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import ActorCriticNetwork
from genrl.rewards import AbsorbingReward
from genrl.transitions import Transitions

LOW, HIGH = np.array([-0.4, 1.0], np.float32), np.array([0.4, 5.0], np.float32)


class Level:
    """Pays a level that changes, plus the first column of the state."""

    def __init__(self) -> None:
        self.level = 0.0
        self.seen: list[Transitions] = []

    def reward(self, transitions: Transitions) -> torch.Tensor:
        self.seen.append(transitions)
        return transitions.observations[:, 0] + self.level

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        self.level += 100.0
        return {}


def filled(model: Any, steps: int = 6, *, size: int = 40, dtype: Any = np.float32) -> LearnedRewardsReplay:
    """Two environments; observations count the steps, 10 apart, and the second environment's are negative.

    The first terminates at step 2, the second is cut by the time limit at step 4; the true reward is 7777.
    """
    space = spaces.Box(-np.inf, np.inf, (3,), dtype)
    replay = LearnedRewardsReplay(size, space, spaces.Box(LOW, HIGH), "cpu", n_envs=2, reward_model=model)
    for step in range(steps):
        at = np.array([[step], [-step]]) * np.full((2, 3), 10.0)
        replay.add(
            at.astype(dtype),
            (at + 1).astype(dtype),
            np.array([[-1.0, 0.5], [1.0, -1.0]]),
            np.full(2, 7777.0),
            np.array([step == 2, step == 4]),
            [{}, {"TimeLimit.truncated": step == 4}],
        )
    return replay


def test_a_batch_is_paid_by_the_model_as_it_is_now() -> None:
    model = Level()
    replay = filled(model)
    for updates in range(3):
        batch = replay.sample(64)
        assert batch.rewards.shape == (64, 1)
        torch.testing.assert_close(batch.rewards, batch.observations[:, :1] + 100.0 * updates)
        model.update(model.seen[-1], model.seen[-1])


def test_the_true_reward_is_in_the_buffer_and_in_no_batch() -> None:
    replay = filled(Level())
    assert (replay.rewards[:6] == 7777.0).all()
    assert replay.sample(500).rewards.max() <= 50.0


def test_actions_are_shown_as_they_were_applied() -> None:
    model = Level()
    batch = filled(model).sample(200)
    (seen,) = model.seen
    first = seen.observations[:, 0] > 0
    second = seen.observations[:, 0] < 0
    assert first.any()
    assert second.any()
    torch.testing.assert_close(seen.actions[first], torch.tensor([[-0.4, 4.0]]).expand(int(first.sum()), 2))
    torch.testing.assert_close(seen.actions[second], torch.tensor([[0.4, 1.0]]).expand(int(second.sum()), 2))
    assert batch.actions.abs().max() == 1.0  # the learner's own stay scaled
    assert set(batch.actions.unique().tolist()) == {-1.0, 0.5, 1.0}


def test_only_terminations_end_and_successors_are_the_true_ones() -> None:
    model = Level()
    batch = filled(model).sample(400)
    (seen,) = model.seen
    terminal = batch.observations[:, 0] == 20.0
    cut = batch.observations[:, 0] == -40.0
    assert terminal.any()
    assert cut.any()
    assert torch.equal(seen.terminations, terminal)
    assert torch.equal(batch.dones.flatten() == 1.0, terminal)
    torch.testing.assert_close(seen.next_observations, seen.observations + 1)


def test_float64_observations_are_shown_as_float32() -> None:
    model = Level()
    filled(model, dtype=np.float64).sample(5)
    assert {tensor.dtype for tensor in (model.seen[0].observations, model.seen[0].actions)} == {torch.float32}


def test_the_newest_are_the_newest_even_after_the_buffer_has_wrapped() -> None:
    replay = filled(Level(), steps=27, size=40)  # 20 steps of two environments: it holds steps 7 .. 26
    assert replay.full
    newest = replay.draw_newest(500, window=8)
    assert set(newest.observations[:, 0].abs().unique().tolist()) == {230.0, 240.0, 250.0, 260.0}
    everything = replay.draw_newest(2000, window=10**9)
    assert set(everything.observations[:, 0].abs().unique().tolist()) == {10.0 * step for step in range(7, 27)}


def test_an_empty_buffer_has_no_newest() -> None:
    with pytest.raises(InputError, match="empty"):
        filled(Level(), steps=0).draw_newest(4, window=4)


def test_absorbing_states_are_paid_where_the_task_ended_alone() -> None:
    class One:
        def reward(self, transitions: Transitions) -> torch.Tensor:
            return torch.ones(len(transitions))

        def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
            return {}

    batch = filled(AbsorbingReward(One(), gamma=0.9)).sample(300)
    expected = torch.where(batch.dones == 1.0, 10.0, 1.0)
    torch.testing.assert_close(batch.rewards, expected)
    assert len(batch.rewards.unique()) == 2


def test_a_reward_with_gradients_leaves_none_in_the_batch() -> None:
    class Differentiable(Level):
        weight = torch.nn.Parameter(torch.ones(()))

        def reward(self, transitions: Transitions) -> torch.Tensor:
            return self.weight * super().reward(transitions)

    assert not filled(Differentiable()).sample(4).rewards.requires_grad


def test_the_time_spent_on_paying_is_counted() -> None:
    replay = filled(Level())
    replay.sample(4)
    once = replay.paying_seconds
    replay.sample(4)
    assert replay.paying_seconds > once > 0


def test_actions_without_bounds_are_refused() -> None:
    space = spaces.Box(-1, 1, (3,))
    for actions in (spaces.Discrete(3), spaces.Box(-np.inf, np.inf, (2,))):
        with pytest.raises(InputError, match="bounded Box"):
            LearnedRewardsReplay(10, space, actions, "cpu", reward_model=Level())


def test_a_normalising_environment_is_refused() -> None:
    env = VecNormalize(LearnerEnv(make_vec_env("Pendulum-v1", 1, seed=0)))
    learner = SACConfig(learning_starts=5, hidden=(8,), critic_hidden=(8,)).build(
        env, Standardise.identity(3), ActorCriticNetwork(), Level(), seed=0, device="cpu"
    )
    with pytest.raises(InputError, match="take VecNormalize off"):
        learner.learn(10)


def test_a_share_of_each_batch_is_the_experts_paid_like_the_rest() -> None:
    model = Level()
    replay = filled(model)
    rows = 5
    replay.expert = Transitions(
        observations=torch.full((rows, 3), 7.5),
        actions=torch.tensor([[0.2, 2.5]]).expand(rows, 2),
        next_observations=torch.full((rows, 3), 8.5),
        terminations=torch.tensor([True] * rows),
    )
    replay.expert_share = 0.25
    batch = replay.sample(64)
    of_expert = batch.observations[:, 0] == 7.5
    assert int(of_expert.sum()) == 16
    assert len(batch.rewards) == 64
    torch.testing.assert_close(batch.rewards, batch.observations[:, :1])
    (seen,) = model.seen
    torch.testing.assert_close(seen.actions[of_expert], torch.tensor([[0.2, 2.5]]).expand(16, 2))
    assert (batch.dones[of_expert] == 1).all()
    assert (batch.next_observations[of_expert] == 8.5).all()
    replay.expert_share = 0.0
    assert not (replay.sample(64).observations[:, 0] == 7.5).any()
