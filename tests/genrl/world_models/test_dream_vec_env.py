from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import VecMonitor
from torch import Tensor

from genrl.errors import InputError
from genrl.world_models import DreamVecEnv, EnsembleWorldModel, never
from genrl.world_models.dreamt import DreamState, Dreamt


class Counter:
    """Dreams that count upwards by the action; their disagreement is what they have counted."""

    device = torch.device("cpu")
    observation_features = 1
    starts = torch.tensor([[0.0], [0.5]])

    def __init__(self) -> None:
        self.steps = 0

    def require_built(self) -> spaces.Space[Any]:
        return spaces.Box(0, 1, (1,), np.float32)

    def disagreement_quantile(self, level: float) -> float:
        return 100 * level

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        return {"count": observations}

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        count = state["count"] + actions
        return Dreamt(
            state={"count": count},
            observations=count,
            rewards=count[:, 0],
            termination_logits=None,
            disagreement=count[:, 0],
        )


def counted(**settings: Any) -> DreamVecEnv:
    env = DreamVecEnv(Counter(), 3, **{"disagreement_level": None, "horizon": 4, **settings})
    env.reset()
    return env


ONES = np.ones((3, 1), np.float32)


def test_the_horizon_truncates() -> None:
    env = counted()
    first = env.reset()
    for step in range(1, 4):
        observations, rewards, dones, infos = env.step(ONES)
        np.testing.assert_allclose(observations, first + step)
        np.testing.assert_allclose(rewards, first[:, 0] + step)
        assert not dones.any()
        assert all(info == {"TimeLimit.truncated": False} for info in infos)
    observations, rewards, dones, infos = env.step(ONES)
    assert dones.all()
    np.testing.assert_allclose(rewards, first[:, 0] + 4)
    assert all(info["TimeLimit.truncated"] for info in infos)
    np.testing.assert_allclose([info["terminal_observation"] for info in infos], first + 4)
    assert set(observations[:, 0].tolist()) <= {0.0, 0.5}  # begun anew from real states
    assert not env.step(ONES)[2].any()


def test_disagreement_truncates_the_dreams_that_it_concerns() -> None:
    env = counted(horizon=100, disagreement_level=0.025)
    env.reset()
    assert env.limit == 2.5
    walking = np.array([[1.0], [0.0], [1.0]], np.float32)
    env.step(walking)
    env.step(walking)
    _, _, dones, infos = env.step(walking)
    assert dones[[0, 2]].all()
    assert not dones[1]
    assert infos[0]["TimeLimit.truncated"]
    assert infos[0]["dream_disagreed"]


def test_a_rule_terminates_rather_than_truncates() -> None:
    env = counted(termination=lambda observations: observations[:, 0] >= 2, horizon=3)
    env.reset()
    env.step(ONES)
    _, _, dones, infos = env.step(ONES)
    assert dones.all()
    assert not any(info["TimeLimit.truncated"] for info in infos)


def test_a_rule_stands_above_the_horizon() -> None:
    env = counted(termination=lambda observations: observations[:, 0] >= 2, horizon=2)
    env.step(ONES)
    _, _, dones, infos = env.step(ONES)
    assert dones.all()
    assert not any(info["TimeLimit.truncated"] for info in infos)


def test_every_array_is_new() -> None:
    env = counted()
    observations, rewards, *_ = env.step(ONES)
    kept = observations.copy(), rewards.copy()
    rewards += 1000
    observations += 1000
    again, paid, *_ = env.step(ONES)
    np.testing.assert_allclose(again, kept[0] + 1)
    np.testing.assert_allclose(paid, kept[1] + 1)
    assert rewards is not paid


def test_actions_are_clipped_to_their_bounds() -> None:
    env = counted()
    first = env.reset()
    np.testing.assert_allclose(env.step(5 * ONES)[0], first + 1)


def rows_of(env: DreamVecEnv, steps: int) -> list[np.ndarray]:
    rows = [env.reset()]
    for step in range(steps):
        observations, rewards, dones, _ = env.step(np.full((8, 1), np.sin(step), np.float32))
        rows += [observations, rewards, dones]
    return rows


def test_a_seed_decides_everything(small_ensemble: EnsembleWorldModel) -> None:
    dreams = [rows_of(small_ensemble.as_vec_env(8, horizon=5, seed=seed), 12) for seed in (3, 3, 4)]
    assert all(np.array_equal(a, b) for a, b in zip(dreams[0], dreams[1], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(dreams[0], dreams[2], strict=True))
    env = small_ensemble.as_vec_env(8, horizon=5, seed=9)
    rows_of(env, 3)
    env.seed(3)
    assert all(np.array_equal(a, b) for a, b in zip(dreams[0], rows_of(env, 12), strict=True))


def test_dreams_begin_in_real_states(system: Any, small_ensemble: EnsembleWorldModel) -> None:
    real = {tuple(row) for row in system.experience(40, 50, seed=0).observations.tolist()}
    assert all(tuple(row) in real for row in small_ensemble.as_vec_env(64).reset().tolist())
    given = torch.tensor([[0.25, 0.5]])
    assert (small_ensemble.as_vec_env(4, starts=given).reset() == given.numpy()).all()


def test_dreams_follow_the_system(system: Any, small_ensemble: EnsembleWorldModel, seed: int, learned: Learned) -> None:
    env = small_ensemble.as_vec_env(2000, disagreement_level=None)
    before = torch.as_tensor(env.reset())
    observations, rewards, _, _ = env.step(np.full((2000, 1), 0.5, np.float32))
    noise = torch.as_tensor(observations) - system.following(before, torch.full((2000, 1), 0.5))
    learned("bias", noise.mean(0).abs().max(), below=0.05, baseline=1.0)
    learned("relative error of the deviation", (noise.std(0) / system.std - 1).abs().max(), below=0.2, baseline=1.0)
    expected = observations @ system.costs.numpy()
    learned("bias of the reward", abs(rewards.mean() - expected.mean()), below=0.05, baseline=expected.std())


@pytest.mark.parametrize("learner", ["ppo", "sac"])
def test_learners_of_stable_baselines3_take_it(small_ensemble: EnsembleWorldModel, learner: str) -> None:
    env = VecMonitor(small_ensemble.as_vec_env(16, horizon=5, termination=never))
    if learner == "ppo":
        model: Any = PPO("MlpPolicy", env, n_steps=8, batch_size=64, n_epochs=1, device="cpu")
    else:
        model = SAC("MlpPolicy", env, learning_starts=16, batch_size=32, gradient_steps=1, device="cpu")
    model.learn(256)
    assert model.num_timesteps >= 256
    assert {episode["l"] for episode in model.ep_info_buffer} <= set(range(1, 6))


def test_learned_terminations_end_dreams(system: Any) -> None:
    model = EnsembleWorldModel(members=2, elites=2, hidden=(8,))
    model.fitting = replace(model.fitting, updates=20)
    model.fit(system.experience(20, 20, seed=0, termination_above=0.5))
    assert model.learns_terminations
    env = model.as_vec_env(200, horizon=50, disagreement_level=None)
    env.reset()
    _, _, dones, infos = env.step(np.zeros((200, 1), np.float32))
    assert 0 < dones.sum() < 200
    assert not any(info["TimeLimit.truncated"] for info in infos)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": 0}, "horizon"),
        ({"starts": torch.zeros(3, 2)}, "starts must be"),
        ({"starts": torch.zeros(0, 1)}, "starts must be"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        counted(**settings)


def test_a_step_needs_a_reset_and_an_action_each() -> None:
    env = DreamVecEnv(Counter(), 3)
    with pytest.raises(InputError, match="before reset"):
        env.step(ONES)
    env.reset()
    with pytest.raises(InputError, match="3 dreams"):
        env.step(np.ones((2, 1)))
