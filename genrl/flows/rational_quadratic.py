"""Monotone rational-quadratic splines (Durkan et al. 2019, section 3.1), as pure functions of their parameters.

A spline maps the box [-B, B] onto itself through K bins and is the identity outside it. Its raw parameters are
unconstrained, 3K - 1 numbers for each value: K shares of the width, K of the height, and the slopes at the K - 1 inner
knots. All zeros stand for the identity. The two slopes at the ends are 1, which makes the spline continuously
differentiable everywhere.

Departure from the paper: shares are sigmoids divided by their sum where the paper has a softmax, and slopes are odds of
sigmoids where it has a softplus. Both are bounded by construction, a sigmoid costs a tenth of a softmax over few
numbers, and only the edges of the one bin that matters have to be divided.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["parameters_per_value", "rational_quadratic", "rational_quadratic_inverse"]

LEAST_SHARE = 2e-2  # of a bin, relative to the largest possible one
LEAST_SLOPE = 3e-2  # and its inverse is the largest


def parameters_per_value(bins: int) -> int:
    """How many raw parameters a spline of so many bins takes."""
    return 3 * bins - 1


def rational_quadratic(x: Tensor, raw: Tensor, box: float) -> tuple[Tensor, Tensor]:
    """The spline and its logarithmic slope (Durkan et al. 2019, equations 4 and 5).

    Args:
        x: (...) of any size.
        raw: (..., 3K - 1).
        box: half the side of the box, B.

    Returns:
        The values and log dy/dx, both the shape of x.
    """
    inside = x.clamp(-box, box)
    left, bottom, width, height, slope_left, slope_right = _bin(inside, raw, box, 0)
    steep = height / width
    place = (inside - left) / width
    rest = 1 - place
    bend = place * rest
    denominator = torch.addcmul(steep, slope_left + slope_right - 2 * steep, bend)
    rise = height * place * torch.addcmul(slope_left * rest, steep, place) / denominator
    log_slope = _log_slope(place, rest, bend, steep, slope_left, slope_right, denominator)
    # Outside the box the spline ends at the corner, and the way from there is the identity's.
    return bottom + rise + (x - inside), torch.where(x == inside, log_slope, 0.0)


def rational_quadratic_inverse(y: Tensor, raw: Tensor, box: float) -> tuple[Tensor, Tensor]:
    """The x of which `rational_quadratic` makes y, and log dx/dy (Durkan et al. 2019, equations 6 to 8).

    Args:
        y: (...) of any size.
        raw: (..., 3K - 1).
        box: half the side of the box, B.

    Returns:
        The values and log dx/dy, both the shape of y.
    """
    inside = y.clamp(-box, box)
    left, bottom, width, height, slope_left, slope_right = _bin(inside, raw, box, 1)
    steep = height / width
    risen = inside - bottom
    curvature = slope_left + slope_right - 2 * steep
    a = torch.addcmul(height * (steep - slope_left), risen, curvature)
    b = height * slope_left - risen * curvature
    c = -steep * risen
    # This form of the root has no cancellation, and none of its terms vanishes.
    place = 2 * c / (-b - torch.addcmul(b * b, a, c, value=-4).clamp(min=1e-20).sqrt())
    rest = 1 - place
    bend = place * rest
    denominator = torch.addcmul(steep, curvature, bend)
    log_slope = _log_slope(place, rest, bend, steep, slope_left, slope_right, denominator)
    return torch.addcmul(left, place, width) + (y - inside), torch.where(y == inside, -log_slope, 0.0)


def _log_slope(
    place: Tensor,
    rest: Tensor,
    bend: Tensor,
    steep: Tensor,
    slope_left: Tensor,
    slope_right: Tensor,
    denominator: Tensor,
) -> Tensor:
    mix = slope_right * place * place + 2 * steep * bend + slope_left * rest * rest
    return (mix * (steep / denominator).square()).log()


def _bin(inside: Tensor, raw: Tensor, box: float, axis: int) -> tuple[Tensor, ...]:
    """The bin that each value falls into along an axis (0 for x, 1 for y).

    Returns:
        Left and lower edge, width, height, and the slopes at both ends; each the shape of `inside`.
    """
    bins = (raw.shape[-1] + 1) // 3
    squashed = (2 * raw).sigmoid()  # learns faster than at half the slope
    shares = (squashed[..., : 2 * bins] + LEAST_SHARE).unflatten(-1, (2, bins))
    ends = shares.cumsum(-1)  # of the bins, (..., 2, K), in shares
    unit = 2 * box / ends[..., -1]  # of a share, (..., 2)
    which = (ends[..., axis, :-1] <= ((inside + box) / unit[..., axis])[..., None]).sum(-1, keepdim=True)
    on_both_axes = which[..., None].expand(*which.shape[:-1], 2, 1)
    extent = shares.gather(-1, on_both_axes)[..., 0]
    start = (ends.gather(-1, on_both_axes)[..., 0] - extent) * unit - box
    odds = F.pad(squashed[..., 2 * bins :], (1, 1), value=0.5).gather(-1, torch.cat((which, which + 1), -1))
    slopes = (odds + LEAST_SLOPE) / (1 + LEAST_SLOPE - odds)
    return *start.unbind(-1), *(extent * unit).unbind(-1), *slopes.unbind(-1)
