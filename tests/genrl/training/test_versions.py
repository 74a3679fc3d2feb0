import numpy as np
import pytest
import torch

from genrl.training.versions import changed_versions, installed_versions


def test_what_is_installed() -> None:
    versions = installed_versions()
    assert versions["numpy"] == np.__version__
    assert versions["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert changed_versions(versions) == []


@pytest.mark.parametrize(
    "name", ["python", "torch", "numpy", "gymnasium", "mujoco", "stable-baselines3", "sb3-contrib", "genrl"]
)
def test_a_changed_library_is_named(name: str) -> None:
    versions = installed_versions()
    assert changed_versions({**versions, name: "0.1rc"}) == [f"{name} 0.1rc -> {versions[name]}"]
    assert changed_versions({**versions, name: None}) == [f"{name} none -> {versions[name]}"]


def test_what_was_not_recorded_or_decides_nothing_is_left_out() -> None:
    assert changed_versions({}) == []
    assert changed_versions({"platform": "Plan 9", "unheard-of": "1"}) == []
