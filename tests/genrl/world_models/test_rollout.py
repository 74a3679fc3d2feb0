from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned

from genrl.errors import InputError
from genrl.world_models import EnsembleWorldModel


class Push:
    """Pushes against the first column; wilder without `deterministic`."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        return (-0.5 if deterministic else -3.0) * observation[:, :1], None


def test_a_rollout_is_what_the_policy_does_in_the_system(
    system: Any, small_ensemble: EnsembleWorldModel, seed: int, learned: Learned
) -> None:
    starts = system.experience(500, 1, seed=5).observations
    generator = torch.Generator().manual_seed(seed)
    dreamt = small_ensemble.rollout(Push(), starts, 8, deterministic=True, generator=generator)
    assert dreamt.observations.shape == (500, 9, 2)
    assert torch.equal(dreamt.observations[:, 0], starts)
    torch.testing.assert_close(dreamt.actions, (-0.5 * dreamt.observations[:, :-1, :1]).clamp(-1, 1))
    errors = []
    for step in range(8):
        expected = system.following(dreamt.observations[:, step], dreamt.actions[:, step])
        error = dreamt.observations[:, step + 1] - expected
        deviation = float(error.std()) / system.std
        rewards = dreamt.observations[:, step + 1] @ system.costs
        reward_error = (dreamt.rewards[:, step] - rewards).square().mean().sqrt()
        errors.append([float(error.mean(0).abs().max()), abs(deviation - 1), float(reward_error)])
    bias, of_deviation, of_reward = np.array(errors).max(0)
    learned("greatest bias", bias, below=0.1, baseline=1.0)
    learned("greatest relative error of the deviation", of_deviation, below=0.35, baseline=1.0)
    unrelated = 2**0.5 * rewards.std()
    learned("greatest error of the reward", of_reward, below=0.5, baseline=unrelated)
    assert dreamt.alive.all()
    assert dreamt.disagreement.shape == (500, 8)


def test_actions_are_kept_within_their_bounds(small_ensemble: EnsembleWorldModel) -> None:
    dreamt = small_ensemble.rollout(Push(), torch.full((3, 2), 2.0), 1)
    assert dreamt.actions.flatten().tolist() == [-1.0, -1.0, -1.0]


def test_dreams_are_marked_from_their_end_on(small_ensemble: EnsembleWorldModel) -> None:
    starts = torch.tensor([[-5.0, 0.0], [0.0, 0.0]])
    dreamt = small_ensemble.rollout(
        Push(), starts, 3, termination=lambda observations: observations[:, 0] < -2, deterministic=True
    )
    assert dreamt.alive[0].tolist() == [True, False, False]
    assert dreamt.alive[1].tolist() == [True, True, True]


def test_discrete_actions_are_one_hot() -> None:
    class Second:
        def predict(self, observation: Any, *_: Any, deterministic: bool = False) -> Any:
            return np.ones(len(observation), dtype=np.int64), None

    model = EnsembleWorldModel(members=2, elites=1, hidden=(4,)).build(2, spaces.Discrete(3), False)
    dreamt = model.rollout(Second(), torch.zeros(4, 2), 2)
    assert dreamt.actions.tolist() == [[[0.0, 1.0, 0.0]] * 2] * 4
    env = model.as_vec_env(4, starts=torch.zeros(1, 2))
    env.reset()
    assert env.step(np.array([0, 1, 2, 0]))[0].shape == (4, 2)


def test_a_horizon_below_one(small_ensemble: EnsembleWorldModel) -> None:
    with pytest.raises(InputError, match="horizon must be 1 or more"):
        small_ensemble.rollout(Push(), torch.zeros(1, 2), 0)
