"""How far ahead a world model sees: errors of its forecasts, and whether its intervals hold what they promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.nn import mean_and_deviation
from genrl.world_models.dreamt import DreamState, Dreamt
from genrl.world_models.experience import Experience

__all__ = ["Forecast", "Forecaster", "judge_forecasts"]


class Forecaster(Protocol):
    """What can be judged: it begins from an observation and goes on by actions."""

    @property
    def device(self) -> torch.device:
        """Where it works."""
        ...

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        """The state of forecasts that start from (rows, observation_dim) observations."""
        ...

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        """One step of each, drawn at random."""
        ...


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Figures of the forecasts `steps` steps ahead, under the actions that were really taken.

    Attributes:
        steps: how far ahead.
        error: root mean square error of the mean forecast of the observation, in units of the deviations of each
            column; 1 is what forecasting the mean of the data costs.
        reward_error: likewise of the reward of the last step.
        coverage_50: fraction of all observed numbers within the central half of what was drawn.
        coverage_90: within the central nine tenths.
    """

    steps: int
    error: float
    reward_error: float
    coverage_50: float
    coverage_90: float


@torch.no_grad()
def judge_forecasts(
    model: Forecaster,
    held_out: Experience,
    *,
    horizons: Sequence[int] = (1, 5, 20),
    most_starts: int = 256,
    particles: int = 32,
    seed: int = 0,
) -> list[Forecast]:
    """Compare what was observed with many draws of the model from the same start under the same actions.

    Args:
        model: fitted.
        held_out: experience that it was not trained on.
        horizons: steps ahead; those for which the experience has no long enough piece are left out.
        most_starts: pieces of experience compared, at most.
        particles: draws for each; intervals are between their quantiles.
        seed: of pieces and draws.

    Raises:
        InputError: no piece is long enough for any horizon, or there are fewer than 2 particles.
    """
    if particles < 2:
        raise InputError(f"intervals need 2 particles or more, not {particles}")
    possible = [steps for steps in sorted(horizons) if len(held_out.windows(steps))]
    if not possible:
        raise InputError(f"no piece of the experience has {min(horizons)} steps in a row")
    starts = held_out.windows(possible[-1])
    order = torch.randperm(len(starts), generator=torch.Generator().manual_seed(seed))
    starts = starts[order[:most_starts]]
    scale = mean_and_deviation(held_out.observations)[1].float().to(model.device)
    reward_scale = mean_and_deviation(held_out.rewards[:, None])[1].float().to(model.device).clamp_min(1e-8)
    generator = torch.Generator(model.device).manual_seed(seed)
    state = model.begin(_repeated(held_out.observations[starts], particles).to(model.device), generator)
    figures = []
    for step in range(1, possible[-1] + 1):
        rows = starts + step - 1
        dreamt = model.advance(state, _repeated(held_out.actions[rows], particles).to(model.device), generator)
        state = dreamt.state
        if step in possible:
            drawn = dreamt.observations.unflatten(0, (len(starts), particles))
            rewards = dreamt.rewards.unflatten(0, (len(starts), particles)).mean(1)
            seen = held_out.next_observations[rows].to(drawn)
            earned = held_out.rewards[rows].to(rewards)
            figures.append(
                Forecast(
                    steps=step,
                    error=_error(drawn.mean(1), seen, scale),
                    reward_error=_error(rewards[:, None], earned[:, None], reward_scale),
                    coverage_50=_coverage(drawn, seen, 0.5, scale),
                    coverage_90=_coverage(drawn, seen, 0.9, scale),
                )
            )
    return figures


def _repeated(rows: Tensor, times: int) -> Tensor:
    return rows.repeat_interleave(times, 0)


def _error(forecast: Tensor, seen: Tensor, scale: Tensor) -> float:
    """Columns that do not vary are left out."""
    varies = scale > 0
    return float(((forecast - seen)[:, varies] / scale[varies]).square().mean().sqrt())


def _coverage(drawn: Tensor, seen: Tensor, mass: float, scale: Tensor) -> float:
    low, high = torch.quantile(drawn, drawn.new_tensor([0.5 - mass / 2, 0.5 + mass / 2]), dim=1)
    inside = (low <= seen) & (seen <= high)
    return float(inside[:, scale > 0].float().mean())
