"""Two domains of rows: how they are checked, drawn from, and put into units and back."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.nn import Units
from genrl.row_checks import as_rows, check_event

__all__ = ["COMPARED", "DomainUnits", "as_domains", "as_source", "drawn", "repeated", "source_shape"]

COMPARED = 500
"""Rows of each domain that a report looks at."""


class DomainUnits(nn.Module):
    """Rows of one domain to flat rows around 0 of deviation 1, and back to their shape.

    Columns have a mean and a deviation each. The pixels of a channel share them: a network that treats all places alike
    then sees alike what is alike.

    Args:
        shape: of a row.

    >>> units = DomainUnits((2,))
    >>> units.measure(torch.tensor([[0.0, 5.0], [4.0, 7.0]]))
    >>> units(torch.tensor([[4.0, 7.0]])), units.inverse(torch.tensor([[1.0, 1.0]]))
    (tensor([[1., 1.]]), tensor([[4., 7.]]))
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.units = Units((shape[0], 1, 1) if len(shape) == 3 else shape)

    def measure(self, rows: Tensor) -> None:
        """Take the units from (rows, *shape)."""
        if len(self.shape) == 3:
            rows = rows.movedim(1, -1).reshape(-1, self.shape[0], 1, 1)
        self.units.measure(rows)

    def forward(self, rows: Tensor) -> Tensor:
        """(rows, *shape), or flat, to flat standard units."""
        return self.units.remove(rows.reshape(len(rows), *self.shape)).flatten(1)

    def inverse(self, standard: Tensor) -> Tensor:
        """(rows, *shape) in the units of the data."""
        return self.units.restore(standard.reshape(len(standard), *self.shape))


def as_domains(X: Any, y: Any, *, paired: bool) -> tuple[Tensor, Tensor]:
    """The rows of both domains.

    Args:
        X: (rows, ...) of the source.
        y: (rows, ...) of the target.
        paired: each row of `X` belongs to the row of `y` at its place.

    Raises:
        InputError: one of them is bad or missing, or they are not equally many though they are pairs.
    """
    source = as_rows(X, "X")
    if y is None:
        raise InputError("y is missing: a transfer is learned from rows of two domains, fit(X, y)")
    target = as_rows(y, "y")
    if paired and len(source) != len(target):
        raise InputError(f"X has {len(source)} rows, y has {len(target)}: they must be pairs")
    return source, target


def source_shape(target: tuple[int, ...], features: int) -> tuple[int, ...]:
    """The shape of a row of the source: that of the target if it has as many numbers, else flat.

    >>> source_shape((1, 8, 8), 64), source_shape((1, 8, 8), 16)
    ((1, 8, 8), (16,))
    """
    return target if prod(target) == features else (features,)


def drawn(rows: Tensor, like: Tensor) -> Tensor:
    """As many random rows as `like` has, on its device: what belongs to no row of the other domain."""
    return rows[torch.randint(len(rows), (len(like),))].to(like)


def as_source(x: Tensor, features: int, name: str = "x") -> Tensor:
    """Rows of a domain as (rows, features).

    Raises:
        InputError: they have another number of features.
    """
    flat = x.flatten(1) if x.ndim > 1 else x
    check_event(flat, (features,), name)
    return flat


def repeated(rows: Tensor, sample_shape: int | tuple[int, ...]) -> Tensor:
    """The one answer that a transfer has for each row, in the shape of samples."""
    shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
    return rows.expand(*shape, *rows.shape).clone()
