"""A flow as a distribution of torch, so that a policy can act by it."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from genrl.errors import InputError

__all__ = ["FlowDistribution"]


class ConditionalDensity(Protocol):
    """What is asked of the flow."""

    def require_built(self) -> tuple[int, ...]:
        """The shape of a row."""
        ...

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) in nats."""
        ...

    def rsample(self, sample_shape: tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """`sample_shape + (rows,) + event_shape`."""
        ...


class FlowDistribution(Distribution):
    """p(x given context), with a batch dimension for the rows of the context, or none without a context.

    Args:
        flow: evaluated as it is when asked, so that its parameters receive gradients.
        context: (rows, context_features) or None.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}  # noqa: RUF012 - the class attribute that torch reads
    has_rsample = True

    def __init__(self, flow: ConditionalDensity, context: Tensor | None) -> None:
        self.flow = flow
        self.context = context
        batch_shape = torch.Size(() if context is None else context.shape[:1])
        super().__init__(batch_shape, torch.Size(flow.require_built()), validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Every real row."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008 - torch's signature
        """Draws of shape `sample_shape + batch_shape + event_shape`, with gradients."""
        return self.flow.rsample(tuple(sample_shape), self.context)

    def log_prob(self, value: Tensor) -> Tensor:
        """`sample_shape + batch_shape`, in nats, of `sample_shape + batch_shape + event_shape`.

        Raises:
            InputError: the last dimensions are others.
        """
        inner = self.batch_shape + self.event_shape
        if value.shape[value.ndim - len(inner) :] != inner:
            raise InputError(f"value must have the shape (..., {', '.join(map(str, inner))}), not {tuple(value.shape)}")
        outer = value.shape[: value.ndim - len(inner)]
        context = self.context
        if context is not None:
            context = context.expand(outer + context.shape).reshape(-1, context.shape[-1])
        rows = value.reshape(-1, *self.event_shape)
        return self.flow.log_prob(rows, context).reshape(outer + self.batch_shape)

    def expand(self, batch_shape: Any, _instance: Any = None) -> FlowDistribution:
        """Not supported: the batch is the rows of the context."""
        raise NotImplementedError("give the flow a context of as many rows as the batch shall have")
