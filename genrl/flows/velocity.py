"""The transform that follows a learned velocity, and the field that it follows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.flows.transform import Transform
from genrl.nn import Activation, TimeEmbedding, divergence, mlp, runge_kutta

__all__ = ["FollowVelocity", "VelocityField"]

FREQUENCIES = 3  # of the waves by which the field sees the time


class VelocityField(nn.Module):
    """dx/dt at a place and a time, given a context: a multilayer perceptron, zero at first.

    Args:
        features: columns.
        context_features: of the context, 0 without.
        hidden: widths between.
        activation: between the layers; a smooth one, for its derivatives are the density.
    """

    def __init__(
        self, features: int, context_features: int, *, hidden: tuple[int, ...], activation: Activation
    ) -> None:
        super().__init__()
        self.clock = TimeEmbedding(FREQUENCIES)
        sizes = [features + context_features + self.clock.columns, *hidden, features]
        self.network = mlp(sizes, activation=activation, zero_output=True)

    def forward(self, time: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, features) of times (rows, 1), or (1, 1) for all, and places (rows, features)."""
        clock = self.clock(time).expand(len(x), -1)
        seen = (x, clock) if context is None else (x, clock, context)
        found: Tensor = self.network(torch.cat(seen, 1))
        return found

    def trace(self, time: Tensor, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The velocity, and (rows,) the exact trace of its Jacobian, by one batched backward pass."""
        return divergence(lambda place: self(time, place, context), x)


class FollowVelocity(Transform):
    """From base (time 0) to data (time 1) along a velocity field; the way back is the same one.

    The log-determinant is the integral of the trace, the instantaneous change of variables (Chen et al. 2018,
    equation 8).

    Args:
        field: that is followed.
        steps: of the solver, from one end to the other.
    """

    def __init__(self, field: VelocityField, steps: int) -> None:
        super().__init__()
        self.field = field
        self.steps = steps

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        return self._follow(x, context, 1.0, 0.0)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data."""
        return self._follow(z, context, 0.0, 1.0)

    def generate(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """From base to data, without the log-determinant, which costs more than the way."""

        def velocity(time: float, x: Tensor) -> Tensor:
            found: Tensor = self.field(_as_tensor(time, x), x, context)
            return found

        return runge_kutta(velocity, z, start=0.0, end=1.0, steps=self.steps)

    def _follow(self, x: Tensor, context: Tensor | None, start: float, end: float) -> tuple[Tensor, Tensor]:
        features = x.shape[1]

        def velocity(time: float, state: Tensor) -> Tensor:
            moved, trace = self.field.trace(_as_tensor(time, state), state[:, :features], context)
            return torch.cat((moved, trace[:, None]), 1)

        state = torch.cat((x, x.new_zeros(len(x), 1)), 1)
        state = runge_kutta(velocity, state, start=start, end=end, steps=self.steps)
        return state[:, :features], state[:, features]


def _as_tensor(time: float, x: Tensor) -> Tensor:
    return x.new_full((1, 1), time)
