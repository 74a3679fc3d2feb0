import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from genrl.errors import InputError
from genrl.evaluation import energy_distance, mmd_squared, same_distribution, sliced_wasserstein
from genrl.evaluation.two_sample import median_bandwidth


def draws(n: int, columns: int = 2, *, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(n, columns, generator=torch.Generator().manual_seed(seed)) + shift


def test_mmd_by_hand() -> None:
    x, y = [[0.0], [1.0]], [[2.0], [4.0]]
    within_x, within_y = math.exp(-1 / 2), math.exp(-4 / 2)
    between = (math.exp(-4 / 2) + math.exp(-16 / 2) + math.exp(-1 / 2) + math.exp(-9 / 2)) / 4
    assert mmd_squared(x, y, bandwidth=1.0) == pytest.approx(within_x + within_y - 2 * between)


def test_mmd_by_hand_with_sets_of_different_sizes() -> None:
    x, y = [[0.0], [0.0]], [[0.0], [0.0], [3.0]]
    k = math.exp(-9 / 8)
    assert mmd_squared(x, y, bandwidth=2.0) == pytest.approx(1 + (1 + 2 * k) / 3 - 2 * (4 + 2 * k) / 6)


def test_mmd_of_gaussians_in_closed_form() -> None:
    # E k(x, y) of two unit Gaussians, m apart, for a kernel of bandwidth 1: exp(-m^2 / 6) / sqrt(3).
    estimates = [mmd_squared(draws(500, 1, seed=s), draws(500, 1, seed=99 + s, shift=1.5), 1.0) for s in range(10)]
    assert np.mean(estimates) == pytest.approx((2 - 2 * math.exp(-(1.5**2) / 6)) / math.sqrt(3), abs=0.01)


def test_mmd_is_unbiased_under_the_null() -> None:
    estimates = [mmd_squared(draws(20, seed=2 * s), draws(30, seed=2 * s + 1), 1.0) for s in range(400)]
    assert abs(np.mean(estimates)) < 3 * np.std(estimates) / math.sqrt(len(estimates))
    assert min(estimates) < 0


def test_the_bandwidth_is_the_median_distance() -> None:
    assert median_bandwidth([[0.0], [1.0]], [[3.0], [7.0]]) == 3.0  # of 1, 2, 3, 4, 6, 7 the lower middle
    assert median_bandwidth([[5.0]] * 3, [[5.0]] * 3) == 1.0
    assert median_bandwidth([[0.0]] * 5, [[0.0], [2.0]]) == pytest.approx(2 * 6 / 21)


def test_p_values_are_uniform_under_the_null() -> None:
    values = [
        same_distribution(draws(30, seed=2 * s), draws(20, seed=2 * s + 1), permutations=99, seed=s) for s in range(300)
    ]
    assert stats.kstest(values, "uniform").pvalue > 0.01
    assert np.mean(np.array(values) <= 0.05) < 0.09


@pytest.mark.parametrize("change", ["shift", "spread"])
def test_a_difference_is_found(change: str) -> None:
    y = {"shift": draws(200, seed=1, shift=0.5), "spread": draws(200, seed=1) * 1.6}[change]
    assert same_distribution(draws(200, seed=0), y, permutations=199) == pytest.approx(1 / 200)


def test_a_finer_difference_needs_a_smaller_bandwidth() -> None:
    # Four points, with the moments of the Gaussian that they are compared with.
    x, y = draws(200, seed=0), draws(200, seed=1).sign() + 0.01 * draws(200, seed=2)
    assert same_distribution(x, y, permutations=199) > 0.01
    assert same_distribution(x, y, permutations=199, bandwidth=0.3) == pytest.approx(1 / 200)


def test_the_p_value_counts_deals() -> None:
    # Of the deals of these four rows into two pairs, two in six are as far apart as the given one.
    p = same_distribution([[0.0], [0.1]], [[9.0], [9.1]], permutations=3000, bandwidth=1.0)
    assert p == pytest.approx(1 / 3, abs=0.03)


def test_equal_rows_give_no_evidence() -> None:
    assert same_distribution(torch.ones(5, 3), torch.ones(6, 3), permutations=20) == 1.0


def test_wasserstein_of_shifted_gaussians() -> None:
    x = draws(2000, 1, seed=0)
    assert sliced_wasserstein(x, x + 3.0, projections=5) == pytest.approx(3.0, rel=1e-6)
    # Of N(0, 1) and N(2, 3^2): sqrt(2^2 + (3 - 1)^2).
    y = 3 * draws(50_000, 1, seed=1) + 2
    assert sliced_wasserstein(draws(50_000, 1, seed=2), y, projections=1) == pytest.approx(math.sqrt(8), rel=0.02)


def test_a_shift_in_many_columns_is_divided_by_their_root() -> None:
    x, shift = draws(100, 4, seed=0), torch.tensor([3.0, 4.0, 0.0, 0.0])
    assert sliced_wasserstein(x, x + shift, projections=20_000) == pytest.approx(5 / 2, rel=0.02)


@pytest.mark.parametrize(("n", "m"), [(1, 4), (2, 3), (4, 6), (7, 5)])
def test_wasserstein_of_sets_of_different_sizes(n: int, m: int) -> None:
    # Each row as often as makes both equally many: the same distributions, whose best plan is that of sorted points.
    x, y = draws(n, 1, seed=n), draws(m, 1, seed=m)
    many_x = np.sort(np.repeat(x.double().numpy(), m))
    many_y = np.sort(np.repeat(y.double().numpy(), n))
    assert sliced_wasserstein(x, y) == pytest.approx(math.sqrt(np.mean((many_x - many_y) ** 2)))


def test_energy_distance_is_twice_the_square_of_scipys() -> None:
    x, y = draws(30, 1, seed=0), draws(40, 1, seed=1, shift=0.7)
    expected = stats.energy_distance(x[:, 0].numpy(), y[:, 0].numpy()) ** 2
    assert energy_distance(x, y) == pytest.approx(expected, rel=1e-5)
    assert energy_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_rows_of_any_shape_are_flattened() -> None:
    x, y = draws(30, 4, seed=0), draws(30, 4, seed=1)
    assert mmd_squared(x.reshape(30, 2, 2), y.numpy()) == mmd_squared(x, y)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[0.0, 1.0]] * 3, [[0.0]] * 3, "x has 2 columns, y has 1"),
        ([[0.0]], [[0.0]] * 3, "at least 2 rows each"),
        ([[0.0], [math.nan]], [[0.0]] * 3, "x must be finite"),
        ([[0.0]] * 2, [0.0, 1.0], "y must have rows and columns"),
    ],
)
def test_bad_data(x: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        same_distribution(x, y)
    with pytest.raises(InputError, match=message):
        mmd_squared(x, y)


def test_bad_settings() -> None:
    x = [[0.0], [1.0]]
    with pytest.raises(InputError, match="permutations must be 1"):
        same_distribution(x, x, permutations=0)
    with pytest.raises(InputError, match="projections must be 1"):
        sliced_wasserstein(x, x, projections=0)
    with pytest.raises(InputError, match="bandwidth must be above 0"):
        mmd_squared(x, x, bandwidth=0.0)
