"""Roots of increasing functions of one number, many at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["increasing_root"]


def increasing_root(
    function: Callable[[Tensor], tuple[Tensor, Tensor]], low: Tensor, high: Tensor, *, iterations: int = 60
) -> Tensor:
    """Where each function is 0, by Newton's method, safeguarded by bisection.

    A Newton step that leaves the bracket, which shrinks with every evaluation, gives way to its midpoint. The result
    carries no gradient.

    Args:
        function: maps t (...) to (values, slopes), both (...), the slopes positive.
        low: (...) where the function is not positive.
        high: (...) where it is not negative.
        iterations: at most; it ends early once no step moves any more.

    >>> increasing_root(lambda t: (t**3 - 8, 3 * t**2), torch.tensor([0.0]), torch.tensor([10.0]))
    tensor([2.])
    """
    with torch.no_grad():
        place = (low + high) / 2
        for _ in range(iterations):
            value, slope = function(place)
            low, high = torch.where(value <= 0, place, low), torch.where(value >= 0, place, high)
            newton = place - value / slope
            middle = (low + high) / 2
            after = torch.where((newton > low) & (newton < high), newton, middle)
            if torch.equal(after, place):
                break
            place = after
        return place
