import pytest
import torch

from genrl.gans.range import Range


def test_the_ends_are_those_of_all_numbers_together():
    rows = torch.tensor([[3.0, 5.0], [7.0, 11.0]])
    scale = Range()
    scale.measure_with_constants(rows)
    assert scale.remove(rows).flatten().tolist() == pytest.approx([-1, -0.5, 0, 1])
    torch.testing.assert_close(scale.restore(scale.remove(rows)), rows)


def test_far_from_zero_what_is_kept_is_that_of_single_precision():
    rows = 1e6 + torch.arange(64.0, dtype=torch.float64)[:, None]
    scale = Range()
    scale.measure_with_constants(rows)
    assert scale.remove(rows.float()).aminmax().max == 1
    torch.testing.assert_close(scale.restore(scale.remove(rows.float())), rows.float(), atol=0.1, rtol=0)


def test_what_does_not_vary_comes_back_whatever_is_put_in():
    scale = Range()
    scale.measure_with_constants(torch.full((4, 2), 7.0))
    assert scale.remove(torch.full((4, 2), 9.0)).unique().tolist() == [0]
    assert scale.restore(torch.randn(4, 2)).unique().tolist() == [7]
