"""Steps as rows of numbers, and the units in which a conditional model meets them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.nn import Units
from genrl.world_models.experience import Experience

__all__ = ["INPUT_LIMIT", "StepUnits", "range_seen", "step_rows"]

INPUT_LIMIT = 10.0  # deviations; what is farther from the data looks to the networks as if it were here


def step_rows(experience: Experience) -> Tensor:
    """(steps, inputs + columns + 1): observation and action; change of the observation and reward; termination."""
    return torch.cat(
        [
            experience.observations,
            experience.actions,
            experience.next_observations - experience.observations,
            experience.rewards[:, None],
            experience.terminations.float()[:, None],
        ],
        1,
    )


def range_seen(experience: Experience) -> Tensor:
    """(2, observation_dim + 1) least and greatest of the observations and the reward, widened by half on both sides."""
    rewards = experience.rewards[:, None]
    seen = torch.cat(
        [torch.cat([experience.observations, rewards], 1), torch.cat([experience.next_observations, rewards], 1)]
    )
    low, high = seen.amin(0), seen.amax(0)
    margin = (high - low) / 2
    return torch.stack([low - margin, high + margin])


class StepUnits(nn.Module):
    """What a conditional model of a step is given, and what its draws stand for.

    Its context is the observation and the action, cut off at ten deviations; an outcome is the change of the
    observation and the reward, both in deviations of the data. What follows is kept to the range that was seen.

    Args:
        observations: columns of an observation.
        actions: columns of an action.

    >>> units = StepUnits(2, 1)
    >>> units.context(torch.zeros(4, 2), torch.zeros(4, 1)).shape
    torch.Size([4, 3])
    >>> observations, rewards = units.following(torch.ones(4, 2), torch.ones(4, 3))
    >>> observations[0].tolist(), float(rewards[0])
    ([2.0, 2.0], 1.0)
    """

    bounds: Tensor

    def __init__(self, observations: int, actions: int) -> None:
        super().__init__()
        self.inputs = Units((observations + actions,))
        self.outcomes = Units((observations + 1,))
        infinite = torch.full((observations + 1,), float("inf"))
        self.register_buffer("bounds", torch.stack([-infinite, infinite]))

    @torch.no_grad()
    def measure(self, experience: Experience) -> None:
        """Take units and range from steps."""
        rows = step_rows(experience)
        split = len(self.inputs.mean)
        self.inputs.measure(rows[:, :split])
        self.outcomes.measure_with_constants(rows[:, split:-1])  # a column that never changes is not drawn to change
        self.bounds.copy_(range_seen(experience))

    def split(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Contexts and outcomes, in units, and terminations (...,), of rows of `step_rows`."""
        split = len(self.inputs.mean)
        context = self.inputs.remove(rows[..., :split]).clamp(-INPUT_LIMIT, INPUT_LIMIT)
        return context, self.outcomes.remove(rows[..., split:-1]), rows[..., -1]

    def context(self, observations: Tensor, actions: Tensor) -> Tensor:
        """(rows, inputs)."""
        inputs = torch.cat([observations.to(self.bounds), actions.to(self.bounds)], 1)
        return self.inputs.remove(inputs).clamp(-INPUT_LIMIT, INPUT_LIMIT)

    def following(self, observations: Tensor, outcomes: Tensor) -> tuple[Tensor, Tensor]:
        """The next observations (rows, observation_dim) and the rewards (rows,) that outcomes, in units, lead to."""
        restored = self.outcomes.restore(outcomes)
        following = torch.cat([observations + restored[:, :-1], restored[:, -1:]], 1).clamp(*self.bounds)
        return following[:, :-1], following[:, -1]
