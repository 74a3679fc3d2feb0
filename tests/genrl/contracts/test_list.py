"""No model escapes the contracts."""

import inspect

import pytest
from families import find_model, make_model, model_name, models
from family_cases import CASES, IMAGE_CASES, Case

from genrl.bayes import BayesClassifier
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel

SHARED = (
    "_given",
    "as_own_rows",
    "build",
    "check_rows",
    "encode_context",
    "hyperparameters",
    "load",
    "require_built",
    "save",
    "score_samples",
)
"""Methods of the base class that check and store for every model; their contracts try each of them once a model."""
OVERRIDDEN = {(BayesClassifier, "encode_context")}  # sums over the class that is missing, and leaves the rest as it is


def test_every_model_of_every_family_is_in_the_list() -> None:
    listed = [case.name for case in (*CASES, *IMAGE_CASES)]
    assert len(listed) == len(set(listed))
    assert set(listed) == models().keys(), "add the new model to tests/genrl/contracts/family_cases.py"


def test_arguments_are_kept_under_their_names_and_take_no_name_of_torchs(any_case: Case) -> None:
    model = any_case.make()
    arguments = set(inspect.signature(type(model).__init__).parameters) - {"self"}
    assert model.hyperparameters().keys() == arguments
    assert "training" not in arguments


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"no model 'gaussian'.*gaussian_mixture"):
        find_model("gaussian")


def test_a_hyperparameter_that_does_not_exist_is_refused(any_case: Case) -> None:
    with pytest.raises(InputError, match="--set takes key=value words, for " + any_case.name):
        make_model(find_model(any_case.name), ["no_such_setting=1"])


def test_names_are_those_of_the_classes(any_case: Case) -> None:
    assert model_name(find_model(any_case.name)) == any_case.name


def test_checks_and_files_are_those_of_the_base_class() -> None:
    own = {(kind, name) for kind in models().values() for name in SHARED if not is_shared(kind, name)}
    assert own == OVERRIDDEN, "test_bad_input.py, test_context.py and test_saving.py must try this method in full"


def is_shared(kind: type, name: str) -> bool:
    return inspect.getattr_static(kind, name) is inspect.getattr_static(GenerativeModel, name)
