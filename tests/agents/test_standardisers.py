"""The shared standardisation counts what is known of the expert, and nothing that stands in for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from gymnasium import spaces
from point_env import point_envs

from agents.standardisers import Standardisers, fit_standardisers, random_steps
from genrl.errors import InputError
from genrl.transitions import Demonstrations

ACTIONS = spaces.Box(-1, 1, (2,))


def test_unknown_actions_are_standardised_by_random_ones_alone(demonstrations: Demonstrations) -> None:
    watched = replace(demonstrations, actions=None).transitions(ACTIONS)
    fitted = fit_standardisers(watched, random_steps(point_envs(4), 400, 0), has_actions=False)
    _, actions = random_steps(point_envs(4), 400, 0)
    torch.testing.assert_close(fitted.actions.mean, actions.mean(0))
    torch.testing.assert_close(fitted.actions.std, actions.std(0, correction=0))
    known = fit_standardisers(demonstrations.transitions(ACTIONS), random_steps(point_envs(4), 400, 0))
    torch.testing.assert_close(fitted.observations.mean, known.observations.mean)
    assert not torch.allclose(fitted.actions.std, known.actions.std)


def test_they_come_back_from_their_tensors(demonstrations: Demonstrations) -> None:
    fitted = fit_standardisers(demonstrations.transitions(ACTIONS), random_steps(point_envs(4), 100, 0))
    again = Standardisers.from_tensors(fitted.to_tensors())
    rows = torch.randn(9, 2)
    assert torch.equal(again.observations(rows), fitted.observations(rows))
    assert torch.equal(again.actions(rows), fitted.actions(rows))


def test_without_random_steps_the_units_are_the_demonstrations_own(demonstrations: Demonstrations) -> None:
    expert = demonstrations.transitions(ACTIONS)
    fitted = fit_standardisers(expert, None)
    torch.testing.assert_close(fitted.observations.mean, expert.observations.mean(0))
    torch.testing.assert_close(fitted.actions.std, expert.actions.std(0, correction=0))
    with pytest.raises(InputError, match="random steps"):
        fit_standardisers(expert, None, has_actions=False)
