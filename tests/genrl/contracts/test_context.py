"""A context where none belongs, none where one belongs, or a wrong one: each is refused by name."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from family_cases import CLASSES, FEW, Case, fitted, fitted_to_context, fitted_to_labels, gaussian, labelled

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel

Ask = Callable[[GenerativeModel, Any], Any]

VERBS: dict[str, Ask] = {
    "sample": lambda model, context: model.sample(3, context=context),
    "log_prob": lambda model, context: model.log_prob(gaussian(4, 0), context),
    "score_samples": lambda model, context: model.score_samples(gaussian(4, 0), context),
}


def refused_by(verb: str, model: GenerativeModel, context: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        VERBS[verb](model, context)


def refused(model: GenerativeModel, context: Any, message: str) -> None:
    """By everything that takes a context."""
    for verb in VERBS:
        if verb == "sample" or hasattr(model, "log_prob"):
            refused_by(verb, model, context, message)


def test_a_context_given_to_a_model_without(free_case: Case) -> None:
    refused(fitted(free_case), torch.zeros(4, 1), "without a context: leave context= out")


def test_a_missing_context(context_case: Case) -> None:
    refused(fitted_to_context(context_case), None, "with a context: give context=")


def test_a_wrong_context(context_case: Case) -> None:
    model = fitted_to_context(context_case)
    refused(model, torch.zeros(4, 3), "context must have the shape")
    refused(model, torch.zeros(4), "context must have rows and columns")
    refused(model, torch.tensor([0, 1, 0, 1]), "context must have rows and columns")
    refused(model, torch.zeros(0, 1), "context is empty")
    refused(model, "blue", "context must")


def test_a_context_that_is_not_finite(context_case: Case) -> None:
    model, context = fitted_to_context(context_case), torch.full((4, 1), torch.nan)
    with pytest.raises(InputError, match="context must be finite"):
        model.sample(3, context=context)
    if hasattr(model, "log_prob"):
        with pytest.raises(InputError, match="context must be finite"):
            model.score_samples(gaussian(4, 0), context)


def test_too_few_rows_of_context(context_case: Case) -> None:
    model = fitted_to_context(context_case)
    if hasattr(model, "log_prob"):
        with pytest.raises(InputError, match="context has 3 rows, x has 4"):
            model.log_prob(gaussian(4, 0), torch.zeros(3, 1))


def test_wrong_labels(labels_case: Case) -> None:
    model = fitted_to_labels(labels_case)
    refused(model, [3, 7, 3, 8], r"labels \[8\] are not among the classes \[3, 7\]")
    refused(model, [3.0, 7.0, 3.0, 7.0], "must hold integers")


def test_labels_and_context_at_once(labels_case: Case) -> None:
    x, y = labelled(20, 0)
    with pytest.raises(InputError, match=r"\by\b.*\bcontext\b"):
        labels_case.fit(x, updates=FEW, y=y, context=torch.zeros(20, 1))


def test_one_class_alone_is_a_context_too(labels_case: Case) -> None:
    x, _ = labelled(50, 0)
    model = labels_case.fit(x, updates=FEW, y=torch.full((50,), CLASSES[0]))
    assert model.sample(context=torch.full((3,), CLASSES[0])).shape == (3, 2)


def test_labels_that_a_model_needs(needy_case: Case) -> None:
    with pytest.raises(InputError, match=r"\blabels\b.*\by\b"):
        needy_case.make(FEW).fit(gaussian(8, 0))
