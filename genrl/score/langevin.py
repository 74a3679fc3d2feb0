"""Langevin dynamics: a random walk up the score, which settles into the density whose score it is."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor

__all__ = ["Constraint", "Score", "annealed_langevin", "langevin"]

Score = Callable[[Tensor, Tensor], Tensor]
"""grad_x log p(x; level) of (rows, features) at a noise level, a tensor without dimensions; the shape of x."""

Constraint = Callable[[Tensor, Tensor], Tensor]
"""What x becomes after a step at a noise level, such as x with some columns put back."""


def langevin(score: Callable[[Tensor], Tensor], x: Tensor, *, step_size: float | Tensor, steps: int) -> Tensor:
    """X <- x + step_size / 2 score(x) + sqrt(step_size) noise, many times (Song & Ermon 2019, equation 4).

    As the step size goes to zero and the number of steps to infinity the rows become draws of the density. For a
    Gaussian of deviation s a step size a gives a variance of s^2 / (1 - a / (4 s^2)): too much, by that much.

    Args:
        score: of the density that is to be drawn from.
        x: (rows, features), from where; anywhere.
        step_size: in squared units of x.
        steps: how many.
    """
    for _ in range(steps):
        x = x + 0.5 * step_size * score(x) + step_size**0.5 * torch.randn_like(x)
    return x


def annealed_langevin(
    score: Score,
    x: Tensor,
    levels: Tensor,
    *,
    steps: int,
    step_size: float = 0.2,
    constrain: Constraint | None = None,
) -> Tensor:
    """Langevin dynamics at one noise level after the other (Song & Ermon 2019, algorithm 1).

    At a high level all modes are one, and the rows find their way between them; at the lowest they settle.

    Args:
        score: at each level.
        x: (rows, features), from where; random rows do.
        levels: (levels,), falling.
        steps: of the dynamics at each level.
        step_size: as a share of the level's variance, the paper's epsilon / sigma_L^2; it adds a variance of
            step_size / 4 times that of the level.
        constrain: what x becomes at the start of a level and after each step; by default what it is.
    """
    for level in levels:
        size = step_size * level.square()
        x = x if constrain is None else constrain(x, level)
        for _ in range(steps):
            x = x + 0.5 * size * score(x, level) + sqrt(step_size) * level * torch.randn_like(x)
            x = x if constrain is None else constrain(x, level)
    return x
