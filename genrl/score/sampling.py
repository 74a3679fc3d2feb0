"""The samplers, each as a way from noise to rows that costs a given number of evaluations of the score."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from genrl.score.langevin import Constraint, Score, annealed_langevin
from genrl.score.noise import NoiseProcess, level_range
from genrl.score.probability_flow import heun, karras_levels
from genrl.score.reverse_sde import euler_maruyama, predictor_corrector

__all__ = ["SAMPLERS", "SamplerName", "drown", "drowned_log_prob", "sample_by_langevin"]

SamplerName = Literal["heun", "euler_maruyama", "predictor_corrector", "annealed_langevin"]

LANGEVIN_STEPS = 5  # at each noise level


def drown(noise: NoiseProcess, like: Tensor) -> Tensor:
    """Draws of data plus noise at the highest level: Gaussian, of the variance of standardised data plus noise."""
    return (1 + level_range(noise, like)[1].square()).sqrt() * torch.randn_like(like)


def drowned_log_prob(noise: NoiseProcess, z: Tensor) -> Tensor:
    """(rows,) the log-density of what `drown` draws, in nats."""
    variance = 1 + level_range(noise, z)[1].square()
    return -0.5 * (z.square() / variance + (2 * math.pi * variance).log()).sum(1)


def sample_by_langevin(
    score: Score, noise: NoiseProcess, x: Tensor, evaluations: int, constrain: Constraint | None = None
) -> Tensor:
    """Annealed Langevin dynamics on a geometric ladder of levels, five steps on each."""
    least, most = level_range(noise, x)
    rungs = max(evaluations // LANGEVIN_STEPS, 1)
    levels = most * (least / most) ** torch.linspace(0, 1, rungs, dtype=x.dtype, device=x.device)
    return annealed_langevin(score, x, levels, steps=LANGEVIN_STEPS, constrain=constrain)


def _by_flow(score: Score, noise: NoiseProcess, x: Tensor, evaluations: int) -> Tensor:
    return heun(score, x, karras_levels(*level_range(noise, x), steps=max(evaluations // 2, 1)))


def _by_sde(score: Score, noise: NoiseProcess, x: Tensor, evaluations: int) -> Tensor:
    times = _times(noise, x, evaluations)
    return euler_maruyama(_in_time(score, noise), noise, x * noise.mean(times[0]), times) / noise.mean(times[-1])


def _by_corrected_sde(score: Score, noise: NoiseProcess, x: Tensor, evaluations: int) -> Tensor:
    times = _times(noise, x, max(evaluations // 2, 1))
    return predictor_corrector(_in_time(score, noise), noise, x * noise.mean(times[0]), times) / noise.mean(times[-1])


SAMPLERS: dict[SamplerName, Callable[[Score, NoiseProcess, Tensor, int], Tensor]] = {
    "heun": _by_flow,
    "euler_maruyama": _by_sde,
    "predictor_corrector": _by_corrected_sde,
    "annealed_langevin": sample_by_langevin,
}
"""Each takes a score by noise level, a process, (rows, features) from `drown`, and a number of evaluations."""


def _times(noise: NoiseProcess, x: Tensor, steps: int) -> Tensor:
    return torch.linspace(1.0, noise.earliest, steps + 1, dtype=x.dtype, device=x.device)


def _in_time(score: Score, noise: NoiseProcess) -> Score:
    """The score of p_t by the time t: rows at that time are `mean(t)` times rows plus noise of the level."""

    def of_time(x: Tensor, time: Tensor) -> Tensor:
        share = noise.mean(time)
        return score(x / share, noise.noise_level(time)) / share

    return of_time
