import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genrl.errors import InputError
from genrl.planners import Bins
from genrl.planners.bins import Discretiser


@given(
    levels=st.integers(2, 9),
    tokens=st.integers(1, 3),
    kind=st.sampled_from(["uniform", "quantile"]),
    seed=st.integers(0, 99),
)
def test_there_and_back_is_off_by_a_bin_at_most(levels: int, tokens: int, kind: str, seed: int) -> None:
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(seed)) * torch.tensor([1.0, 50.0])
    found = Discretiser(Bins(levels=levels, tokens=tokens, kind=kind), 2)  # type: ignore[arg-type]
    found.measure(x)
    encoded = found.encode(x)
    assert encoded.shape == (200, 2 * tokens)
    assert encoded.min() >= 0
    assert encoded.max() <= levels - 1
    places = (encoded.reshape(200, 2, tokens) * levels ** torch.arange(tokens - 1, -1, -1)).sum(-1).long()
    widths = torch.stack([(found.edges[c, 1:] - found.edges[c, :-1])[places[:, c]] for c in range(2)], 1)
    assert ((found.decode(encoded) - x).abs() <= widths * (1 + 1e-4) + 1e-4).all()
    if kind == "uniform":
        bound = (x.max(0).values - x.min(0).values) / levels**tokens
        assert ((found.decode(encoded) - x).abs() <= bound * (1 + 1e-4) + 1e-4).all()


def test_quantile_bins_hold_equally_many() -> None:
    x = torch.randn(1000, 1, generator=torch.Generator().manual_seed(0)).exp()
    found = Discretiser(Bins(levels=10, kind="quantile"), 1)
    found.measure(x)
    count = torch.bincount(found.encode(x).flatten().long(), minlength=10)
    assert (count - 100).abs().max() <= 2


def test_a_constant_column_and_what_lies_outside() -> None:
    found = Discretiser(Bins(levels=4), 2)
    found.measure(torch.tensor([[2.0, 0.0], [2.0, 1.0]]))
    assert found.decode(found.encode(torch.tensor([[2.0, 9.0]]))).tolist() == [[2.0, 1.0]]


def test_two_tokens_are_coarse_and_fine() -> None:
    found = Discretiser(Bins(levels=10, tokens=2), 1)
    found.measure(torch.linspace(0, 100, 101)[:, None])
    assert found.encode(torch.tensor([[37.5]])).tolist() == [[3.0, 7.0]]


@pytest.mark.parametrize("settings", [{"levels": 1}, {"tokens": 0}, {"levels": 300, "tokens": 2}, {"kind": "odd"}])
def test_settings_out_of_range_are_refused(settings: dict) -> None:
    with pytest.raises(InputError, match="must be"):
        Bins(**settings)
