import pytest
import torch

from genrl.nn import Units


def test_rows_come_back_in_their_own_units() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 2, 3) * torch.tensor([1.0, 10.0, 1e-2]) + 4.0
    units = Units((2, 3))
    units.measure(x)
    plain = units.remove(x)
    assert plain.mean(0).abs().max() < 1e-4
    assert plain.std(0, correction=0).flatten().tolist() == pytest.approx([1.0] * 6, rel=1e-4)
    torch.testing.assert_close(units.restore(plain), x)


def test_one_deviation_for_all_keeps_their_proportions() -> None:
    x = torch.tensor([[0.0, 0.0], [2.0, 6.0]])
    units = Units((2,))
    units.measure_together(x)
    assert units.deviation.tolist() == pytest.approx([5**0.5] * 2)
    assert units.remove(x).square().mean() == pytest.approx(1.0)


@pytest.mark.parametrize("way", ["measure", "measure_together"])
def test_what_does_not_vary_is_only_moved(way: str) -> None:
    units = Units((2,))
    getattr(units, way)(torch.full((3, 2), 1e6))
    assert units.deviation.tolist() == [1.0, 1.0]
    assert units.remove(torch.full((1, 2), 1e6 + 1)).tolist() == [[1.0, 1.0]]


def test_a_constant_comes_back_exactly_whatever_is_put_in() -> None:
    units = Units((2,))
    units.measure_with_constants(torch.tensor([[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]]))
    assert units.deviation.tolist() == pytest.approx([(2 / 3) ** 0.5, 0.0])
    x = torch.tensor([[1.0, 9.0]], requires_grad=True)
    removed = units.remove(x)
    assert removed.tolist() == [[pytest.approx(-(1.5**0.5)), 0.0]]
    removed.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[pytest.approx(1.5**0.5), 0.0]]
    assert units.restore(torch.randn(5, 2))[:, 1].tolist() == torch.full((5,), 0.1).tolist()


def test_columns_of_very_different_sizes_become_standard() -> None:
    torch.manual_seed(0)
    rows = torch.randn(500, 3) * torch.tensor([1e-3, 1.0, 1e4]) + torch.tensor([5.0, 0.0, -1e5])
    units = Units((3,))
    units.measure_with_constants(rows)
    torch.testing.assert_close(units.remove(rows).mean(0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(units.remove(rows).std(0, correction=0), torch.ones(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(units.restore(units.remove(rows)), rows)


def test_double_precision_rows_become_those_of_the_module() -> None:
    assert Units((1,)).remove(torch.zeros(1, 1, dtype=torch.float64)).dtype == torch.float32
    assert Units((1,)).double().remove(torch.zeros(1, 1)).dtype == torch.float64
