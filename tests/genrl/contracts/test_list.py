"""No model escapes the contracts."""

import inspect

import pytest
from families import find_model, make_model, model_name, models
from family_cases import CASES, IMAGE_CASES, Case

from genrl.errors import InputError


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
