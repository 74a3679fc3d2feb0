"""A Gaussian clone of an expert with two ways goes between them; the other policies keep both, more or less."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def two_modes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import two_modes

    return two_modes


def first_turns(two_modes: ModuleType, policy: Any, updates: int = 800) -> np.ndarray:
    """How far aside the first step of each walk of a clone goes, about 0.55 to either side for the expert."""
    config = two_modes.TwoModesConfig(updates=updates, walks=40)
    walks = two_modes.walks_of(policy, two_modes.demonstrations_of(20), config)
    return np.array([places[1, 3] for places in walks])


def test_a_gaussian_goes_between_the_ways(two_modes: ModuleType) -> None:
    turns = first_turns(two_modes, "gaussian")
    assert np.abs(turns).mean() < 0.35


@pytest.mark.parametrize(
    ("policy", "updates"),
    [("mixture", 800), ("vq", 800), ("flow-matching", 800), pytest.param("flow", 3000, marks=pytest.mark.slow)],
)
def test_mixtures_codes_and_flows_keep_both_ways(two_modes: ModuleType, policy: str, updates: int) -> None:
    turns = first_turns(two_modes, policy, updates)
    assert (np.abs(np.abs(turns) - 0.55) < 0.2).mean() > 0.85
    assert 0.2 < (turns > 0).mean() < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["vae", "gan"])
def test_what_only_samples_keeps_both_ways_less_sharply(two_modes: ModuleType, policy: str) -> None:
    turns = first_turns(two_modes, policy, 3000)
    assert (np.abs(np.abs(turns) - 0.55) < 0.25).mean() > 0.6
    assert 0.2 < (turns > 0).mean() < 0.8


def test_what_is_drawn(two_modes: ModuleType, tmp_path: Path) -> None:
    expert = [trajectory.observations for trajectory in two_modes.demonstrations_of(4).trajectories()]
    assert not any(two_modes.hits(places) for places in expert)
    assert [two_modes.passes_above(places) for places in expert] == [False, True, False, True]
    straight = np.zeros((21, 4), np.float32)
    straight[:, 0] = np.linspace(0, 2, 21)
    assert two_modes.hits(straight)
    two_modes.draw({"expert": expert, "straight": [straight]}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
