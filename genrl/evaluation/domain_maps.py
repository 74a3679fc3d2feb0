"""Known maps from one domain to another, to ask of a learned transfer whether it found the one that was meant."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from genrl.errors import InputError
from genrl.row_checks import as_rows

__all__ = ["IMAGE_MAPS", "bent", "lopsided_samples", "map_error", "mapped", "posed"]

TURN = math.radians(30.0)
BEND = 0.1


def _inverted(images: Tensor) -> Tensor:
    return 1.0 - images


def _rotated(images: Tensor) -> Tensor:
    return images.rot90(1, (2, 3))


def _coarse(images: Tensor) -> Tensor:
    return F.avg_pool2d(images, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)


def _scaled(images: Tensor) -> Tensor:
    height, width = images.shape[2] // 4, images.shape[3] // 4
    return F.pad(F.avg_pool2d(images, 2), (width, width, height, height))


def _moved(images: Tensor) -> Tensor:
    return F.pad(images, (1, 0, 0, 0))[..., :-1]


IMAGE_MAPS: dict[str, Callable[[Tensor], Tensor]] = {
    "inverted": _inverted,
    "rotated": _rotated,
    "coarse": _coarse,
    "scaled": _scaled,
    "moved": _moved,
}
"""Of (rows, channels, height, width) in [0, 1], sides divisible by 4: 1 - x; a quarter turn to the left; each block of
2 x 2 its mean; half as large, in the middle of zeros; one pixel to the right."""


def bent(points: Tensor) -> Tensor:
    """Points of the plane bent along a parabola, turned by 30 degrees, twice as large, and moved, (rows, 2)."""
    curved = torch.stack([points[:, 0], points[:, 1] + BEND * points[:, 0].square()], 1)
    cos, sin = math.cos(TURN), math.sin(TURN)
    return 2.0 * curved @ torch.tensor([[cos, sin], [-sin, cos]]) + torch.tensor([5.0, -3.0])


def mapped(rows: Tensor, name: str) -> Tensor:
    """Rows under a map by its name: "bent" for points of the plane, else one of `IMAGE_MAPS`.

    Raises:
        InputError: there is no such map, or it is of rows of another shape.

    >>> mapped(torch.arange(16.0).reshape(1, 1, 4, 4) / 15, "coarse")[0, 0, 0]
    tensor([0.1667, 0.1667, 0.3000, 0.3000])
    """
    if name != "bent" and name not in IMAGE_MAPS:
        raise InputError(f"there is no map {name!r}: give bent or one of {', '.join(IMAGE_MAPS)}")
    if name == "bent":
        if rows.shape[1:] != (2,):
            raise InputError(f"bent is a map of rows (x, y), not of rows of shape {tuple(rows.shape[1:])}")
        return bent(rows)
    if rows.ndim != 4 or rows.shape[2] % 4 or rows.shape[3] % 4:
        raise InputError(f"{name} is a map of images with sides divisible by 4, not of shape {tuple(rows.shape[1:])}")
    return IMAGE_MAPS[name](rows)


def posed(images: Tensor, pose: Tensor) -> Tensor:
    """Each image moved, turned and scaled as its pose says, by bilinear interpolation, zeros from outside.

    Args:
        images: (rows, channels, height, width).
        pose: (rows, 4): right and down in sides of the image, a turn to the right in radians, and a scale.
    """
    right, down, turn, scale = pose.T
    cos, sin = turn.cos() / scale, turn.sin() / scale
    # Where each pixel comes from, in half sides.
    inverse = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)
    shift = -inverse @ torch.stack([2 * right, 2 * down], 1)[:, :, None]
    grid = F.affine_grid(torch.cat((inverse, shift), 2), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def lopsided_samples(n: int, seed: int = 0) -> Tensor:
    """(n, 2) draws of four Gaussians that differ in weight and shape, and lie in no symmetry.

    Raises:
        InputError: `n` is below 1.
    """
    if n < 1:
        raise InputError(f"n must be 1 or more, not {n}")
    generator = torch.Generator().manual_seed(seed)
    means = torch.tensor([[0.0, 0.0], [3.0, 0.5], [1.0, 2.5], [-1.5, 1.0]])
    deviations = torch.tensor([[0.7, 0.3], [0.3, 0.5], [0.4, 0.4], [0.2, 0.6]])
    picked = torch.multinomial(torch.tensor([0.4, 0.3, 0.2, 0.1]), n, replacement=True, generator=generator)
    return means[picked] + deviations[picked] * torch.randn(n, 2, generator=generator)


def map_error(made: Tensor, meant: Tensor) -> float:
    """Mean distance of a number from the one that was meant, in deviations of what was meant.

    Each number has its own deviation, those of an image share one; what does not vary at all has none to be measured in
    and counts for nothing.

    Raises:
        InputError: bad rows.

    >>> map_error(torch.tensor([[1.0, 3.0], [3.0, 3.0]]), torch.tensor([[0.0, 3.0], [4.0, 3.0]]))
    0.5
    """
    wanted = as_rows(meant, "meant").double()
    rows = as_rows(made, "made", event_shape=tuple(wanted.shape[1:])).double()
    distance = (rows - wanted).abs()
    deviation = (wanted - wanted.mean(0)).square().mean(0).sqrt()
    if wanted.ndim == 4:
        return float(distance.mean() / deviation.square().mean().sqrt())
    varies = deviation > 1e-6
    return float((distance[:, varies] / deviation[varies]).mean())
