"""Samplers that run a noise process backwards in time, noise included."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from genrl.score.langevin import Score, langevin
from genrl.score.noise import NoiseProcess

__all__ = ["euler_maruyama", "predictor_corrector"]


def euler_maruyama(score: Score, noise: NoiseProcess, x: Tensor, times: Tensor) -> Tensor:
    """Dx = (drift - diffusion^2 score) dt + diffusion dw, backwards by steps (Song et al. 2021, equation 6).

    Args:
        score: grad_x log p_t(x) at a time t.
        noise: the process.
        x: (rows, features) draws at the first time.
        times: (steps + 1,), falling.

    Returns:
        (rows, features) draws at the last time.
    """
    for time, after in pairwise(times):
        x = _back(score, noise, x, time, after)
    return x


def predictor_corrector(
    score: Score, noise: NoiseProcess, x: Tensor, times: Tensor, *, corrections: int = 1, signal_to_noise: float = 0.16
) -> Tensor:
    """Each step back is corrected by Langevin dynamics at the time arrived at (Song et al. 2021, algorithms 1 to 3).

    Departure from the paper: the step size is 2 (signal_to_noise std(t))^2 for all rows, where the paper measures the
    score's length over the batch, which is 1 / std(t) in each column on average. Rows thus do not depend on each other.

    Args:
        score: grad_x log p_t(x) at a time t.
        noise: the process.
        x: (rows, features) draws at the first time.
        times: (steps + 1,), falling.
        corrections: steps of the dynamics at each time.
        signal_to_noise: of these steps.

    Returns:
        (rows, features) draws at the last time.
    """
    for time, after in pairwise(times):
        x = _back(score, noise, x, time, after)
        # langevin's step size counts twice what the paper's does
        size = 4 * (signal_to_noise * noise.std(after)).square()
        x = langevin(lambda x, after=after: score(x, after), x, step_size=size, steps=corrections)  # type: ignore[misc]
    return x


def _back(score: Score, noise: NoiseProcess, x: Tensor, time: Tensor, after: Tensor) -> Tensor:
    step, strength = time - after, noise.diffusion(time)
    slope = strength.square() * score(x, time) - noise.drift(x, time)
    return x + step * slope + step.sqrt() * strength * torch.randn_like(x)
