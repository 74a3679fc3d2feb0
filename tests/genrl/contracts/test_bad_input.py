"""Bad data get an error that names the argument; data that are merely poor get a finite fit."""

import itertools
import re
from typing import Any

import numpy as np
import pytest
import torch
from family_cases import FEW, Case, fitted, gaussian, labels_for, moved
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genrl.errors import InputError

FLOATS = st.floats(-1e3, 1e3, width=32)
EXAMPLES = settings(max_examples=30)
FITS = settings(max_examples=4)

MAY_REFUSE = {
    # Each of its three components starts from rows of its own.
    "variational_gaussian_mixture": r"X has \d+ rows, fewer than the 3 components",
}
"""What a model may say of poor data, by its name; every other model must be fitted to them."""


def refused(case: Case, x: Any, name: str, **given: Any) -> None:
    with pytest.raises(InputError, match=rf"\b{name}\b"):
        case.fit(x, updates=1, **given)


def fits(case: Case, x: np.ndarray, **given: Any) -> None:
    try:
        model = case.fit(x, updates=FEW, **given)
    except InputError as error:
        if case.name in MAY_REFUSE and re.search(MAY_REFUSE[case.name], str(error)):
            return
        raise
    context = given.get("y", given.get("context"))
    assert torch.isfinite(model.sample((4,), context=context)).all()
    if hasattr(model, "log_prob"):
        assert np.isfinite(model.score_samples(x, context)).all()


NO_TABLES = [
    np.zeros((0, 2)),
    np.zeros((8, 0)),
    np.zeros(8),
    np.float32(3.0),
    [],
    "eight",
    np.array([["a", "b"]] * 8),
    [[1.0, 2.0], [3.0]],
    np.array([[1j, 0.0]] * 8),
    np.array([[None, 1.0]] * 8),
    None,
]
NO_LABELS = [
    [0.5] * 8,
    ["a"] * 8,
    [None] * 8,
    [0] * 7,
    [1] * 9,
    [],
    np.zeros((8, 1), dtype=np.int64),
]
NO_CONTEXTS = [
    np.zeros((7, 2)),
    np.zeros(8),
    np.full((8, 1), np.nan),
    np.zeros((8, 2, 2)),
    np.zeros((0, 1)),
    [["a"]] * 8,
]


def test_numbers_that_are_not_finite(case: Case) -> None:
    for row, column, bad in itertools.product((0, 3, 7), (0, 1), (np.nan, np.inf, -np.inf)):
        x = gaussian(8, 0).numpy().copy()
        x[row, column] = bad
        refused(case, x, "X", **labels_for(case))


def test_what_is_no_table_of_numbers(case: Case) -> None:
    for x in NO_TABLES:
        refused(case, x, "X", **labels_for(case))


def test_labels_that_are_none(labels_case: Case) -> None:
    for labels in NO_LABELS:
        refused(labels_case, gaussian(8, 0), "y", y=labels)


def test_contexts_that_are_none(context_case: Case) -> None:
    for context in NO_CONTEXTS:
        refused(context_case, gaussian(8, 0), "context", context=context)


PLAIN = Case("real_nvp", ("transforms=2", "hidden=[16]"))
"""Stands for all models where examples are generated: test_list.py holds that they share the checks."""


@EXAMPLES
@given(position=st.tuples(st.integers(0, 7), st.integers(0, 1)), bad=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_any_number_that_is_not_finite(position: tuple[int, int], bad: float) -> None:
    x = gaussian(8, 0).numpy().copy()
    x[position] = bad
    refused(PLAIN, x, "X")


@EXAMPLES
@given(
    labels=st.one_of(
        st.lists(FLOATS.map(lambda value: value + 0.5), min_size=8, max_size=8),
        st.lists(st.text(max_size=3), min_size=8, max_size=8),
        st.lists(st.integers(0, 3), max_size=7),
        st.lists(st.integers(0, 3), min_size=9, max_size=12),
        arrays(np.int64, (8, 1)),
    )
)
def test_any_labels_that_are_none(labels: Any) -> None:
    refused(PLAIN, gaussian(8, 0), "y", y=labels)


@EXAMPLES
@given(
    context=st.one_of(
        arrays(np.float32, (7, 2), elements=FLOATS),
        arrays(np.float32, (8,), elements=FLOATS),
        arrays(np.float32, (8, 1), elements=st.just(np.nan)),
        arrays(np.float32, (8, 2, 2), elements=FLOATS),
        arrays(np.float32, (0, 1)),
        st.just([["a"]] * 8),
    )
)
def test_any_context_that_is_none(context: Any) -> None:
    refused(PLAIN, gaussian(8, 0), "context", context=context)


def test_rows_of_another_width_than_it_was_fitted_to(density_case: Case) -> None:
    for wrong in (1, 3, 4, 5):
        with pytest.raises(InputError, match=r"X must have the shape \(rows, 2\)"):
            fitted(density_case).score_samples(np.zeros((3, wrong)))
        with pytest.raises(InputError, match=r"x must have the shape \(rows, 2\)"):
            fitted(density_case).log_prob(torch.zeros(3, wrong))


@FITS
@given(value=FLOATS, column=st.integers(0, 1))
def test_a_constant_column(case: Case, value: float, column: int) -> None:
    x = gaussian(20, 0).numpy().copy()
    x[:, column] = value
    fits(case, x, **labels_for(case, 20))


@FITS
@given(row=arrays(np.float32, (1, 2), elements=FLOATS), times=st.sampled_from([1, 2, 30]))
def test_one_row_alone_or_many_times(case: Case, row: np.ndarray, times: int) -> None:
    fits(case, row.repeat(times, 0), **labels_for(case, times))


@FITS
@given(scale=st.sampled_from([1e-6, 1e-3, 1e3, 1e6]), offset=st.sampled_from([0.0, 1e3, -1e6]))
def test_columns_of_any_scale(case: Case, scale: float, offset: float) -> None:
    x = gaussian(40, 0).double().numpy() * scale + offset
    fits(case, x, **labels_for(case, 40))


@FITS
@given(x=arrays(np.float32, st.tuples(st.integers(2, 30), st.integers(1, 4)), elements=FLOATS))
def test_any_finite_table(free_case: Case, x: np.ndarray) -> None:
    fits(free_case, x)


@FITS
@given(labels=st.lists(st.integers(-3, 3), min_size=20, max_size=20))
def test_any_integer_labels(labels_case: Case, labels: list[int]) -> None:
    fits(labels_case, gaussian(20, 0).numpy(), y=np.array(labels))


@FITS
@given(value=FLOATS)
def test_a_constant_column_of_context(context_case: Case, value: float) -> None:
    context = np.column_stack([np.linspace(-1, 1, 20), np.full(20, value)])
    fits(context_case, gaussian(20, 0).numpy(), context=context)


def test_numbers_of_double_precision(case: Case) -> None:
    fits(case, gaussian(20, 0).double().numpy(), **labels_for(case, 20))


def test_contexts_of_double_precision(context_case: Case) -> None:
    x, context = moved(20, 0)
    fits(context_case, x.numpy(), context=context.double().numpy())


def test_integers_are_numbers(case: Case) -> None:
    fits(case, gaussian(8, 0).mul(10).long().numpy(), **labels_for(case))
