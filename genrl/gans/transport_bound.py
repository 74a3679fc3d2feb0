"""What a critic says about the distance between two clouds of points."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["transport_bound"]

SCALES = torch.logspace(0, 3, 61, dtype=torch.float64)
"""Multiples of a critic's heights that are tried; the first makes its steepest slope 1."""


@torch.no_grad()
def transport_bound(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> float:
    """A lower bound of the Wasserstein-1 distance between two clouds, by Kantorovich & Rubinstein's dual.

    The dual is the greatest difference of means of a function whose slope between any two of the points is at most 1.
    A learned critic is all but that: its scale is its own, and it is too steep between a few points. So its heights f
    are scaled, and cut down to h(x) = min over points y of f(y) + |x - y|, which is 1-Lipschitz for any f, and equals
    an f that already is. The greatest difference over a range of scales is given. It is a bound for any critic, and the
    best one makes it equal to the cost of the best transport plan.

    Args:
        critic: (rows, features) to (rows,) heights.
        real: (n, features).
        fake: (m, features).

    >>> line = torch.arange(5.0)[:, None]
    >>> round(transport_bound(lambda x: 7 * x[:, 0], line + 3, line), 4)
    3.0
    """
    points = torch.cat([real, fake]).double()
    heights = critic(torch.cat([real, fake])).double()
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    steepest = ((heights[:, None] - heights).abs() / distances.masked_fill(distances == 0, torch.inf)).max()
    if steepest == 0:
        return 0.0
    gaps = []
    for scale in SCALES:
        cut = (scale / steepest * heights + distances).min(1).values
        gaps.append(cut[: len(real)].mean() - cut[len(real) :].mean())
    return float(torch.stack(gaps).max())
