from typing import Any

import pytest
import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.world_models import judge_forecasts
from genrl.world_models.dreamt import DreamState, Dreamt


class Known:
    """The linear system itself, with noise that is too small or too large by a factor, and an offset a step."""

    device = torch.device("cpu")

    def __init__(self, system: Any, factor: float = 1.0, offset: float = 0.0) -> None:
        self.system, self.factor, self.offset = system, factor, offset

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        return {"x": observations}

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        mean = self.system.following(state["x"], actions) + self.offset
        x = mean + self.factor * self.system.std * torch.randn(mean.shape, generator=generator)
        rewards = x @ self.system.costs
        return Dreamt(
            state={"x": x}, observations=x, rewards=rewards, termination_logits=None, disagreement=torch.zeros(len(x))
        )


def test_the_truth_is_calibrated_at_every_horizon(system: Any) -> None:
    held = system.experience(100, 25, seed=0)
    for figures in judge_forecasts(Known(system), held, particles=128, most_starts=400):
        assert figures.coverage_50 == pytest.approx(0.5, abs=0.06)
        assert figures.coverage_90 == pytest.approx(0.9, abs=0.04)


def test_the_error_of_the_truth_is_the_noise(system: Any) -> None:
    held = system.experience(100, 25, seed=0)
    (figures,) = judge_forecasts(Known(system), held, horizons=(1,), particles=256, most_starts=1000)
    scale = held.observations.std(0)
    assert figures.error == pytest.approx(float((system.std / scale).square().mean().sqrt()), rel=0.05)
    noise = system.std * float(system.costs.norm()) / float(held.rewards.std())
    assert figures.reward_error == pytest.approx(noise, rel=0.1)


def test_wrong_models_are_found_out(system: Any) -> None:
    held = system.experience(100, 25, seed=0)
    sure, unsure, off = (
        judge_forecasts(Known(system, factor, offset), held, horizons=(1,))[0]
        for factor, offset in ((0.2, 0.0), (5.0, 0.0), (1.0, 3.0))
    )
    assert sure.coverage_90 < 0.4
    assert unsure.coverage_50 > 0.95
    assert off.error > 3


def test_horizons_that_are_too_long_are_left_out(system: Any) -> None:
    figures = judge_forecasts(Known(system), system.experience(5, 6, seed=0), horizons=(1, 5, 20))
    assert [each.steps for each in figures] == [1, 5]
    with pytest.raises(InputError, match="10 steps in a row"):
        judge_forecasts(Known(system), system.experience(5, 6, seed=0), horizons=(10, 20))
    with pytest.raises(InputError, match="2 particles"):
        judge_forecasts(Known(system), system.experience(5, 6, seed=0), particles=1)
