"""Each test here runs for every generative model that can do what the name of its argument says.

Several processes share the models out between them, so that each model is fitted by one of them.
"""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    from family_cases import CASES, IMAGE_CASES, Case

    from genrl.protocols import Density, JointSampler, Trainable

    wanted = {
        "any_case": lambda case: True,
        "domains_case": lambda case: case.domains,
        "case": lambda case: not case.domains,
        "free_case": lambda case: not case.domains and not case.needs_labels,
        "labels_case": lambda case: case.labels,
        "context_case": lambda case: case.context,
        "density_case": lambda case: not case.needs_labels and isinstance(case.make(), Density),
        "joint_case": lambda case: isinstance(case.make(), JointSampler),
        "needy_case": lambda case: case.needs_labels,
        "gradient_case": lambda case: isinstance(case.make(), Trainable),
    }

    def param(case: Case, *marks: pytest.MarkDecorator) -> Any:
        return pytest.param(case, id=case.name, marks=[pytest.mark.xdist_group(f"contracts of {case.name}"), *marks])

    if "image_case" in metafunc.fixturenames:
        metafunc.parametrize("image_case", [param(each) for each in IMAGE_CASES])
    if "implicit_case" in metafunc.fixturenames:
        without = [case for case in (*CASES, *IMAGE_CASES) if not isinstance(case.make(), Density)]
        metafunc.parametrize("implicit_case", [param(each) for each in without])
    real = metafunc.module.__name__.rpartition(".")[2] != "test_list"  # which asks for no rows
    skipped = pytest.mark.skip(reason="it models images of integers: tests/genrl/autoregressive holds its contracts")
    for argument, can in wanted.items():
        if argument in metafunc.fixturenames:
            cases = [param(each, *([skipped] if real and each.discrete else [])) for each in CASES if can(each)]
            metafunc.parametrize(argument, cases)
