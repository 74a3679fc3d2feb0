"""Guidance by a value: plans are led to where a network expects a high return."""

from __future__ import annotations

import math

from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.generative_model import Progress
from genrl.nn import Units, mlp
from genrl.planners.trajectory_grids import TrajectoryColumns
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["ReturnGuide"]

REACH = 10.0  # the network sees no cell further out, in deviations


class ReturnGuide(nn.Module):
    """The return that is expected of a plan, as the logarithm of a factor on its density (Janner et al. 2022, eq. 3).

    Called with plans, it gives weight times the expected return in deviations of the returns that it was fitted to, so
    that a weight means the same for every task. Departure from the paper: the network learns from clean plans, because
    samplers show their guides what a noisy plan will probably become.

    Args:
        columns: of the plans; a return among them is not looked at.
        horizon: rows of a plan.
        weight: of the return; can be changed at any time, and below 0 leads away from it.
        hidden: widths of the network.
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> columns = TrajectoryColumns(observations=1, actions=1)
    >>> plans = torch.randn(500, 3, 2)
    >>> quick = GradientFitting(updates=200, learning_rate=1e-2)
    >>> guide = ReturnGuide(columns, 3, weight=2.0, fitting=quick).fit(plans, plans[:, :, 0].sum(1))
    >>> bool(guide(torch.ones(1, 3, 2)) > 2.0), bool(guide(-torch.ones(1, 3, 2)) < -2.0)
    (True, True)
    """

    def __init__(
        self,
        columns: TrajectoryColumns,
        horizon: int,
        *,
        weight: float = 1.0,
        hidden: tuple[int, ...] = (128, 128),
        fitting: GradientFitting = GradientFitting(updates=2000, learning_rate=1e-3),
    ) -> None:
        super().__init__()
        at_least(1, horizon=horizon, hidden=hidden)
        if not math.isfinite(weight):
            raise InputError(f"weight must be finite, not {weight}")
        self.horizon = horizon
        self.weight = weight
        self.hidden = tuple(hidden)
        self.fitting = fitting
        self.seen = columns.observations + columns.actions
        self.units, self.return_units = Units((horizon * self.seen,)), Units((1,))
        self.network = mlp([horizon * self.seen, *hidden, 1], activation="silu")

    def fit(self, plans: Tensor, returns: Tensor, *, progress: Progress | None = None) -> ReturnGuide:
        """Learn the return of real trajectories.

        Args:
            plans: (rows, horizon, columns).
            returns: (rows,).
            progress: called after each pass.

        Raises:
            InputError: shapes that do not fit each other, or the guide.
        """
        if tuple(returns.shape) != (len(plans),):
            raise InputError(f"returns must be ({len(plans)},), one for each plan, not {tuple(returns.shape)}")
        x, y = self._cells(plans), returns[:, None].to(plans)
        self.units.measure(x)
        self.return_units.measure(y)
        fit_by_gradient(self, x, y, self.fitting, progress)
        return self

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean squared error of the return (the context), in deviations."""
        assert context is not None
        return {"loss": (self._expected(x) - self.return_units.remove(context)).square().mean()}

    def forward(self, plans: Tensor) -> Tensor:
        """(rows,) of (rows, horizon, columns); differentiable.

        Raises:
            InputError: plans of another horizon, or of fewer columns.
        """
        return self.weight * self._expected(self._cells(plans))[:, 0]

    def _expected(self, x: Tensor) -> Tensor:
        found: Tensor = self.network(self.units.remove(x).clamp(-REACH, REACH))
        return found

    def _cells(self, plans: Tensor) -> Tensor:
        """(rows, cells)."""
        if plans.ndim != 3 or plans.shape[1] != self.horizon or plans.shape[2] < self.seen:
            raise InputError(
                f"plans must be (rows, {self.horizon}, {self.seen} or more), as the guide knows them, not "
                f"{tuple(plans.shape)}"
            )
        return plans[..., : self.seen].flatten(1)
