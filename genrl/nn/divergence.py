"""The divergence of a vector field, the trace of its Jacobian: what a flow along the field does to a density."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["divergence", "estimated_divergence"]

Field = Callable[[Tensor], Tensor]
"""(rows, features) to (rows, features), each row by itself."""


def divergence(field: Field, x: Tensor) -> tuple[Tensor, Tensor]:
    """The field, and (rows,) its exact divergence, by one batched backward pass of as many directions as columns.

    Args:
        field: differentiable.
        x: (rows, features), where.

    >>> with torch.no_grad():
    ...     divergence(lambda x: x * x, torch.tensor([[1.0, 2.0]]))[1]
    tensor([6.])
    """
    features = x.shape[1]
    directions = torch.eye(features, dtype=x.dtype, device=x.device)[:, None].expand(-1, len(x), -1)
    # A row's value depends on its own place alone: one direction for all rows gives a row of every Jacobian.
    value, products = _products(field, x, directions)
    return value, products.diagonal(dim1=0, dim2=2).sum(1)


def estimated_divergence(field: Field, x: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """The field, and (rows,) the mean of v' J v over random directions v of unit covariance (Hutchinson 1990).

    Unbiased, and for one direction no dearer than the field itself, whatever the number of columns.

    Args:
        field: differentiable.
        x: (rows, features), where.
        directions: (probes, rows, features), of mean 0 and unit covariance, such as random signs.
    """
    value, products = _products(field, x, directions)
    return value, (products * directions).sum(2).mean(0)


def _products(field: Field, x: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """The field, and directions times its Jacobian; both without gradients where none are asked for."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        place = x if x.requires_grad else x.detach().requires_grad_()
        value = field(place)
        (products,) = torch.autograd.grad(value, place, directions, create_graph=create_graph, is_grads_batched=True)
    return (value, products) if create_graph else (value.detach(), products)
