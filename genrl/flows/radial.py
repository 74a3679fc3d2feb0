"""Radial flows."""

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
from genrl.flows.transform import Transform
from genrl.nn import mlp
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["Radial", "RadialFlow"]

LEAST_SLOPE = 0.05  # at the centre, which keeps the way back exact in single precision
ZERO_IS_ZERO = math.log(math.expm1(1 - LEAST_SLOPE))  # beta = 0 for a raw number of 0
LEAST_RADIUS = 1e-3


class Radial(Transform):
    """z = x + beta (x - c) / (alpha + |x - c|): space is drawn towards a centre, or pushed away from it.

    Rezende & Mohamed 2015, equation 14. It is invertible where beta >= -alpha (their appendix A.2); here
    beta > -0.95 alpha. With a context, a network adds to c, alpha and beta numbers that depend on it.

    Args:
        features: columns.
        context_features: of the context, 0 without.
        hidden: widths of the context's network.
    """

    def __init__(self, features: int, context_features: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.features = features
        self.numbers = nn.Parameter(torch.cat((torch.randn(features), torch.zeros(2))))
        self.network = (
            mlp([context_features, *hidden, features + 2], activation="relu", zero_output=True)
            if context_features
            else None
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        centre, alpha, beta = self._numbers(context)
        away = x - centre
        radius = distance(away)
        return x + (beta / (alpha + radius))[:, None] * away, self._log_det(radius, alpha, beta)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data: the radius r before of the radius s after solves r^2 + (alpha + beta - s) r = alpha s."""
        centre, alpha, beta = self._numbers(context)
        away = z - centre
        after = distance(away)
        # In double precision: the root is a small difference wherever beta is near -alpha.
        long_alpha, long_after = alpha.double(), after.double()
        half = (long_alpha + beta - long_after) / 2
        root = torch.hypot(half, (long_alpha * long_after).sqrt())
        radius = torch.where(half > 0, long_alpha * long_after / (half + root).clamp(min=1e-30), root - half).to(z)
        x = centre + away * ((alpha + radius) / (alpha + radius + beta))[:, None]
        return x, -self._log_det(radius, alpha, beta)

    def _log_det(self, radius: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        nearness = 1 / (alpha + radius)
        across = (beta * nearness).log1p()  # each of the d - 1 directions on the sphere
        return (self.features - 1) * across + (alpha * beta * nearness * nearness).log1p()

    def _numbers(self, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The centre, (1 or rows, features), alpha and beta, (1 or rows,)."""
        numbers = self.numbers[None]
        if self.network is not None and context is not None:
            numbers = numbers + self.network(context.clamp(-REACH, REACH))
        centre, raw_alpha, raw_beta = numbers.split((self.features, 1, 1), 1)
        alpha = (F.softplus(raw_alpha) + LEAST_RADIUS)[:, 0]
        return centre, alpha, alpha * (LEAST_SLOPE - 1 + F.softplus(raw_beta + ZERO_IS_ZERO))[:, 0]


def distance(away: Tensor) -> Tensor:
    """(rows,) Euclidean norms, whose gradient is finite at 0 and whose squares do not overflow."""
    largest = away.detach().abs().amax(1).clamp(min=1e-12)
    return largest * ((away / largest[:, None]).square().sum(1)).clamp(min=1e-12).sqrt()


class RadialFlow(Flow):
    """A stack of radial transforms (Rezende & Mohamed 2015), each about one centre.

    Cheap, and weak: many are needed for more than a few modes. Departure from the paper: the map that it writes leads
    from data to base; both directions have a closed form.

    Args:
        transforms: centres.
        hidden: widths of the networks by which a context sets the centres.
        base: "normal" or the robust "student_t".
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from genrl.flows import RadialFlow
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(1000, 2)
    >>> ring = 3 * x / x.norm(dim=1, keepdim=True) + 0.3 * torch.randn(1000, 2)
    >>> flow = RadialFlow(transforms=4, fitting=GradientFitting(updates=40)).fit(ring)
    >>> bool(flow.log_prob(torch.tensor([[3.0, 0.0]])) > flow.log_prob(torch.tensor([[6.0, 0.0]])))
    True
    >>> with TemporaryDirectory() as folder:
    ...     flow.save(folder)
    ...     RadialFlow.load(folder).sample(5).shape
    torch.Size([5, 2])
    """

    architecture = "one bump a layer"

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
        return [Radial(prod(event_shape), context_features, self.hidden) for _ in range(self.transforms)]
