"""Epochs survive being stored, to the bit."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from genrl.training.fit_history import FitEpoch, pack_epochs, unpack_epochs

METRICS = st.dictionaries(st.sampled_from(["loss", "coverage", "a.b", ""]), st.floats(allow_nan=False), max_size=3)
EPOCHS = st.lists(
    st.builds(
        FitEpoch,
        number=st.integers(1, 10**6),
        planned=st.integers(1, 10**6),
        train=METRICS.filter(lambda metrics: "" not in metrics),
        validation=METRICS.filter(lambda metrics: "" not in metrics),
    ),
    max_size=5,
)


@given(EPOCHS)
def test_epochs_come_back_as_they_were(epochs: list[FitEpoch]) -> None:
    packed = pack_epochs(epochs)
    assert all(tensor.dtype == torch.float64 for tensor in packed.values())
    assert unpack_epochs(packed) == epochs


def test_what_was_not_finite_comes_back() -> None:
    epoch = FitEpoch(number=1, planned=1, train={"loss": math.inf, "wild": math.nan}, validation={})
    (again,) = unpack_epochs(pack_epochs([epoch]))
    assert again.train["loss"] == math.inf
    assert math.isnan(again.train["wild"])
