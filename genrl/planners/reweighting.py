"""Guidance of models that have no gradient in what they draw: of several draws, the better ones are likelier kept."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genrl.nn import resampled
from genrl.planners.trajectory_model import Guide

__all__ = ["reweighted"]


def reweighted(draw: Callable[[int], Tensor], guide: Guide | None, candidates: int) -> Tensor:
    """Draws of p(x) exp(guide(x)), up to a constant, by sampling-importance-resampling (Rubin 1987).

    Args:
        draw: gives so many draws for each row, side by side: (rows * number, ...).
        guide: of draws; None for p itself.
        candidates: for each row, of which one is taken; exact as their number goes to infinity, while no finite number
            reaches what p never draws.

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> led = reweighted(lambda number: torch.randn(500 * number, 1), lambda x: 2 * x[:, 0], candidates=200)
    >>> bool(1.5 < led.mean() < 2.1)  # N(2, 1)
    True
    """
    if guide is None:
        return draw(1)
    drawn = draw(candidates)
    with torch.no_grad():
        return resampled(drawn, guide(drawn), candidates)
