"""Samples of any shape, from a way that leads rows of noise to rows in standard units."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from genrl.nn import Units
from genrl.score.noise import NoiseProcess
from genrl.score.sampling import drown

__all__ = ["draw"]

AT_ONCE = 16_384  # rows, which bounds the memory


def draw(
    way: Callable[[Tensor, Tensor | None], Tensor],
    noise: NoiseProcess,
    units: Units,
    sample_shape: int | tuple[int, ...],
    event_shape: tuple[int, ...],
    context: Tensor | None,
) -> Tensor:
    """Draws of shape `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context.

    Args:
        way: from (rows, features) at the highest noise level, and the context of each, to standard units.
        noise: the process.
        units: of the rows.
        sample_shape: of the draws.
        event_shape: of a row.
        context: (rows, columns), as the way takes it, or None.
    """
    shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
    repeated = None if context is None else context.repeat(prod(shape), 1)
    start = drown(noise, units.mean.new_empty(prod(shape) if repeated is None else len(repeated), prod(event_shape)))
    drawn: list[Tensor] = []
    with torch.no_grad():
        for first in range(0, max(len(start), 1), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            drawn.append(units.restore(way(start[part], None if repeated is None else repeated[part])))
    return torch.cat(drawn).reshape(*shape, *(() if context is None else (len(context),)), *event_shape)
