"""Six distributions over the plane on which generative models are compared, and where their modes lie.

All are centred near the origin and reach between 2 and 5 from it. Each draws n labels first, then a point for each
label, so that the rows come in random order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.errors import InputError

__all__ = ["TOY_DISTRIBUTIONS", "ToyModes", "labelled_toy_samples", "toy_modes", "toy_samples"]

MODE_DEVIATION = 0.2


@dataclass(frozen=True)
class ToyModes:
    """The Gaussians that a distribution is an equal mixture of.

    Attributes:
        means: (modes, 2), in the order of the labels.
        deviation: standard deviation of each along every axis.
    """

    means: Tensor
    deviation: float


def toy_samples(name: str, n: int, seed: int = 0) -> Tensor:
    """(n, 2) float32 draws.

    Args:
        name: one of `TOY_DISTRIBUTIONS`.
        n: rows.
        seed: of the draws; torch's global generator is left alone.

    Raises:
        InputError: there is no such distribution, or `n` is below 1.

    >>> toy_samples("checkerboard", 1000).abs().max() <= 4
    tensor(True)
    """
    return labelled_toy_samples(name, n, seed)[0]


def labelled_toy_samples(name: str, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The draws of `toy_samples`, and (n,) int64 which moon, Gaussian, square, arm or ring each belongs to.

    Raises:
        InputError: there is no such distribution, or `n` is below 1.
    """
    labels, draw = _find(name)
    if n < 1:
        raise InputError(f"n must be 1 or more, not {n}")
    generator = torch.Generator().manual_seed(seed)
    picked = torch.randint(labels, (n,), generator=generator)
    return draw(picked, generator), picked


def toy_modes(name: str) -> ToyModes:
    """The modes of "8gaussians" or "25gaussians", to count how many a model has found.

    Raises:
        InputError: there is no such distribution, or it is no mixture of Gaussians.
    """
    _find(name)
    if name not in MODES:
        raise InputError(f"{name} has no point-like modes: only {' and '.join(MODES)} have")
    return MODES[name]


def _ring(modes: int, radius: float) -> ToyModes:
    angles = torch.arange(modes) * (2 * math.pi / modes)
    return ToyModes(radius * torch.stack([angles.cos(), angles.sin()], 1), MODE_DEVIATION)


def _grid(side: int, spacing: float) -> ToyModes:
    places = (torch.arange(side) - (side - 1) / 2) * spacing
    return ToyModes(torch.cartesian_prod(places, places), MODE_DEVIATION)


MODES = {"8gaussians": _ring(8, radius=2.0), "25gaussians": _grid(5, spacing=2.0)}


def _gaussians(name: str) -> Callable[[Tensor, Generator], Tensor]:
    modes = MODES[name]
    return lambda labels, generator: modes.means[labels] + modes.deviation * _normal(labels, generator)


def _two_moons(labels: Tensor, generator: Generator) -> Tensor:
    """Two interleaved half circles of radius 1.5, blurred by Gaussian noise of deviation 0.15."""
    angles = math.pi * torch.rand(len(labels), generator=generator)
    upper = torch.stack([angles.cos() - 0.5, angles.sin() - 0.25], 1)
    lower = torch.stack([0.5 - angles.cos(), 0.25 - angles.sin()], 1)
    return 1.5 * (torch.where(labels[:, None] == 0, upper, lower) + 0.1 * _normal(labels, generator))


def _checkerboard(labels: Tensor, generator: Generator) -> Tensor:
    """Uniform over the eight black squares, each 2 wide, of a 4 x 4 board on [-4, 4]^2; its entropy is ln 32 nats."""
    row, column = labels // 2, 2 * (labels % 2) + (labels // 2) % 2
    corners = torch.stack([column, row], 1) * 2.0 - 4.0
    return corners + 2.0 * torch.rand(len(labels), 2, generator=generator)


def _pinwheel(labels: Tensor, generator: Generator) -> Tensor:
    """Five Gaussians, long along the radius, whose points turn the further the further out (Johnson et al. 2016)."""
    points = _normal(labels, generator) * torch.tensor([0.6, 0.2]) + torch.tensor([2.0, 0.0])
    angles = labels * (2 * math.pi / 5) + 0.25 * (points[:, 0] / 2.0).exp()
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([cos * points[:, 0] - sin * points[:, 1], sin * points[:, 0] + cos * points[:, 1]], 1)


def _two_rings(labels: Tensor, generator: Generator) -> Tensor:
    """Two circles about the origin with radius 1.5 and 3, each with half of the rows; the radius deviates by 0.15."""
    angles = 2 * math.pi * torch.rand(len(labels), generator=generator)
    radii = 1.5 * (labels + 1) + 0.15 * torch.randn(len(labels), generator=generator)
    return radii[:, None] * torch.stack([angles.cos(), angles.sin()], 1)


def _normal(labels: Tensor, generator: Generator) -> Tensor:
    return torch.randn(len(labels), 2, generator=generator)


# How many labels, and what draws a point for each.
DRAWS: dict[str, tuple[int, Callable[[Tensor, Generator], Tensor]]] = {
    "two_moons": (2, _two_moons),
    "8gaussians": (8, _gaussians("8gaussians")),
    "25gaussians": (25, _gaussians("25gaussians")),
    "checkerboard": (8, _checkerboard),
    "pinwheel": (5, _pinwheel),
    "two_rings": (2, _two_rings),
}

TOY_DISTRIBUTIONS = tuple(DRAWS)
"""The names: moons; 8 Gaussians on a circle of radius 2; 25 on a grid from -4 to 4; a board; a pinwheel; rings.

The Gaussians have a deviation of 0.2: neighbours lie 7.7 deviations apart on the circle, 10 on the grid.
"""


def _find(name: str) -> tuple[int, Callable[[Tensor, Generator], Tensor]]:
    if name not in DRAWS:
        raise InputError(f"there is no distribution {name!r}: give one of {', '.join(DRAWS)}")
    return DRAWS[name]
