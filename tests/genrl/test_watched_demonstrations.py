"""Demonstrations of an expert that was only watched: everything but its actions."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from genrl.errors import InputError
from genrl.transitions import Demonstrations

OBSERVATIONS = spaces.Box(-np.inf, np.inf, (2,), np.float64)
ACTIONS = spaces.Box(-1.0, 1.0, (2,))


def demonstrations(**changes):
    """Three episodes of 3, 1 and 4 steps; the first one terminates."""
    fields = {
        "observations": np.arange(22.0).reshape(11, 2),
        "actions": np.linspace(-0.9, 0.9, 16).reshape(8, 2),
        "rewards": np.arange(8.0),
        "terminations": np.arange(8) == 2,
        "truncations": np.isin(np.arange(8), [3, 7]),
        "episode_lengths": np.array([3, 1, 4]),
    }
    return Demonstrations(**{**fields, **changes})


def test_without_actions_everything_else_is_as_it_was():
    known, watched = demonstrations(), demonstrations(actions=None)
    assert known.has_actions
    assert not watched.has_actions
    assert (len(watched), watched.num_steps) == (len(known), known.num_steps) == (8, 8)
    np.testing.assert_array_equal(watched.returns, known.returns)
    pairs, expected = watched.transitions(ACTIONS), known.transitions(ACTIONS)
    assert torch.equal(pairs.observations, expected.observations)
    assert torch.equal(pairs.next_observations, expected.next_observations)
    assert torch.equal(pairs.terminations, expected.terminations)
    few = watched.first(2).subsample(2, np.random.default_rng(0))
    assert not few.has_actions
    assert len(few.transitions(ACTIONS)) == len(few) < 4


@pytest.mark.parametrize(("space", "columns"), [(ACTIONS, 2), (spaces.Discrete(5), 5), (spaces.Box(1.0, 2.0, (3,)), 3)])
def test_unknown_actions_are_zeros_of_the_right_width(space, columns):
    actions = demonstrations(actions=None).transitions(space).actions
    assert actions.shape == (8, columns)
    assert actions.dtype == torch.float32
    assert (actions == 0).all()


def test_episodes_without_actions_are_joined_but_not_with_others():
    known, watched = demonstrations(), demonstrations(actions=None)
    episodes = list(watched.trajectories())
    assert [len(episode) for episode in episodes] == [3, 1, 4]
    again = Demonstrations.from_trajectories(episodes)
    assert again.actions is None
    np.testing.assert_array_equal(again.observations, watched.observations)
    with pytest.raises(InputError, match="some of the episodes"):
        Demonstrations.from_trajectories([*known.trajectories(), *episodes])


def test_who_needs_actions_is_told_what_to_do():
    np.testing.assert_array_equal(demonstrations().require_actions("cloning"), demonstrations().actions)
    with pytest.raises(InputError, match=r"^cloning needs the expert's actions.*--state-only$") as caught:
        demonstrations(actions=None).require_actions("cloning")
    assert "\n" not in str(caught.value)


def test_without_actions_the_spaces_are_still_checked():
    watched = demonstrations(actions=None)
    watched.check_spaces(OBSERVATIONS, ACTIONS)
    with pytest.raises(InputError, match="observation columns"):
        watched.check_spaces(spaces.Box(-1, 1, (3,)), ACTIONS)
    for space in (spaces.MultiDiscrete([2, 2]), spaces.Discrete(3, start=5)):
        with pytest.raises(InputError):
            watched.check_spaces(OBSERVATIONS, space)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rewards": np.zeros(7)}, "sum to the number of steps, 7"),
        ({"observations": np.zeros((8, 2))}, "T \\+ 1 rows"),
        ({"observations": np.full((11, 2), np.nan)}, "NaN"),
    ],
)
def test_without_actions_a_wrong_layout_is_still_refused(changes, message):
    with pytest.raises(InputError, match=message):
        demonstrations(actions=None, **changes)
