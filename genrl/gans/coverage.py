"""How much of the data a generator reaches, from samples alone."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["COLLAPSED", "coverage"]

COLLAPSED = 0.4
"""Coverage below which a fit says so: a generator of two modes out of eight reaches a quarter of the data."""


def coverage(real: Tensor, fake: Tensor, neighbours: int = 5) -> float:
    """Share of real rows that have a fake one among their nearest (Naeem et al. 2020, equation 7).

    Near is whatever lies no further than the real row's k-th nearest real neighbour. Of equally many rows of one
    distribution about 1 - 2^-k are reached, 0.97 for k = 5; a generator that knows one of eight modes reaches an
    eighth. It looks at no density and needs no knowledge of the modes.

    Args:
        real: (n, features), n of 2 or more.
        fake: (m, features).
        neighbours: k; n - 1 if that is less.

    >>> line = torch.arange(10.0)[:, None]
    >>> coverage(line, line + 0.1), round(coverage(line, torch.full((10, 1), 9.0), neighbours=1), 2)
    (1.0, 0.2)
    """
    k = min(neighbours, len(real) - 1)
    radii = torch.cdist(real, real).kthvalue(k + 1, dim=1).values  # a row is its own nearest
    nearest = torch.cdist(real, fake).min(1).values
    return float((nearest <= radii).float().mean())
