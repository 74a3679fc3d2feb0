from dataclasses import replace

import numpy as np
import pytest
import torch
from straight_lines import drifting

from genrl.errors import InputError
from genrl.planners import Given, TrajectoryColumns, cut_trajectories
from genrl.transitions import Demonstrations

COLUMNS = TrajectoryColumns(observations=2, actions=1, goal=(1,), returns="window")

TO_GO = replace(COLUMNS, returns="to_go")


def test_grids_hold_rows_of_their_episode() -> None:
    data = drifting(episodes=2, length=10)
    grids = cut_trajectories(data, COLUMNS, horizon=3, stride=2, every=4)
    first, second = data.trajectories()
    assert grids.shape == (4, 3, 4)  # starts at 0 and 4 of both episodes
    np.testing.assert_allclose(grids[1, :, :2], first.observations[[4, 6, 8]])
    np.testing.assert_allclose(grids[3, :, :2], second.observations[[4, 6, 8]])
    assert first.actions is not None
    np.testing.assert_allclose(grids[1, :, 2], first.actions[4:10, 0].reshape(3, 2).mean(1), rtol=1e-6)
    assert (grids[..., 3] == 6).all()


def test_actions_move_from_row_to_row() -> None:
    grids = cut_trajectories(drifting(), COLUMNS, horizon=4, stride=3)
    torch.testing.assert_close(grids[:, 1:, 0] - grids[:, :-1, 0], 3 * grids[:, :-1, 2])


def test_grids_without_actions_need_none() -> None:
    data, alone = drifting(), replace(COLUMNS, actions=0)
    grids = cut_trajectories(replace(data, actions=None), alone, horizon=3, stride=2)
    assert torch.equal(grids, cut_trajectories(data, COLUMNS, horizon=3, stride=2)[..., [0, 1, 3]])
    with pytest.raises(InputError, match="a plan with actions needs the expert's actions"):
        cut_trajectories(replace(data, actions=None), COLUMNS, horizon=3)


def test_held_ends_go_on_with_the_last_row() -> None:
    data = drifting(episodes=1, length=5)
    grids = cut_trajectories(data, COLUMNS, horizon=4, every=3, at_end="hold")
    (episode,) = data.trajectories()
    assert len(grids) == 2
    np.testing.assert_allclose(grids[1, :, 0], episode.observations[[3, 4, 5, 5], 0])
    assert grids[:, 0, 3].tolist() == [4.0, 2.0]


def test_the_return_to_go_counts_to_the_end_of_the_episode() -> None:
    data = drifting(episodes=1, length=7)
    (episode,) = data.trajectories()
    paid = replace(episode, rewards=np.arange(7.0, dtype=np.float32))  # 21 in all
    found = cut_trajectories(
        Demonstrations.from_trajectories([paid]), TO_GO, horizon=3, stride=2, every=3, at_end="hold"
    )
    assert found[:, :, 3].tolist() == [[21, 20, 15], [18, 11, 0], [6, 0, 0]]
    window = cut_trajectories(Demonstrations.from_trajectories([paid]), COLUMNS, horizon=3, stride=2)
    assert window[:, :, 3].tolist() == [[15] * 3, [21] * 3]


def test_what_is_given() -> None:
    assert COLUMNS.given == Given(first=(0,), throughout=(1, 3))
    assert TO_GO.given == Given(first=(0, 3), throughout=(1,))
    assert (COLUMNS.count, COLUMNS.action_columns) == (4, slice(2, 3))


@pytest.mark.parametrize(
    ("settings", "columns", "message"),
    [
        ({"horizon": 0}, COLUMNS, "must be 1 or more"),
        ({"horizon": 30}, COLUMNS, "the longest 20"),
        ({"horizon": 3}, TrajectoryColumns(observations=3, actions=1), r"have \(2, 1\) columns"),
    ],
)
def test_wrong_grids_are_refused(settings: dict, columns: TrajectoryColumns, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cut_trajectories(drifting(), columns, **settings)
