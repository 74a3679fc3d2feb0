"""How far two sets of samples are apart, and whether chance alone explains it. No density is needed.

Rows of any shape are flattened. All of it is computed in float64.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.row_checks import as_rows

__all__ = ["energy_distance", "median_bandwidth", "mmd_squared", "same_distribution", "sliced_wasserstein"]

PERMUTATIONS_AT_ONCE = 64  # which bounds the memory


def median_bandwidth(x: Any, y: Any) -> float:
    """The median distance between two different rows of both sets together, a bandwidth that suits most data.

    Gretton et al. 2012, section 8. Where more than half of the distances are 0, it is the mean distance; 1 if all are.

    Raises:
        InputError: bad data.
    """
    return _median_distance(torch.cat(_pair(x, y)))


def mmd_squared(x: Any, y: Any, bandwidth: float | None = None) -> float:
    """Unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012, equation 3).

    The kernel is exp(-|a - b|^2 / (2 bandwidth^2)). Being unbiased, it may be below 0 where the two are alike.

    Args:
        x: (n, ...) with n of at least 2.
        y: (m, ...) likewise, n + m rows at most some ten thousand: the kernel is one (n + m, n + m) matrix.
        bandwidth: of the kernel; by default the median heuristic.

    Raises:
        InputError: bad data, or a bandwidth that is not above 0.

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> x, y, z = torch.randn(500, 2), torch.randn(500, 2), torch.randn(500, 2) + 1.0
    >>> abs(mmd_squared(x, y)) < 0.01 < mmd_squared(x, z)
    True
    """
    first, second = _pair(x, y)
    kernel = _kernel(torch.cat([first, second]), bandwidth)
    in_first = torch.zeros(1, len(kernel), dtype=kernel.dtype)
    in_first[0, : len(first)] = 1.0
    return float(_estimates(kernel, in_first)[0])


def same_distribution(
    x: Any, y: Any, permutations: int = 500, seed: int = 0, *, bandwidth: float | None = None
) -> float:
    """P-value of the hypothesis that both sets come from one distribution.

    A permutation test on `mmd_squared`: under the hypothesis the rows could as well have been dealt to the two sets in
    any other way. The value is (1 + deals that give at least as much) / (1 + deals), which is valid for any number of
    them; the bandwidth is the same for all, since it looks at both sets together.

    Args:
        x: (n, ...) with n of at least 2.
        y: (m, ...) likewise.
        permutations: deals that are tried; the value cannot be below 1 / (1 + permutations).
        seed: of the deals.
        bandwidth: of the kernel; by default the median heuristic. Differences much finer than it are seen badly: for
            data with many modes, the width of a mode sees more.

    Returns:
        Between 0 and 1; reject at 0.01 and one true hypothesis in a hundred is rejected.

    Raises:
        InputError: bad data, or a number that is out of its range.

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> x, y, z = torch.randn(200, 2), torch.randn(200, 2), torch.randn(200, 2) + 1.0
    >>> same_distribution(x, y) > 0.01 > same_distribution(x, z)
    True
    """
    if permutations < 1:
        raise InputError(f"permutations must be 1 or more, not {permutations}")
    first, second = _pair(x, y)
    kernel = _kernel(torch.cat([first, second]), bandwidth)
    generator = torch.Generator().manual_seed(seed)
    in_first = torch.zeros(1 + permutations, len(kernel), dtype=kernel.dtype)
    in_first[0, : len(first)] = 1.0  # the deal as it was
    for deal in in_first[1:]:
        deal[torch.randperm(len(kernel), generator=generator)[: len(first)]] = 1.0
    estimates = torch.cat([_estimates(kernel, deals) for deals in in_first.split(PERMUTATIONS_AT_ONCE)])
    # Deals that are equal in exact arithmetic must count as equal after rounding, too.
    as_much = estimates[1:] >= estimates[0] - 1e-12
    return float(1 + as_much.sum()) / (1 + permutations)


def sliced_wasserstein(x: Any, y: Any, projections: int = 200, seed: int = 0) -> float:
    """Sliced Wasserstein-2 distance between two sets (Bonneel et al. 2015), in the units of the data.

    The root of the mean squared Wasserstein-2 distance of the two projections onto a random direction; each is exact,
    because on a line the best plan matches the sorted points. A shift by v gives |v| / sqrt(columns) on average. In one
    column it is the Wasserstein-2 distance.

    Args:
        x: (n, ...).
        y: (m, ...), n and m may differ.
        projections: directions.
        seed: of the directions.

    Raises:
        InputError: bad data, or no projections.

    >>> round(sliced_wasserstein([[0.0], [1.0]], [[5.0], [4.0]]), 6)
    4.0
    """
    if projections < 1:
        raise InputError(f"projections must be 1 or more, not {projections}")
    first, second = _pair(x, y, least=1)
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(first.shape[1], projections, generator=generator, dtype=first.dtype)
    directions = directions / directions.norm(dim=0)
    return float(_squared_wasserstein(first @ directions, second @ directions).mean().sqrt())


def energy_distance(x: Any, y: Any) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| of the two sets of points, 0 or more (Székely & Rizzo 2013, equation 5).

    Raises:
        InputError: bad data.

    >>> energy_distance([[0.0]], [[3.0]])
    6.0
    """
    first, second = _pair(x, y, least=1)
    between = torch.cdist(first, second).mean()
    return float(2 * between - torch.cdist(first, first).mean() - torch.cdist(second, second).mean())


def _squared_wasserstein(x: Tensor, y: Tensor) -> Tensor:
    """(columns,) exact squared Wasserstein-2 distances between the empirical distributions of each column.

    The integral of the squared difference of both quantile functions, which are steps: between two neighbouring levels
    of the form i / n or j / m both are constant.
    """
    x, y = x.sort(0).values, y.sort(0).values
    if len(x) == len(y):
        return (x - y).square().mean(0)
    levels = torch.cat([torch.arange(1, len(side) + 1, dtype=x.dtype) / len(side) for side in (x, y)]).sort().values
    widths = levels.diff(prepend=levels.new_zeros(1))
    middles = levels - widths / 2
    at_x, at_y = ((middles * len(side)).long().clamp(max=len(side) - 1) for side in (x, y))
    return widths @ (x[at_x] - y[at_y]).square()


def _estimates(kernel: Tensor, in_first: Tensor) -> Tensor:
    """(deals,) unbiased squared discrepancies of a kernel with a diagonal of zeros.

    Args:
        kernel: (rows, rows).
        in_first: (deals, rows), 1 where a row is dealt to the first set.
    """
    n = in_first.sum(1)
    m = in_first.shape[1] - n
    to_first = in_first @ kernel  # (deals, rows) similarity of each row to all of the first set
    within_first = (to_first * in_first).sum(1)
    between = to_first.sum(1) - within_first
    within_second = kernel.sum() - within_first - 2 * between
    return within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * between / (n * m)


def _kernel(rows: Tensor, bandwidth: float | None) -> Tensor:
    """Gaussian kernel of all pairs; that of a row with itself is left out."""
    if bandwidth is None:
        bandwidth = _median_distance(rows)
    if not bandwidth > 0:
        raise InputError(f"bandwidth must be above 0, not {bandwidth}")
    kernel = torch.cdist(rows, rows).div_(bandwidth).square_().div_(-2).exp_()
    return kernel.fill_diagonal_(0.0)


def _median_distance(rows: Tensor) -> float:
    distances = torch.nn.functional.pdist(rows)
    return float(distances.median()) or float(distances.mean()) or 1.0


def _pair(x: Any, y: Any, least: int = 2) -> tuple[Tensor, Tensor]:
    """Both as float64 matrices of equally many columns."""
    first, second = (as_rows(rows, name).cpu().flatten(1).double() for rows, name in ((x, "x"), (y, "y")))
    if first.shape[1] != second.shape[1]:
        raise InputError(f"x has {first.shape[1]} columns, y has {second.shape[1]}: they cannot be compared")
    if min(len(first), len(second)) < least:
        raise InputError(f"x and y need at least {least} rows each, they have {len(first)} and {len(second)}")
    return first, second
