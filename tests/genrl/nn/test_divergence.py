import pytest
import torch

from genrl.nn import divergence, estimated_divergence

MATRIX = torch.tensor([[1.0, 2.0, 0.0], [0.5, -3.0, 1.0], [0.0, 4.0, 0.25]])


def test_a_linear_field_has_the_trace_of_its_matrix() -> None:
    x = torch.randn(4, 3)
    value, found = divergence(lambda x: x @ MATRIX.T, x)
    torch.testing.assert_close(value, x @ MATRIX.T)
    torch.testing.assert_close(found, torch.full((4,), -1.75))


def test_a_curved_field_by_hand() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    found = divergence(lambda x: torch.stack((x[:, 0] ** 3, x[:, 0] * x[:, 1]), 1), x)[1]
    torch.testing.assert_close(found, 3 * x[:, 0] ** 2 + x[:, 0])


def test_the_estimate_is_unbiased_and_exact_for_a_diagonal_and_signs() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 3)
    signs = torch.randint(2, (20_000, 1, 3)) * 2.0 - 1
    found = estimated_divergence(lambda x: x @ MATRIX.T, x, signs)[1]
    assert float(found) == pytest.approx(-1.75, abs=0.15)
    squares = estimated_divergence(lambda x: x * x, x, signs[:1])[1]
    torch.testing.assert_close(squares, 2 * x.sum(1))


def test_gradients_go_through_where_they_are_asked_for() -> None:
    x = torch.tensor([[2.0, 5.0]], requires_grad=True)
    divergence(lambda x: x**3, x)[1].sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[12.0, 30.0]]))
    with torch.no_grad():
        value, found = divergence(lambda x: x**3, torch.ones(2, 2))
    assert not value.requires_grad
    assert not found.requires_grad
