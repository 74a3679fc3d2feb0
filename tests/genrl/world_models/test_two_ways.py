"""A step that goes one way or the other: a Gaussian blurs the two, models of any shape keep them."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from torch import Tensor
from world_model_kinds import KINDS, seeded

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
    fresh = two_ways(rows, seed=99)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        dreamt = model.advance(model.begin(fresh.observations, generator), fresh.actions, generator)
    return (dreamt.observations - fresh.observations - fresh.actions / 2)[:, 0], dreamt.rewards, dreamt


def near_a_way(distance: Tensor) -> float:
    return float(((distance.abs() - 1).abs() < 4 * NOISE).float().mean())


def test_an_ensemble_of_gaussians_blurs_them(seed: int, learned: Learned) -> None:
    model = seeded(KINDS["ensemble"](200), seed)
    model.fit(two_ways(2000, seed))
    distance, _, _ = moved(model)
    learned("mean", distance.mean().abs(), below=0.2, baseline=1.0)
    learned("near a way", near_a_way(distance), below=0.6, baseline=1.0)  # of a Gaussian of the same deviation: 0.39
    learned("between", (distance.abs() < 0.5).float().mean(), above=0.25, baseline=0.0)


@pytest.mark.parametrize(
    ("kind", "updates"), [("mixture", 300), ("recurrent", 300), ("flow", 500), ("score", 800), ("vq", 300)]
)
def test_the_others_keep_both(kind: str, updates: int, seed: int, learned: Learned) -> None:
    model = seeded(KINDS[kind](updates), seed)
    model.fit(two_ways(2000, seed))
    distance, rewards, _ = moved(model)
    learned("near a way", near_a_way(distance), above=0.8, baseline=0.39)  # of a Gaussian
    up = (distance > 0).float().mean()
    learned("share of the rarer way", min(up, 1 - up), above=0.3, baseline=0.0)
    of_the_way = (rewards.sign() == distance.sign()).float().mean()
    learned("rewards of the way that was taken", of_the_way, above=0.9, baseline=0.5)


def test_the_way_taken_decides_whether_the_episode_ends(seed: int, learned: Learned) -> None:
    model = seeded(KINDS["mixture"](300), seed)
    model.fit(two_ways(2000, seed, fatal=True))
    _, rewards, dreamt = moved(model)
    assert dreamt.termination_logits is not None
    right = ((dreamt.termination_logits > 0) == (rewards > 0)).float().mean()
    learned("right ends", right, above=0.95, baseline=0.5)


def test_either_way_is_known_territory(seed: int, learned: Learned) -> None:
    """What the system leaves open is no reason to stop a dream; where nothing was seen is."""
    model = seeded(KINDS["mixture"](300), seed)
    model.fit(two_ways(2000, seed))
    _, _, dreamt = moved(model)
    stopped = (dreamt.disagreement > model.disagreement_quantile(0.99)).float().mean()
    learned("stopped where it was", stopped, below=0.05, baseline=1.0)
    with torch.no_grad():
        far = model.advance(model.begin(torch.full((50, 1), 20.0)), torch.zeros(50, 1)).disagreement
    stopped = (far > model.disagreement_quantile(0.99)).float().mean()
    learned("stopped where it was not", stopped, above=0.95, baseline=0.01)
