"""The probability flow: an ordinary differential equation with the marginals of a noise process, but without noise.

For data plus noise it is dx / d level = -level score(x, level) (Karras et al. 2022, equation 1), and that for every
noise process, once x is divided by the share of the row that is left.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genrl.nn import divergence, estimated_divergence, runge_kutta
from genrl.score.langevin import Score

__all__ = ["estimated_flow_log_det", "flow_log_det", "heun", "karras_levels"]


def karras_levels(least: Tensor, most: Tensor, steps: int, *, rho: float = 7.0) -> Tensor:
    """(steps + 1,) noise levels from most to least, dense where they are low (Karras et al. 2022, equation 5).

    >>> karras_levels(torch.tensor(1.0), torch.tensor(100.0), 2, rho=2.0)
    tensor([100.0000,  30.2500,   1.0000])
    """
    along = torch.linspace(0, 1, steps + 1, dtype=most.dtype, device=most.device)
    return (most ** (1 / rho) + along * (least ** (1 / rho) - most ** (1 / rho))) ** rho


def heun(score: Score, x: Tensor, levels: Tensor) -> Tensor:
    """Follow the flow by Heun's method of second order, two evaluations a step (Karras et al. 2022, algorithm 1).

    Departure from the paper: the steps are taken in y = x / sqrt(1 + level^2) along the angle arctan(level), where the
    flow of N(0, 1) stands still. Standardised data look like that under much noise, so that few steps are needed there.

    Args:
        score: at each level.
        x: (rows, features) at the first level.
        levels: (steps + 1,), falling to sample, rising to encode; none is 0.

    Returns:
        (rows, features) at the last level.
    """

    def turn(x: Tensor, level: Tensor) -> Tensor:
        """Dy / d angle."""
        variance = 1 + level.square()
        return -level * (variance.sqrt() * score(x, level) + x * variance.rsqrt())

    sizes, angles = (1 + levels.square()).sqrt(), levels.atan()
    y = x / sizes[0]
    for number in range(len(levels) - 1):
        (level, after), (size, next_size) = levels[number : number + 2], sizes[number : number + 2]
        step = angles[number + 1] - angles[number]
        slope = turn(y * size, level)
        y = y + step / 2 * (slope + turn((y + step * slope) * next_size, after))
    return y * sizes[-1]


def flow_log_det(score: Score, x: Tensor, least: Tensor, most: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Carry rows from the lowest to the highest noise level, with the exact divergence on the way.

    The instantaneous change of variables (Song et al. 2021, equation 39), solved in the logarithm of the level, where
    dx / d log level = -level^2 score(x, level), by Runge-Kutta steps of fourth order.

    Args:
        score: at each level.
        x: (rows, features) at the lowest level.
        least: the lowest level.
        most: the highest.
        steps: of the solver, four evaluations each.

    Returns:
        Where the rows arrive, and (rows,) log |det| of the map: log p(x) is the log-density there plus this.
    """
    return _follow(score, divergence, x, least, most, steps)


def estimated_flow_log_det(
    score: Score, x: Tensor, least: Tensor, most: Tensor, steps: int, *, probes: int
) -> tuple[Tensor, Tensor]:
    """The same with an unbiased estimate of the divergence by random signs, the same all the way (Hutchinson 1990).

    Args:
        score: at each level.
        x: (rows, features) at the lowest level.
        least: the lowest level.
        most: the highest.
        steps: of the solver.
        probes: vectors of random signs for each row.
    """
    signs = 2.0 * torch.randint(2, (probes, *x.shape), device=x.device).to(x) - 1.0
    return _follow(score, lambda field, x: estimated_divergence(field, x, signs), x, least, most, steps)


Divergence = Callable[[Callable[[Tensor], Tensor], Tensor], tuple[Tensor, Tensor]]


def _follow(
    score: Score, diverge: Divergence, x: Tensor, least: Tensor, most: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    features = x.shape[1]

    def velocity(log_level: float, state: Tensor) -> Tensor:
        level = state.new_tensor(log_level).exp()
        moved, spread = diverge(lambda place: -level.square() * score(place, level), state[:, :features])
        return torch.cat((moved, spread[:, None]), 1)

    state = torch.cat((x, x.new_zeros(len(x), 1)), 1)
    state = runge_kutta(velocity, state, start=float(least.log()), end=float(most.log()), steps=steps)
    return state[:, :features], state[:, features]
