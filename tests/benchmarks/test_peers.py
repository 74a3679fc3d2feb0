"""The extra `bench` and the lock of the benchmarks name the same peers."""

import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PEERS = [Requirement(line) for line in PROJECT["optional-dependencies"]["bench"]]


def locked() -> dict[str, str]:
    """Versions by name, of both locks."""
    lines = [
        line.partition("==")
        for name in ("requirements.lock", "requirements-bench.lock")
        for line in (ROOT / name).read_text().splitlines()
        if "==" in line
    ]
    return {canonicalize_name(name): pinned for name, _, pinned in lines}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_of_the_extra_is_locked_in_a_version_that_the_extra_takes(peer: Requirement) -> None:
    assert peer.specifier.contains(locked()[canonicalize_name(peer.name)])


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_of_the_extra_contradicts_no_version_that_is_locked(peer: Requirement) -> None:
    try:
        version(peer.name)
    except PackageNotFoundError:
        pytest.skip("it is not installed, so what it asks for is not known")
    wanted = [Requirement(line) for line in requires(peer.name) or ()]
    wanted = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    pinned = locked()
    for each in wanted:
        name = canonicalize_name(each.name)
        assert name not in pinned or each.specifier.contains(pinned[name]), each
