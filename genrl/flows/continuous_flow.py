"""Continuous-time flows, trained by flow matching."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.flows.flow import Flow
from genrl.flows.latent import BaseName
from genrl.flows.transform import Transform
from genrl.flows.velocity import FollowVelocity, VelocityField
from genrl.nn import Activation
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["ContinuousFlow", "flow_matching_loss"]


class ContinuousFlow(Flow):
    """A velocity field that carries the base distribution to the data, learned by flow matching (Lipman et al. 2023).

    The fit needs no solver: the field is a regression on straight paths between noise and data. Sampling follows it by
    a Runge-Kutta method of fixed steps, and `log_prob` follows it back with the exact trace of its Jacobian (Chen et
    al. 2018), exact but for the steps; it takes a backward pass for each column, so that it suits rows of few columns.

    Args:
        steps: of the solver; the attribute can be changed at any time.
        spread: deviation of the paths about a row of the data, in deviations of the data.
        hidden: widths of the field's network.
        activation: of that network.
        base: "normal" or the robust "student_t".
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.flows import ContinuousFlow
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> y = torch.arange(1000) % 2
    >>> x = torch.randn(1000, 2) + 8.0 * y[:, None] - 4.0
    >>> flow = ContinuousFlow(steps=8, hidden=(32, 32), fitting=GradientFitting(updates=100)).fit(x, y)
    >>> flow.sample(5, context=[0, 1]).shape
    torch.Size([5, 2, 2])
    >>> corner = torch.full((1, 2), 4.0)
    >>> bool(flow.log_prob(corner, [1]) > flow.log_prob(corner, [0]))
    True
    """

    architecture = "any network of the rows' size; an equation to solve for each answer"

    def __init__(
        self,
        *,
        steps: int = 16,
        spread: float = 1e-3,
        hidden: tuple[int, ...] = (128, 128),
        activation: Activation = "silu",
        base: BaseName = "normal",
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__(base=base, fitting=fitting)
        at_least(1, steps=steps, hidden=hidden)
        if not 0 <= spread < 1:
            raise InputError(f"spread must be within 0 .. 1, not {spread}")
        self.steps = steps
        self.spread = spread
        self.hidden = tuple(hidden)
        self.activation = activation

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean squared error of the velocity, at random times of random paths; no likelihood."""
        given = self._standardised_context(self.check_rows(x, context))
        data = self.standardise(self._flat(x))[0]
        noise, time = self.latent.sample(len(data)), torch.rand_like(data[:, :1])
        return {"loss": flow_matching_loss(self._follower.field, data, noise, time, given, spread=self.spread)}

    @property
    def _follower(self) -> FollowVelocity:
        (follower,) = self.stack.transforms
        assert isinstance(follower, FollowVelocity)
        follower.steps = self.steps
        return follower

    def _transforms(self, event_shape: tuple[int, ...], context_features: int) -> list[Transform]:
        field = VelocityField(prod(event_shape), context_features, hidden=self.hidden, activation=self.activation)
        return [FollowVelocity(field, self.steps)]

    def _to_base(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        self._follower  # noqa: B018 - takes the steps as they are now
        return super()._to_base(x, context)

    def _generate(self, z: Tensor, context: Tensor | None) -> tuple[Tensor]:
        return (self.standardise.inverse(self._follower.generate(z, context))[0],)


def flow_matching_loss(
    field: VelocityField, data: Tensor, noise: Tensor, time: Tensor, context: Tensor | None, *, spread: float
) -> Tensor:
    """Conditional flow matching on optimal-transport paths (Lipman et al. 2023, equations 22 and 23).

    Args:
        field: that learns.
        data: (rows, features), where paths end.
        noise: (rows, features), where they start.
        time: (rows, 1), within 0 .. 1.
        context: (rows, columns) or None.
        spread: deviation of the paths about their end.

    Returns:
        The mean over rows of the squared error, summed over features.
    """
    place = (1 - (1 - spread) * time) * noise + time * data
    wanted = data - (1 - spread) * noise
    return (field(time, place, context) - wanted).square().sum(1).mean()
