"""What a conditional model says of a step, as a distribution of torch."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, constraints

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.protocols import Density, Sampler
from genrl.world_models.step_rows import StepUnits

__all__ = ["Outcomes"]

DRAWS = 64  # of each row, that mean and variance are those of


class Outcomes(Distribution):
    """Of rows of the next observation's columns and then the reward, one row for each of the contexts.

    Whatever the model, its mean and its variance are those of 64 draws, made when they are first asked for: the mean is
    off by an eighth of a deviation.

    Args:
        sampler: of outcomes in units, given a context.
        context: (rows, columns), as the sampler takes it.
        units: of the outcomes.
        observations: (rows, observation_dim) that the changes are added to.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}  # noqa: RUF012 - the class attribute that torch reads

    def __init__(self, sampler: GenerativeModel, context: Tensor, units: StepUnits, observations: Tensor) -> None:
        self.sampler = sampler
        self.context = context
        self.units = units.outcomes
        self.base = F.pad(observations.to(context), (0, 1))
        super().__init__(self.base.shape[:1], self.base.shape[1:], validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Every real row."""
        return constraints.independent(constraints.real, 1)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008 - torch's signature
        """Draws of shape `sample_shape + (rows, observation_dim + 1)`."""
        assert isinstance(self.sampler, Sampler)
        with torch.no_grad():
            return self.base + self.units.restore(self.sampler.sample(tuple(sample_shape), self.context))

    def log_prob(self, value: Tensor) -> Tensor:
        """`sample_shape + (rows,)` in nats, as exact as the model's own, of `sample_shape + (rows, columns)`.

        A column that never varied in the data has no scale, and its value no say.

        Raises:
            InputError: the last dimensions are others, or the model has no density.
        """
        if not isinstance(self.sampler, Density):
            raise InputError(f"{type(self.sampler).__name__} has no density: what follows can only be drawn")
        if value.shape[-2:] != self.base.shape:
            raise InputError(
                f"value must have the shape (..., {', '.join(map(str, self.base.shape))}), not {tuple(value.shape)}"
            )
        rows = self.units.remove(value - self.base)
        context = self.context.expand(*value.shape[:-2], *self.context.shape).reshape(-1, self.context.shape[-1])
        found = self.sampler.log_prob(rows.reshape(-1, rows.shape[-1]), context)
        varies = self.units.deviation > 0
        return found.reshape(value.shape[:-1]) - self.units.deviation[varies].log().sum()

    @property
    def mean(self) -> Tensor:
        """(rows, observation_dim + 1)."""
        return self._drawn.mean(0)

    @property
    def variance(self) -> Tensor:
        """(rows, observation_dim + 1)."""
        return self._drawn.var(0)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Outcomes:
        """Not supported: the batch is the rows of the context."""
        raise NotImplementedError("predict for as many rows as the batch shall have")

    @cached_property
    def _drawn(self) -> Tensor:
        return self.sample((DRAWS,))
