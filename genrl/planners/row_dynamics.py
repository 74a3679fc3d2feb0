"""How well the rows of trajectories follow from each other: whether a plan is one that the task could carry out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.nn import Units, mlp
from genrl.planners.trajectory_grids import TrajectoryColumns
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["RowDynamics"]


class RowDynamics(nn.Module):
    """The next row's observation from a row's observation and (if it has one) action, learned from real trajectories.

    Its error on plans, beside its error on trajectories that it was not fitted to, says how far plans break the rules
    of the task: rows that cannot follow from each other are as surprising to it as they are wrong.

    Args:
        columns: of the grids; without actions a row says less about the next, of real trajectories and of plans alike.
        hidden: widths of the network.
        fitting: settings of the fit.

    >>> columns = TrajectoryColumns(observations=1, actions=1)
    >>> actions = torch.rand(500, 5, 1)
    >>> grids = torch.cat([actions.cumsum(1) - actions, actions], -1)  # moved by the action
    >>> rules = RowDynamics(columns, fitting=GradientFitting(updates=200, learning_rate=1e-2)).fit(grids)
    >>> rules.error(grids) < 0.2 < rules.error(grids[torch.randperm(500), :].flip(1))
    True
    """

    def __init__(
        self,
        columns: TrajectoryColumns,
        *,
        hidden: tuple[int, ...] = (128, 128),
        fitting: GradientFitting = GradientFitting(updates=2000, learning_rate=2e-3),
    ) -> None:
        super().__init__()
        self.state = [column for column in range(columns.observations) if column not in columns.goal]
        self.seen = [*self.state, *range(columns.count)[columns.action_columns]]
        self.fitting = fitting
        self.units, self.moves = Units((len(self.seen),)), Units((len(self.state),))
        self.network = mlp([len(self.seen), *hidden, len(self.state)], activation="silu")

    def fit(self, grids: Tensor) -> RowDynamics:
        """Learn from (grids, time, columns)."""
        x, y = self._pairs(grids)
        self.units.measure(x)
        self.moves.measure(y)
        fit_by_gradient(self, x, y, self.fitting)
        return self

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean squared error of the moves (the context), in deviations of each column's."""
        assert context is not None
        return {"loss": (self.network(self.units.remove(x)) - self.moves.remove(context)).square().mean()}

    @torch.no_grad()
    def error(self, grids: Tensor) -> float:
        """Root mean squared error from row to row, in deviations of each column's moves."""
        return float(self.loss(*self._pairs(grids))["loss"].sqrt())

    def _pairs(self, grids: Tensor) -> tuple[Tensor, Tensor]:
        """Rows, and the moves of the state to the next."""
        moves = grids[:, 1:, self.state] - grids[:, :-1, self.state]
        return grids[:, :-1, self.seen].flatten(0, 1), moves.flatten(0, 1)
