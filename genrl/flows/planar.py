"""Planar flows."""

from __future__ import annotations

import math
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.flows.conditioner import REACH
from genrl.flows.flow import Flow
from genrl.flows.latent import BaseName
from genrl.flows.root import increasing_root
from genrl.flows.transform import Transform
from genrl.nn import mlp
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["Planar", "PlanarFlow"]

LEAST_SLOPE = 0.05  # along w, which keeps the way back exact in single precision
ZERO_IS_ZERO = math.log(math.expm1(1 - LEAST_SLOPE))  # w.u = 0 comes out as 0


class Planar(Transform):
    """z = x + u tanh(w.x + b): space is stretched along u, across the plane w.x + b = 0.

    Rezende & Mohamed 2015, equation 10. It is invertible where w.u >= -1 (their appendix A.1); u is corrected along w
    so that w.u > -0.95. With a context, a network adds to u, w and b numbers that depend on it.

    Args:
        features: columns.
        context_features: of the context, 0 without.
        hidden: widths of the context's network.
    """

    def __init__(self, features: int, context_features: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = (features, features, 1)
        self.vectors = nn.Parameter(
            torch.cat((torch.zeros(features), torch.randn(features) / features**0.5, torch.zeros(1)))
        )
        self.network = (
            mlp([context_features, *hidden, 2 * features + 1], activation="relu", zero_output=True)
            if context_features
            else None
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        u, w, b, along = self._vectors(context)
        bend = ((x * w).sum(1) + b).tanh()
        return x + u * bend[:, None], (along * (1 - bend * bend)).log1p()

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data: a = w.x solves a + (w.u) tanh(a + b) = w.z, and then x is known.

        The equation is solved in double precision, and by one last Newton step with gradients.
        """
        u, w, b, along = self._vectors(context)
        target, slope, offset = ((z * w).sum(1)).double(), along.double(), b.double()

        def equation(a: Tensor) -> tuple[Tensor, Tensor]:
            bend = (a + offset).tanh()
            return a + slope * bend - target, 1 + slope * (1 - bend * bend)

        reach = slope.abs() + 1e-9
        a = increasing_root(equation, target - reach, target + reach)
        value, derivative = equation(a)
        bend = (a - value / derivative.detach() + offset).tanh().to(z)
        return z - u * bend[:, None], -(along * (1 - bend * bend)).log1p()

    def _vectors(self, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """U and w, (1 or rows, features), b and w.u, (1 or rows,)."""
        numbers = self.vectors[None]
        if self.network is not None and context is not None:
            numbers = numbers + self.network(context.clamp(-REACH, REACH))
        u, w, b = numbers.split(self.sizes, 1)
        given = (w * u).sum(1)
        along = LEAST_SLOPE - 1 + F.softplus(given + ZERO_IS_ZERO)
        u = u + ((along - given) / (w * w).sum(1).clamp(min=1e-12))[:, None] * w
        return u, w, b[:, 0], along


class PlanarFlow(Flow):
    """A stack of planar transforms (Rezende & Mohamed 2015), each bending space across one plane.

    Cheap, and weak: many are needed for more than a few modes. Departures from the paper: the closed form leads from
    data to base, which suits a fit to data, and the other direction is found by a root.

    Args:
        transforms: planes.
        hidden: widths of the networks by which a context sets the planes.
        base: "normal" or the robust "student_t".
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.flows import PlanarFlow
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.cat([torch.randn(500, 2) - 3.0, torch.randn(500, 2) + 3.0])
    >>> flow = PlanarFlow(transforms=4, fitting=GradientFitting(updates=100)).fit(x)
    >>> bool(flow.log_prob(torch.tensor([[3.0, 3.0]])) > flow.log_prob(torch.tensor([[3.0, -3.0]])))
    True
    >>> flow.sample(5).shape
    torch.Size([5, 2])
    >>> z, log_det = flow.transform(x)  # to the base distribution, and the volumes' ratio
    >>> bool((flow.inverse(z)[0] - x).abs().max() < 1e-3)
    True
    """

    architecture = "one ridge a layer; a root to find for each sample"

    def __init__(
        self,
        *,
        transforms: int = 16,
        hidden: tuple[int, ...] = (64,),
        base: BaseName = "normal",
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__(base=base, fitting=fitting)
        at_least(1, transforms=transforms, hidden=hidden)
        self.transforms = transforms
        self.hidden = tuple(hidden)

    def _transforms(self, event_shape: tuple[int, ...], context_features: int) -> list[Transform]:
        return [Planar(prod(event_shape), context_features, self.hidden) for _ in range(self.transforms)]
