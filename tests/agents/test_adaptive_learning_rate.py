"""PPO's step size follows the KL divergence of its updates, and is where it was after a stop."""

from __future__ import annotations

from typing import Any

import pytest
from point_env import point_envs
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from agents.adaptive_learning_rate import AdaptiveLearningRate
from genrl.errors import InputError
from genrl.training.learner_state import learner_state, restore_learner


class Watch(BaseCallback):
    """Notes, between two rollouts, the update's KL divergence and the rate that the next update will use."""

    def __init__(self) -> None:
        super().__init__()
        self.kls: list[float | None] = []
        self.rates: list[float] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.kls.append(self.logger.name_to_value.get("train/approx_kl"))
        self.rates.append(self.model.lr_schedule(0.5))


def learner(**kwargs: Any) -> PPO:
    return PPO("MlpPolicy", point_envs(), n_steps=32, batch_size=64, seed=0, **kwargs)


@pytest.mark.parametrize(("rate", "desired", "grows"), [(1e-5, 0.05, True), (2e-3, 1e-4, False)])
def test_the_rate_moves_towards_the_desired_divergence(rate: float, desired: float, grows: bool) -> None:
    model, watch = learner(learning_rate=rate), Watch()
    model.learn(8 * 256, [AdaptiveLearningRate(desired), watch])
    assert watch.rates[0] == rate
    assert (watch.rates[-1] > rate) == grows
    for before, after, kl in zip(watch.rates[:-1], watch.rates[1:], watch.kls[1:], strict=True):
        assert kl is not None
        expected = before / 1.2 if kl > 1.5 * desired else before * 1.2 if kl < desired / 1.5 else before
        assert after == pytest.approx(expected)
    # The last update counts, too: training may be gone on with.
    last = model.logger.name_to_value["train/approx_kl"]
    expected = 1 / 1.2 if last > 1.5 * desired else 1.2 if last < desired / 1.5 else 1.0
    assert model.policy.optimizer.param_groups[0]["lr"] == pytest.approx(expected * watch.rates[-1])


def test_the_rate_stays_in_its_bounds() -> None:
    model, watch = learner(learning_rate=1e-3), Watch()
    model.learn(6 * 256, [AdaptiveLearningRate(1e-9, bounds=(8e-4, 2e-3)), watch])
    assert watch.rates[-1] == 8e-4


def test_the_rate_is_part_of_the_saved_state() -> None:
    model = learner(learning_rate=1e-5)
    model.learn(6 * 256, AdaptiveLearningRate(0.05))
    rate = model.policy.optimizer.param_groups[0]["lr"]
    assert rate > 1e-5
    again, watch = learner(learning_rate=1e-5), Watch()
    restore_learner(again, learner_state(model))
    again.learn(256, [AdaptiveLearningRate(0.05), watch], reset_num_timesteps=False)
    assert watch.rates[0] == pytest.approx(rate)


def test_a_divergence_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="desired_kl"):
        AdaptiveLearningRate(0.0)
