"""Versions of the libraries that the bits of a training depend on, and which of them have changed since."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["changed_versions", "installed_versions"]

DISTRIBUTIONS = {
    "genrl": "genrl-imitation",
    "torch": "torch",
    "numpy": "numpy",
    "gymnasium": "gymnasium",
    "mujoco": "mujoco",
    "stable-baselines3": "stable-baselines3",
    "sb3-contrib": "sb3-contrib",
}
DECIDES_NOTHING = {"platform"}  # a newer kernel computes the same numbers


def installed_versions() -> dict[str, str | None]:
    """Versions of Python, the platform and the libraries that a run depends on; None where not installed.

    `cpu_capability` is the instruction set that torch uses on this processor, such as AVX2: sums are rounded in an
    order that depends on it.
    """
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    for name, distribution in DISTRIBUTIONS.items():
        try:
            versions[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def changed_versions(recorded: Mapping[str, Any]) -> list[str]:
    """What is installed in another version than `recorded` says, as `torch 2.7.0 -> 2.8.0`.

    Names that were not recorded are left out, and so is the platform, which decides no number.

    >>> changed_versions({**installed_versions(), "numpy": "1.0"})[0].startswith("numpy 1.0 -> ")
    True
    """
    return [
        f"{name} {recorded[name] or 'none'} -> {version or 'none'}"
        for name, version in installed_versions().items()
        if name in recorded and recorded[name] != version and name not in DECIDES_NOTHING
    ]
