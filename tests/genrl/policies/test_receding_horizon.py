"""Chunks of actions: cut from episodes, followed as far as was said, forgotten at the start of an episode."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genrl.errors import InputError
from genrl.policies.receding_horizon import action_chunks, follow_plans


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 5))
def test_a_chunk_is_what_follows_in_its_episode_and_then_the_last_action(lengths, chunk):
    episodes = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    actions = torch.arange(len(episodes), dtype=torch.float32)[:, None].expand(-1, 2)
    found = action_chunks(actions, episodes, chunk)
    assert found.shape == (len(episodes), chunk, 2)
    ends = np.cumsum(lengths)
    for row, episode in enumerate(episodes.tolist()):
        assert found[row, :, 0].tolist() == [min(row + ahead, ends[episode] - 1) for ahead in range(chunk)]


def test_episodes_in_pieces_are_refused():
    with pytest.raises(InputError, match="one after the other"):
        action_chunks(torch.zeros(3, 1), torch.tensor([0, 1, 0]), 2)
    assert action_chunks(torch.zeros(3, 1), torch.tensor([0, 1, 0]), 1).shape == (3, 1, 1)  # no plan, nothing to cut


class Planner:
    """The plan made at its k-th call for any environment is 10 k, 10 k + 1, ..."""

    def __init__(self, chunk):
        self.chunk, self.asked = chunk, []

    def __call__(self, due):
        self.asked.append(due.tolist())
        plan = 10.0 * len(self.asked) + np.arange(self.chunk)
        return np.tile(plan[:, None], (int(due.sum()), 1, 1))


def steps(planner, starts, executed):
    state, taken = None, []
    for start in starts:
        actions, state = follow_plans(planner, state, np.array(start), executed=executed)
        taken.append(actions[:, 0].tolist())
    return taken


def test_so_many_actions_are_taken_before_the_next_plan():
    planner = Planner(4)
    assert steps(planner, [[True, True]] + [[False, False]] * 4, 2) == [
        [10, 10],
        [11, 11],
        [20, 20],
        [21, 21],
        [30, 30],
    ]
    assert len(planner.asked) == 3


def test_an_episode_that_starts_gets_a_plan_of_its_own_and_the_others_go_on():
    planner = Planner(4)
    taken = steps(planner, [[True, True], [False, True], [False, False], [False, False]], 3)
    assert taken == [[10, 10], [11, 20], [12, 21], [30, 22]]
    assert planner.asked == [[True, True], [False, True], [True, False]]


def test_the_state_that_was_passed_is_left_as_it_was():
    planner = Planner(3)
    none = np.zeros(2, bool)
    _, state = follow_plans(planner, None, none, executed=1)
    before = [part.copy() for part in state]
    first, _ = follow_plans(planner, state, none, executed=1)
    for part, copy in zip(state, before, strict=True):
        np.testing.assert_array_equal(part, copy)
    assert first[0, 0] == 20
