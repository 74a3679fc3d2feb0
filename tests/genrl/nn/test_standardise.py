import pytest
import torch

from genrl.errors import InputError
from genrl.nn import ExtraColumn, Standardise


def test_the_fitted_rows_have_zero_mean_and_unit_deviation():
    torch.manual_seed(0)
    raw = torch.randn(500, 4) * torch.tensor([1e-3, 1.0, 50.0, 2.0]) + torch.tensor([1.0, -3.0, 1e3, 0.0])
    rows = Standardise.fit(raw)(raw)
    torch.testing.assert_close(rows.mean(0), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(rows.std(0, correction=0), torch.ones(4), atol=1e-3, rtol=0)


def test_each_set_counts_the_same_whatever_its_size():
    few, many = torch.zeros(2, 1), torch.full((1000, 1), 2.0)
    fitted = Standardise.fit(few, many)
    assert fitted.mean.item() == pytest.approx(1.0)
    assert fitted.std.item() == pytest.approx(1.0)
    assert fitted(torch.tensor([[3.0]])).item() == pytest.approx(2.0)


def test_sets_can_be_weighted_and_keep_the_same_columns():
    at_rest, moving = torch.zeros(4, 2), torch.tensor([[3.0, 0.0], [5.0, 0.0]])
    fitted = Standardise.fit(at_rest, moving, weights=(0.75, 0.25))
    assert fitted.mean.tolist() == [1.0]
    assert fitted.std.item() == pytest.approx((0.75 * 1**2 + 0.25 * (2**2 + 4**2) / 2) ** 0.5)
    assert Standardise.fit(at_rest, moving, weights=(1 - 1e-9, 1e-9)).columns.tolist() == [0]


def test_whoever_shares_it_follows_it_to_other_statistics():
    raw = torch.randn(20, 3) * 5 + 2
    shared, other = Standardise.identity(3), Standardise.fit(raw)
    wider = ExtraColumn(shared)
    shared.take(other)
    assert torch.equal(wider(torch.cat([raw, raw[:, :1]], 1)), torch.cat([other(raw), raw[:, :1]], 1))


def test_constant_columns_are_dropped_and_others_keep_their_order():
    raw = torch.tensor([[1.0, 7.0, 0.0, 3.0], [2.0, 7.0, 0.0, 5.0]])
    fitted = Standardise.fit(raw)
    assert fitted.columns.tolist() == [0, 3]
    assert fitted.in_features == 4
    assert fitted.out_features == 2
    assert fitted(raw).tolist() == [[-1, -1], [1, 1]]


def test_a_column_that_differs_between_the_sets_only_is_kept():
    assert Standardise.fit(torch.zeros(5, 1), torch.ones(5, 1)).out_features == 1


def test_large_constants_do_not_pass_for_variation():
    with pytest.raises(InputError, match="constant"):
        Standardise.fit(torch.full((1000, 1), 1e6) + torch.rand(1000, 1) * 0.01)


def test_candidates_limit_what_is_seen():
    raw = torch.randn(50, 5)
    fitted = Standardise.fit(raw, columns=torch.tensor([4, 1]))
    changed = raw.clone()
    changed[:, [0, 2, 3]] = 99.0
    assert fitted.out_features == 2
    assert torch.equal(fitted(raw), fitted(changed))
    torch.testing.assert_close(fitted(raw)[:, 0] * raw[:, 4].std(correction=0) + raw[:, 4].mean(), raw[:, 4])


def test_values_are_clipped():
    fitted = Standardise.fit(torch.tensor([[0.0], [2.0]]), clip=3.0)
    assert fitted(torch.tensor([[1e6], [-1e6], [2.0]])).squeeze(1).tolist() == [3.0, -3.0, 1.0]


def test_identity_changes_nothing():
    raw = torch.randn(3, 2, 4) * 1e4
    assert torch.equal(Standardise.identity(4)(raw), raw)


def test_one_row_and_many_dimensions():
    raw = torch.randn(6, 3)
    fitted = Standardise.fit(raw)
    torch.testing.assert_close(fitted(raw.reshape(2, 3, 3)), fitted(raw).reshape(2, 3, 3))
    torch.testing.assert_close(fitted(raw[0]), fitted(raw)[0])


@pytest.mark.parametrize("columns", [None, torch.tensor([0, 2])])
def test_an_extra_column_passes_unchanged(columns):
    raw = torch.randn(20, 3)
    fitted = Standardise.fit(raw, columns=columns)
    wider = ExtraColumn(fitted)
    indicator = torch.tensor([0.0, 1.0]).repeat(10)[:, None]
    rows = wider(torch.cat([raw, indicator], 1))
    assert (wider.in_features, wider.out_features) == (4, fitted.out_features + 1)
    torch.testing.assert_close(rows, torch.cat([fitted(raw), indicator], 1))


def test_statistics_travel_in_the_state_dict_and_do_not_train():
    fitted = Standardise.fit(torch.randn(20, 3) * 5 + 2)
    other = Standardise.identity(3)
    other.load_state_dict(fitted.state_dict())
    raw = torch.randn(4, 3)
    assert torch.equal(other(raw), fitted(raw))
    assert list(fitted.parameters()) == []


def test_nothing_to_standardise_is_refused():
    with pytest.raises(InputError, match="2 columns are constant"):
        Standardise.fit(torch.ones(10, 2))
