import pytest
import torch

from genrl.rewards.replay import TransitionReplay


def numbered(make, rows, first):
    """Each row carries its own number in the first observation and action column, and their parity as its end."""
    number = torch.arange(first, first + rows).float()
    batch = make(rows)
    batch.observations[:, 0] = number
    batch.actions[:, 0] = number
    batch.next_observations[:, 0] = number + 0.5
    batch.terminations.copy_(number % 2 == 0)
    return batch


def held(replay):
    return replay.observations[: int(replay.count), 0]


def test_nothing_is_kept_without_capacity(make):
    replay = TransitionReplay(0, 3, 2)
    newest = make(5)
    assert replay.extend(newest) is newest
    assert int(replay.count) == 0


def test_past_and_newest_come_together_and_capacity_holds(make):
    replay = TransitionReplay(10, 3, 2)
    sizes = [len(replay.extend(numbered(make, 6, 6 * i))) for i in range(5)]
    assert sizes == [6, 12, 16, 16, 16]
    assert int(replay.count) == 10
    assert len(set(held(replay).tolist())) == 10


def test_the_columns_of_a_row_stay_together(make):
    torch.manual_seed(0)
    replay = TransitionReplay(8, 3, 2)
    for i in range(4):
        together = replay.extend(numbered(make, 5, 5 * i))
    for rows in (together, replay):
        number = rows.observations[:, 0]
        torch.testing.assert_close(rows.actions[:, 0], number)
        torch.testing.assert_close(rows.next_observations[:, 0], number + 0.5)
        assert torch.equal(rows.terminations, number % 2 == 0)


def test_what_is_kept_is_a_random_part_in_which_newer_rows_are_likelier(make):
    torch.manual_seed(0)
    replay = TransitionReplay(200, 3, 2)
    for i in range(4):
        replay.extend(numbered(make, 200, 200 * i))
    rounds = (held(replay) / 200).long().bincount(minlength=4)
    assert rounds.tolist() == sorted(rounds.tolist())
    assert rounds[0] > 5
    # Not the tail of the newest rollout: its rows are in the order of time.
    newest = held(replay)[held(replay) >= 600] - 600
    assert 60 < newest.mean() < 140


def test_the_returned_rows_do_not_change_with_later_ones(make):
    replay = TransitionReplay(4, 3, 2)
    replay.extend(numbered(make, 4, 0))
    together = replay.extend(numbered(make, 4, 4))
    before = together.observations.clone()
    replay.extend(numbered(make, 4, 8))
    assert torch.equal(together.observations, before)


def test_the_state_dict_brings_it_back(make):
    replay, other = TransitionReplay(6, 3, 2), TransitionReplay(6, 3, 2)
    replay.extend(numbered(make, 4, 0))
    other.load_state_dict(replay.state_dict())
    assert torch.equal(held(other), held(replay))
    torch.manual_seed(1)
    a = replay.extend(numbered(make, 4, 4))
    torch.manual_seed(1)
    b = other.extend(numbered(make, 4, 4))
    assert torch.equal(a.observations, b.observations)
    assert torch.equal(held(other), held(replay))
    with pytest.raises(RuntimeError):
        TransitionReplay(7, 3, 2).load_state_dict(replay.state_dict())
