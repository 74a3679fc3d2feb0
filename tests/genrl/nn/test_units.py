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


def test_double_precision_rows_become_those_of_the_module() -> None:
    assert Units((1,)).remove(torch.zeros(1, 1, dtype=torch.float64)).dtype == torch.float32
    assert Units((1,)).double().remove(torch.zeros(1, 1)).dtype == torch.float64
