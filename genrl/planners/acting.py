"""From a plan to an action: what is done now, given where one is and what was planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.generative_model import Progress
from genrl.nn import Units, mlp
from genrl.planners.trajectory_grids import TrajectoryColumns
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient
from genrl.transitions import Demonstrations

__all__ = ["Acting", "InverseDynamics", "PlannedActions", "PositionControl"]


class Acting(Protocol):
    """Follows a plan."""

    def act(self, observations: Tensor, plans: Tensor, ages: Tensor, columns: TrajectoryColumns, stride: int) -> Tensor:
        """Actions, which may lie out of bounds.

        Args:
            observations: (rows, columns) as they are now.
            plans: (rows, horizon, columns) whose first row is where each plan was made.
            ages: (rows,) steps since then.
            columns: of the plans.
            stride: steps from row to row.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PlannedActions:
    """Does what the plan says, wherever that has led."""

    def act(self, observations: Tensor, plans: Tensor, ages: Tensor, columns: TrajectoryColumns, stride: int) -> Tensor:
        """The action of the row that is due."""
        rows = (ages // stride).clamp(max=plans.shape[1] - 1)
        return plans[torch.arange(len(plans)), rows, columns.action_columns]


@dataclass(frozen=True, kw_only=True)
class PositionControl:
    """Steers to where the plan will be a little later, as for the mazes of Janner et al. 2022.

    A proportional-derivative controller: gain (planned - actual position) + damping (planned - actual velocity), for
    tasks whose actions push along the axes of the positions.

    Raises:
        InputError: positions and velocities are not equally many.
    """

    positions: tuple[int, ...] = (0, 1)
    """Columns of the observation."""
    velocities: tuple[int, ...] = (2, 3)
    """Columns of the observation."""
    gain: float = 10.0
    """Action for a unit of distance."""
    damping: float = 1.0
    """Action for a unit of velocity."""
    ahead: int = 4
    """How many steps later."""

    def __post_init__(self) -> None:
        if len(self.positions) != len(self.velocities) or self.ahead < 0:
            raise InputError("positions and velocities must be as many, and ahead 0 or more")

    def act(self, observations: Tensor, plans: Tensor, ages: Tensor, columns: TrajectoryColumns, stride: int) -> Tensor:
        """Towards the plan as it will be, between its rows on straight lines."""
        time = ((ages + self.ahead) / stride).clamp(max=plans.shape[1] - 1)
        before = time.floor().long()
        after = (before + 1).clamp(max=plans.shape[1] - 1)
        each = torch.arange(len(plans))
        target = torch.lerp(plans[each, before], plans[each, after], (time - before)[:, None])
        positions, velocities = list(self.positions), list(self.velocities)
        distance = target[:, positions] - observations[:, positions]
        return self.gain * distance + self.damping * (target[:, velocities] - observations[:, velocities])


class InverseDynamics(nn.Module):
    """The action that leads from here to there in so many steps, learned from steps (Ajay et al. 2023, equation 8).

    It aims at the next row of the plan; a network sees the observation, the way to the aim, and the steps left.

    Args:
        observations: columns of one.
        actions: columns of one; the plan needs none.
        stride: steps from row to row.
        hidden: widths of the network.
        fitting: settings of the fit.
    """

    def __init__(
        self,
        observations: int,
        actions: int,
        stride: int,
        *,
        hidden: tuple[int, ...] = (128, 128),
        fitting: GradientFitting = GradientFitting(updates=3000, learning_rate=1e-3),
    ) -> None:
        super().__init__()
        self.hidden = tuple(hidden)
        self.fitting = fitting
        inputs = 2 * observations + 1
        self.units, self.action_units = Units((inputs,)), Units((actions,))
        self.network = mlp([inputs, *hidden, actions], activation="silu")
        self.stride = stride

    def fit(self, demonstrations: Demonstrations, *, progress: Progress | None = None) -> InverseDynamics:
        """Learn from all pairs of observations that are at most a stride apart.

        Args:
            demonstrations: with actions.
            progress: called after each pass.

        Raises:
            InputError: no actions, or no episode as long as the stride.
        """
        demonstrations.require_actions("inverse dynamics")
        seen, done = [], []
        for trajectory in demonstrations.trajectories():
            observations = torch.as_tensor(trajectory.observations, dtype=torch.float32)
            actions = torch.as_tensor(trajectory.actions, dtype=torch.float32)
            for left in range(1, min(self.stride, len(trajectory)) + 1):
                seen.append(self._inputs(observations[:-left], observations[left:], torch.tensor(float(left))))
                done.append(actions[: len(trajectory) - left + 1])
        x, y = torch.cat(seen), torch.cat(done)
        self.units.measure(x)
        self.action_units.measure(y)
        fit_by_gradient(self, x, y, self.fitting, progress)
        return self

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean squared error of the actions (the context), in deviations."""
        assert context is not None
        error = self.network(self.units.remove(x)) - self.action_units.remove(context)
        return {"loss": error.square().mean()}

    @torch.no_grad()
    def act(self, observations: Tensor, plans: Tensor, ages: Tensor, columns: TrajectoryColumns, stride: int) -> Tensor:
        """Towards the next row of the plan, or its last."""
        row = (ages // stride + 1).clamp(max=plans.shape[1] - 1)
        aims = plans[torch.arange(len(plans)), row, : columns.observations]
        left = (row * stride - ages).clamp(1, stride).to(plans)
        found: Tensor = self.network(self.units.remove(self._inputs(observations, aims, left[:, None])))
        return self.action_units.restore(found)

    @staticmethod
    def _inputs(observations: Tensor, aims: Tensor, left: Tensor) -> Tensor:
        steps = left.expand(len(observations), 1) if left.ndim else left.repeat(len(observations), 1)
        return torch.cat([observations, aims - observations, steps], 1)
