"""A Gaussian clone of an expert with two ways goes between them; the other policies keep both, more or less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from learned import Learned

from genrl.transitions import Demonstrations

ROOT = Path(__file__).parents[2]


@pytest.fixture
def two_modes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import two_modes

    return two_modes


def turns_of(two_modes: ModuleType, policy: Any, seed: int, updates: int = 800) -> tuple[np.ndarray, float]:
    """How far aside the first step of each walk of a clone goes, about 0.55 to either side for the expert.

    Beside it the first step without noise.
    """
    config = two_modes.TwoModesConfig(updates=updates, walks=40, seed=seed)
    clone = two_modes.clone_of(policy, two_modes.demonstrations_of(20), config)
    return np.array([places[1, 3] for places in two_modes.walks_of(clone, config)]), two_modes.turn_at_the_fork(clone)


def test_a_gaussian_goes_between_the_ways(two_modes: ModuleType, seed: int, learned: Learned) -> None:
    turns, without_noise = turns_of(two_modes, "gaussian", seed)
    learned("mean turn", np.abs(turns).mean(), below=0.35, baseline=0.55)  # of a policy that keeps the ways apart
    learned("turn without noise", abs(without_noise), below=0.25, baseline=0.55)  # the average of both ways


@pytest.mark.parametrize(
    ("policy", "updates"),
    [
        ("mixture", 800),
        ("vq", 800),
        pytest.param("flow", 3000, marks=pytest.mark.slow),
        pytest.param("flow-matching", 3000, marks=pytest.mark.slow),
    ],
)
def test_mixtures_codes_and_flows_keep_both_ways_and_choose_one_without_noise(
    two_modes: ModuleType, policy: str, updates: int, seed: int, learned: Learned
) -> None:
    turns, without_noise = turns_of(two_modes, policy, seed, updates)
    learned("near a way", (np.abs(np.abs(turns) - 0.55) < 0.2).mean(), above=0.8, baseline=0.4)
    learned("share of the rarer way", min((turns > 0).mean(), (turns < 0).mean()), above=0.15, baseline=0.0)
    learned("error without noise", abs(abs(without_noise) - 0.55), below=0.1, baseline=0.55)


def test_a_flow_keeps_two_ways_of_a_small_set_where_a_gaussian_averages_them(
    two_modes: ModuleType, seed: int, learned: Learned
) -> None:
    """Of the fork alone, which a few hundred updates are enough for."""
    forks = [
        replace(walk, observations=walk.observations[:2], actions=walk.actions[:1], rewards=walk.rewards[:1])
        for walk in two_modes.demonstrations_of(100).trajectories()
    ]
    config = two_modes.TwoModesConfig(updates=300, walks=1, seed=seed)
    seen = np.zeros((400, 4), np.float32)
    turns, chosen = {}, {}
    for policy in ("gaussian", "flow"):
        clone = two_modes.clone_of(policy, Demonstrations.from_trajectories(forks), config)
        turns[policy] = clone.predict(seen, deterministic=False)[0][:, 1]
        chosen[policy] = two_modes.turn_at_the_fork(clone)
    near = {policy: (np.abs(np.abs(found) - 0.55) < 0.2).mean() for policy, found in turns.items()}
    learned("flow near a way", near["flow"], above=0.85, baseline=near["gaussian"])
    rarer = min((turns["flow"] > 0).mean(), (turns["flow"] < 0).mean())
    learned("share of the flow's rarer way", rarer, above=0.25, baseline=0.0)
    learned("error of the flow without noise", abs(abs(chosen["flow"]) - 0.55), below=0.1, baseline=0.55)
    learned("Gaussian near a way", near["gaussian"], below=0.55, baseline=1.0)
    learned("turn of the Gaussian without noise", abs(chosen["gaussian"]), below=0.3, baseline=0.55)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["vae", "gan"])
def test_what_only_samples_keeps_both_ways_less_sharply(
    two_modes: ModuleType, policy: str, seed: int, learned: Learned
) -> None:
    turns, _ = turns_of(two_modes, policy, seed, 3000)
    learned("near a way", (np.abs(np.abs(turns) - 0.55) < 0.25).mean(), above=0.6, baseline=0.45)
    learned("share of the rarer way", min((turns > 0).mean(), (turns < 0).mean()), above=0.15, baseline=0.0)


def test_what_is_drawn(two_modes: ModuleType, tmp_path: Path) -> None:
    expert = [trajectory.observations for trajectory in two_modes.demonstrations_of(4).trajectories()]
    assert not any(two_modes.hits(places) for places in expert)
    assert [two_modes.passes_above(places) for places in expert] == [False, True, False, True]
    straight = np.zeros((21, 4), np.float32)
    straight[:, 0] = np.linspace(0, 2, 21)
    assert two_modes.hits(straight)
    two_modes.draw({"expert": expert, "straight": [straight]}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
