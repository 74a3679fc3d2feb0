"""How all tests, doctests too, use the cores."""

import os

import pytest

# The networks of the tests are small: more threads only wait for each other, and for the simulator's. This is read when
# torch is first imported, here and in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: the cores that this process may use, by its affinity and its control group."""
    import joblib  # the processes that run the tests need none of it

    return joblib.cpu_count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, where they share what they fit, unless they name another group.

    With several random seeds (`--learning-seeds`), those of a file and a seed.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            seed = item.callspec.params.get("seed", 0) if hasattr(item, "callspec") else 0
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{seed}"))
