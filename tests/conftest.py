from collections.abc import Generator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from learned import Learned, already_recorded, finish, seed_of, without_seed

from genrl.transitions import Transitions

# The same examples each time, and no clock: a busy machine is no error.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def normal_transitions(rows=64, *, observation_dim=3, action_dim=2, shift=0.0, terminated=0, seed=0):
    """Normal observations around `shift`, normal actions; the last `terminated` rows end an episode."""
    generator = torch.Generator().manual_seed(seed)
    return Transitions(
        observations=torch.randn(rows, observation_dim, generator=generator) + shift,
        actions=torch.randn(rows, action_dim, generator=generator),
        next_observations=torch.randn(rows, observation_dim, generator=generator) + shift,
        terminations=torch.arange(rows) >= rows - terminated,
    )


@pytest.fixture
def make_transitions(seed):
    """Transitions whose own seed is added to that of a learning test."""

    def make(*args, seed=0, offset=1000 * seed, **kwargs):
        return normal_transitions(*args, seed=seed + offset, **kwargs)

    return make


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("learning tests")
    group.addoption("--learning-seeds", type=int, default=1, help="random seeds with which each learning test is run")
    group.addoption("--torch-threads", type=int, default=1, help="threads of PyTorch")
    group.addoption("--record-learning", type=Path, help="append figures to this CSV file, and leave out what it has")


def pytest_configure(config: pytest.Config) -> None:
    # The networks of the tests are small: more threads only wait for each other, and for the simulator's.
    torch.set_num_threads(config.getoption("--torch-threads"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    seeds = metafunc.config.getoption("--learning-seeds")
    if "learned" not in metafunc.fixturenames:
        return
    if "seed" not in metafunc.fixturenames:
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: a learning test draws its random numbers from `seed`")
    if seeds > 1:
        metafunc.parametrize("seed", range(seeds), ids="seed{}".format, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    learning = [item for item in items if "learned" in getattr(item, "fixturenames", ())]
    for item in learning:
        item.add_marker("learning")
    if (record := config.getoption("--record-learning")) is not None:
        done = already_recorded(record)
        left_out = [item for item in learning if (without_seed(item.nodeid), seed_of(item)) in done]
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Random seed of a learning test: 0, or each of those of `--learning-seeds`."""
    return getattr(request, "param", 0)


@pytest.fixture
def learned(request: pytest.FixtureRequest) -> Learned:
    """Compares what was learned with a threshold: `learned("accuracy", 0.97, above=0.9, baseline=0.1)`."""
    node = request.node
    return Learned(without_seed(node.nodeid), seed_of(node), request.config.getoption("--record-learning"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    result = yield
    if isinstance(learned := getattr(item, "funcargs", {}).get("learned"), Learned):
        finish(learned)
    return result
