"""The example in each model's docstring is one that a reader can paste into an empty session."""

import doctest
import importlib
import inspect
from typing import Any

import pytest
from families import FAMILIES

from genrl.generative_model import GenerativeModel

MADE_BY_A_FUNCTION = {"FewStepSampler"}  # `distil` makes it, and has the example

EXPORTED = [
    getattr(package, name)
    for package in (importlib.import_module(f"genrl.{family}") for family in FAMILIES)
    for name in package.__all__
]
PUBLIC = [
    kind
    for kind in EXPORTED
    if isinstance(kind, type)
    and issubclass(kind, GenerativeModel)
    and not inspect.isabstract(kind)
    and kind.__name__ not in MADE_BY_A_FUNCTION
]


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
@pytest.mark.filterwarnings("ignore")
def test_the_example_runs_alone(kind: type[GenerativeModel]) -> None:
    nothing: dict[str, Any] = {}
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(kind) or "", nothing, kind.__name__, None, 0)
    said: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert results.attempted >= 4, "an example of a model fits it, and asks it something"
    assert not results.failed, "".join(said)
