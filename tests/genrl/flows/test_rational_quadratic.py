import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genrl.flows.rational_quadratic import (
    LEAST_SHARE,
    LEAST_SLOPE,
    parameters_per_value,
    rational_quadratic,
    rational_quadratic_inverse,
)

BOX = 3.0


def raw(values: int, bins: int, scale: float = 1.0, seed: int = 0) -> Tensor:
    return 0.5 * scale * torch.randn(values, parameters_per_value(bins), generator=torch.Generator().manual_seed(seed))


def curve(bins: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """One spline over a fine grid that reaches beyond its box, in double precision."""
    parameters = raw(1, bins, 2.0, seed).double().expand(1001, -1)
    x = torch.linspace(-1.5 * BOX, 1.5 * BOX, 1001, dtype=torch.float64)
    return x, *rational_quadratic(x, parameters, BOX)


def test_zeros_are_the_identity() -> None:
    x = torch.linspace(-5, 5, 101)
    y, log_slope = rational_quadratic(x, torch.zeros(101, parameters_per_value(8)), BOX)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_slope, torch.zeros(101), atol=1e-5, rtol=0)


@pytest.mark.parametrize("bins", [2, 3, 8])
def test_log_slope_is_that_of_autograd(bins: int) -> None:
    x = (torch.rand(200, dtype=torch.float64) * 8 - 4).requires_grad_()
    y, log_slope = rational_quadratic(x, raw(200, bins).double(), BOX)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope.log(), log_slope)
    y = y.detach().requires_grad_()
    back, log_slope_back = rational_quadratic_inverse(y, raw(200, bins).double(), BOX)
    (slope,) = torch.autograd.grad(back.sum(), y)
    torch.testing.assert_close(slope.log(), log_slope_back)
    torch.testing.assert_close(log_slope_back, -log_slope)


@settings(max_examples=25)
@given(st.integers(2, 12), st.integers(0, 1000))
def test_it_rises_and_maps_the_box_onto_itself(bins: int, seed: int) -> None:
    x, y, _ = curve(bins, seed)
    assert (y.diff() > 0).all()
    inside = x.abs() <= BOX
    assert (y[inside].abs() <= BOX + 1e-9).all()
    torch.testing.assert_close(y[~inside], x[~inside])


@settings(max_examples=25)
@given(st.integers(2, 12), st.integers(0, 1000))
def test_its_slope_is_continuous_at_the_knots(bins: int, seed: int) -> None:
    parameters = raw(1, bins, 1.0, seed).double()
    ends = ((2 * parameters[0, :bins]).sigmoid() + LEAST_SHARE).cumsum(0)
    knots = ends / ends[-1] * 2 * BOX - BOX
    step = 1e-9
    below = rational_quadratic(knots - step, parameters.expand(bins, -1), BOX)
    above = rational_quadratic(knots + step, parameters.expand(bins, -1), BOX)
    torch.testing.assert_close(below[0], above[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(below[1], above[1], atol=1e-4, rtol=0)


def test_the_box_of_one_bin_boundary_is_hand_computed() -> None:
    # Two equal bins whose inner slope is 2: halfway up the first bin the spline of equation 4 is at
    # -B + B (s / 4 + d0 / 4) / (s + (d0 + d1 - 2 s) / 4) with s = 1, d0 = 1, d1 = 2.
    odds = 2 * (1 + LEAST_SLOPE) / 3 - LEAST_SLOPE / 3
    inner = torch.tensor(odds).logit() / 2
    parameters = torch.cat([torch.zeros(4), inner[None]])[None]
    y, _ = rational_quadratic(torch.tensor([-0.5 * BOX]), parameters, BOX)
    assert float(y) == pytest.approx(-BOX + BOX * 0.5 / 1.25, abs=1e-5)


@pytest.mark.parametrize("bins", [2, 8, 16])
def test_inverse_in_single_precision(bins: int) -> None:
    x = torch.rand(20_000, generator=torch.Generator().manual_seed(1)) * 8 - 4
    parameters = raw(20_000, bins)
    y, log_slope = rational_quadratic(x, parameters, BOX)
    back, log_slope_back = rational_quadratic_inverse(y, parameters, BOX)
    assert (back - x).abs().max() < 1e-4
    assert (log_slope + log_slope_back).abs().max() < 1e-3


def test_steep_splines_are_undone_up_to_rounding() -> None:
    # Where such a spline is flat, one rounding step of y is many of x: it is y that must come back.
    y = torch.rand(20_000, generator=torch.Generator().manual_seed(1)) * 8 - 4
    parameters = raw(20_000, 8, 2.0)
    x, _ = rational_quadratic_inverse(y, parameters, BOX)
    assert (rational_quadratic(x, parameters, BOX)[0] - y).abs().max() < 1e-4


@pytest.mark.parametrize("function", [rational_quadratic, rational_quadratic_inverse])
@pytest.mark.parametrize("far", [3.0, 1e6, -1e6, 1e30])
def test_far_values_and_their_gradients_are_finite(function: type, far: float) -> None:
    value = torch.full((4,), far, requires_grad=True)
    parameters = raw(4, 8, 50.0).requires_grad_()
    y, log_slope = function(value, parameters, BOX)
    (y.sum() + log_slope.sum()).backward()
    torch.testing.assert_close(y, value)
    assert value.grad is not None
    assert parameters.grad is not None
    if abs(far) > BOX:
        torch.testing.assert_close(value.grad, torch.ones(4))
        torch.testing.assert_close(log_slope, torch.zeros(4), atol=1e-5, rtol=0)
    assert torch.isfinite(parameters.grad).all()
