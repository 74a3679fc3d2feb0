"""Samples led somewhere: what is added to a score so that its density has another factor."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genrl.score.langevin import Constraint, Score

__all__ = ["Guide", "classifier_free", "guided", "held"]

Guide = Callable[[Tensor], Tensor]
"""Rows to (rows,) logarithms of a factor by which the density is multiplied; differentiable."""


def classifier_free(conditional: Score, unconditional: Score, weight: float) -> Score:
    """The score of p(x) p(context given x)^weight, up to a constant (Ho & Salimans 2021, equation 6).

    Args:
        conditional: score of p(x given context).
        unconditional: score of p(x).
        weight: 0 forgets the context, 1 takes it as it is, more exaggerates it; the paper's w + 1.
    """

    def score(x: Tensor, level: Tensor) -> Tensor:
        free = unconditional(x, level)
        return free + weight * (conditional(x, level) - free)

    return score


def guided(score: Score, guide: Guide) -> Score:
    """The score of p(x) exp(guide(x)), exactly so as the noise level goes to zero.

    The guide judges what the noisy row will probably become, x + level^2 score (Chung et al. 2023, equation 11, with
    its weight at one), so that it needs to know of clean rows only. Above level zero this is an approximation: Langevin
    dynamics forget it as the level falls, the other samplers do not quite.

    Args:
        score: of p, at each level, differentiable.
        guide: of rows (rows, features).
    """

    def led(x: Tensor, level: Tensor) -> Tensor:
        with torch.enable_grad():
            place = x.detach().requires_grad_()
            found = score(place, level)
            (slope,) = torch.autograd.grad(guide(place + level.square() * found).sum(), place)
        return found.detach() + slope

    return led


def held(x: Tensor, known: Tensor) -> Constraint:
    """A constraint that puts known numbers back, with fresh noise of the level (Song et al. 2021, appendix I.2).

    Args:
        x: (rows, features), of which some numbers are known.
        known: the same shape, True where they are.
    """
    return lambda noisy, level: torch.where(known, x + level * torch.randn_like(x), noisy)
