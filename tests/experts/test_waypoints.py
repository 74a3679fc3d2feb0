import numpy as np
import pytest

from experts.record import record
from experts.waypoints import WaypointController, maze_waypoints, next_cells
from genrl.envs import make_vec_env
from genrl.errors import InputError

U_MAZE = [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]


def test_ways_go_around_walls() -> None:
    free = np.array(U_MAZE) == 0
    following = next_cells(free, (3, 1))
    way = [(1, 1)]
    while way[-1] != (3, 1):
        way.append(tuple(following[way[-1]].tolist()))
    assert way == [(1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (3, 1)]


def test_cells_and_positions_belong_together() -> None:
    controller = WaypointController(U_MAZE, cell_size=2.0)
    assert controller.middle(2, 2).tolist() == [0.0, 0.0]
    assert controller.middle(1, 3).tolist() == [2.0, 2.0]
    for cell in [(1, 1), (3, 2)]:
        assert controller.cell(controller.middle(*cell)) == cell
    assert controller.cell(np.array([99.0, 99.0])) == (0, 4)


def test_actions_are_damped_and_bounded() -> None:
    controller = WaypointController(U_MAZE, gain=1.0, damping=0.5)
    seen = np.array([[-1.0, 1.0, 0.2, 0.0, -0.9, 1.1], [-1.0, 1.0, 9.0, 0.0, -0.9, 1.1]])
    actions, state = controller.predict(seen)
    np.testing.assert_allclose(actions, [[0.0, 0.1], [-1.0, 0.1]], atol=1e-6)
    assert state is None
    with pytest.raises(InputError, match="6 numbers"):
        controller.predict(np.zeros(4))


def test_other_tasks_are_refused() -> None:
    with pytest.raises(InputError, match="no point maze"):
        maze_waypoints("Pendulum-v1")


def test_it_reaches_goals_of_the_maze() -> None:
    pytest.importorskip("gymnasium_robotics")
    demonstrations = record(maze_waypoints("PointMaze_UMaze-v3"), "PointMaze_UMaze-v3", 2, seed=0)
    assert (demonstrations.returns > 0).all()
    assert demonstrations.observations.shape[1] == 6


def test_it_strays_in_recordings_and_finds_back() -> None:
    pytest.importorskip("gymnasium_robotics")
    straying = maze_waypoints("PointMaze_UMaze-v3", noise=1.0)
    demonstrations = record(straying, "PointMaze_UMaze-v3", 2, seed=0, deterministic=False)
    assert (demonstrations.returns > 0).all()
    straight = record(straying, "PointMaze_UMaze-v3", 2, seed=0)
    assert demonstrations.returns.sum() < straight.returns.sum()  # it comes later


def test_goals_are_observed_beside_the_state() -> None:
    pytest.importorskip("gymnasium_robotics")
    env = make_vec_env("PointMaze_UMaze-v3", 2, seed=0)
    seen = env.reset()
    assert env.observation_space.shape == (6,)
    for i, goal in enumerate(env.get_attr("unwrapped")):
        np.testing.assert_array_equal(seen[i, 4:], goal.goal)
        np.testing.assert_array_equal(seen[i, :4], np.concatenate([goal.data.qpos, goal.data.qvel]))
    env.close()
