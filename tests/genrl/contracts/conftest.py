"""Each test here runs for every generative model that can do what the name of its argument says.

Several processes share the models out between them, so that each model is fitted by one of them.
"""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    from family_cases import CASES, IMAGE_CASES, Case, example

    from genrl.protocols import Density, JointSampler, Trainable

    def param(case: Case) -> Any:
        return pytest.param(case, id=case.name, marks=pytest.mark.xdist_group(f"contracts-{case.name}"))

    rows = [case for case in CASES if case.of_rows]
    wanted = {
        "any_case": lambda: CASES,
        "domains_case": lambda: [case for case in CASES if case.domains],
        "image_case": lambda: IMAGE_CASES,
        "implicit_case": lambda: [case for case in (*CASES, *IMAGE_CASES) if not isinstance(example(case), Density)],
        "case": lambda: rows,
        "free_case": lambda: [case for case in rows if not case.needs_labels],
        "needy_case": lambda: [case for case in rows if case.needs_labels],
        "labels_case": lambda: [case for case in rows if case.labels],
        "context_case": lambda: [case for case in rows if case.context],
        "density_case": lambda: [case for case in rows if not case.needs_labels and isinstance(example(case), Density)],
        "joint_case": lambda: [case for case in rows if isinstance(example(case), JointSampler)],
        "gradient_case": lambda: [case for case in rows if isinstance(example(case), Trainable)],
    }
    for argument, cases in wanted.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, [param(each) for each in cases()])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An example that test_examples.py runs in an empty session is not run in that of its module, too."""
    examples = [item for item in items if item.name.startswith("test_the_example_runs_alone[")]
    alone = {item.callspec.params["kind"] for item in examples}  # type: ignore[attr-defined]
    items[:] = [item for item in items if not (isinstance(item, pytest.DoctestItem) and documented(item) in alone)]


def documented(item: pytest.DoctestItem) -> Any:
    """The class or function whose example it is."""
    return item.dtest.globs.get(item.dtest.name.rpartition(".")[2])
