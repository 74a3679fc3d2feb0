import torch

from genrl.gans.units import Units


def test_units_are_standard_and_come_back():
    torch.manual_seed(0)
    rows = torch.randn(500, 3) * torch.tensor([1e-3, 1.0, 1e4]) + torch.tensor([5.0, 0.0, -1e5])
    units = Units(3)
    units.measure(rows)
    torch.testing.assert_close(units(rows).mean(0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(units(rows).std(0, correction=0), torch.ones(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(units.inverse(units(rows)), rows)


def test_a_constant_column_comes_back_exactly_whatever_is_put_in():
    units = Units(2)
    units.measure(torch.tensor([[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]]))
    assert (units(torch.tensor([[1.0, 9.0]]))[:, 1] == 0).all()
    assert units.inverse(torch.randn(5, 2))[:, 1].tolist() == torch.full((5,), 0.1).tolist()
