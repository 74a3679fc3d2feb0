"""A step that goes one way or the other: a Gaussian blurs the two, models of any shape keep them."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor
from world_model_kinds import KINDS

from genrl.world_models import Experience

NOISE = 0.1


def two_ways(rows: int, seed: int = 0, *, fatal: bool = False) -> Experience:
    """x' is x + u / 2 + 1 or - 1, whichever, with a little noise; if it is fatal to go up, the episode ends there."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 1, generator=generator)
    u = 2 * torch.rand(rows, 1, generator=generator) - 1
    way = torch.randn(rows, 1, generator=generator).sign()
    following = x + u / 2 + way + NOISE * torch.randn(rows, 1, generator=generator)
    return Experience(
        observations=x,
        actions=u,
        rewards=way[:, 0],
        next_observations=following,
        terminations=(way[:, 0] > 0) & fatal,
        ends=torch.ones(rows, dtype=torch.bool),
        action_space=spaces.Box(-1, 1, (1,), np.float32),
    )


def moved(model: Any, rows: int = 1000) -> tuple[Tensor, Tensor, Any]:
    """How far a step goes beyond what is certain, its reward, and all that was dreamt."""
    fresh = two_ways(rows, seed=1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        dreamt = model.advance(model.begin(fresh.observations, generator), fresh.actions, generator)
    return (dreamt.observations - fresh.observations - fresh.actions / 2)[:, 0], dreamt.rewards, dreamt


def near_a_way(distance: Tensor) -> float:
    return float(((distance.abs() - 1).abs() < 4 * NOISE).float().mean())


def test_an_ensemble_of_gaussians_blurs_them() -> None:
    model = KINDS["ensemble"](200)
    model.fit(two_ways(2000))
    distance, _, _ = moved(model)
    assert distance.mean().abs() < 0.2
    assert near_a_way(distance) < 0.6  # of a Gaussian of the same deviation: 0.39
    assert (distance.abs() < 0.5).float().mean() > 0.25


@pytest.mark.parametrize(
    ("kind", "updates"), [("mixture", 300), ("recurrent", 300), ("flow", 500), ("score", 800), ("vq", 300)]
)
def test_the_others_keep_both(kind: str, updates: int) -> None:
    model = KINDS[kind](updates)
    model.fit(two_ways(2000))
    distance, rewards, _ = moved(model)
    assert near_a_way(distance) > 0.9
    assert 0.35 < (distance > 0).float().mean() < 0.65
    assert (rewards.sign() == distance.sign()).float().mean() > 0.95  # the reward belongs to the way that was taken


def test_the_way_taken_decides_whether_the_episode_ends() -> None:
    model = KINDS["mixture"](300)
    model.fit(two_ways(2000, fatal=True))
    _, rewards, dreamt = moved(model)
    assert dreamt.termination_logits is not None
    assert ((dreamt.termination_logits > 0) == (rewards > 0)).float().mean() > 0.95


def test_either_way_is_known_territory() -> None:
    """What the system leaves open is no reason to stop a dream; where nothing was seen is."""
    model = KINDS["mixture"](300)
    model.fit(two_ways(2000))
    _, _, dreamt = moved(model)
    assert (dreamt.disagreement > model.disagreement_quantile(0.99)).float().mean() < 0.05
    with torch.no_grad():
        far = model.advance(model.begin(torch.full((50, 1), 20.0)), torch.zeros(50, 1)).disagreement
    assert (far > model.disagreement_quantile(0.99)).float().mean() > 0.95
