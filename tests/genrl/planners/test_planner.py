from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from straight_lines import drifting, make
from torch import Tensor

from genrl.errors import InputError
from genrl.planners import (
    Conditions,
    InverseDynamics,
    PlannedActions,
    PositionControl,
    RecedingHorizonPlanner,
    ReturnGuide,
    TrajectoryColumns,
    cut_trajectories,
    load_planner,
    save_planner,
)
from genrl.protocols import Policy
from genrl.training.gradient_fitting import GradientFitting

COLUMNS = TrajectoryColumns(observations=2, actions=1, goal=(1,), returns="window")
SPACE = spaces.Box(-1.0, 1.0, (1,), np.float32)
HORIZON, STRIDE = 4, 2


class Counting:
    """Plans whose actions are 0, 0.1, 0.2, ... and which remembers for how many observations it planned."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def sample(
        self, n: int, horizon: int, conditions: Conditions | None = None, guide: Any = None, *, alike: bool = False
    ) -> Tensor:
        assert conditions is not None
        self.asked.append(n)
        plans = conditions.filled(n, horizon).values
        plans[..., 2] = 0.1 * torch.arange(horizon)
        return plans


def planner(sampler: Any, **settings: Any) -> RecedingHorizonPlanner:
    settings = {"horizon": HORIZON, "stride": STRIDE, "replan_every": 3, "desired_return": 5.0, **settings}
    return RecedingHorizonPlanner(sampler, COLUMNS, SPACE, **settings)


@pytest.fixture(scope="module")
def fitted() -> RecedingHorizonPlanner:
    torch.manual_seed(0)
    grids = cut_trajectories(drifting(), COLUMNS, horizon=HORIZON, stride=STRIDE)
    return planner(make("score", COLUMNS.given).fit(grids))


def test_a_plan_is_followed_and_then_made_anew() -> None:
    sampler = Counting()
    acts, state = [], None
    policy = planner(sampler)
    assert isinstance(policy, Policy)
    for _ in range(7):
        actions, state = policy.predict(np.zeros((2, 2)), state)
        acts.append(round(float(actions[0, 0]), 3))
    assert sampler.asked == [2, 2, 2]
    assert acts == [0.0, 0.0, 0.1, 0.0, 0.0, 0.1, 0.0]


def test_an_episode_that_begins_is_planned_for_alone() -> None:
    sampler = Counting()
    policy = planner(sampler)
    _, state = policy.predict(np.zeros((3, 2)))
    before = [part.copy() for part in state or ()]
    _, after = policy.predict(np.ones((3, 2)), state, np.array([False, True, False]))
    assert sampler.asked == [3, 1]
    assert after is not None
    assert after[1].tolist() == [2, 1, 2]
    assert after[2].tolist() == [1, 1, 1]
    assert (after[0][1, 0] == [1, 1, 0, 5]).all()
    assert (after[0][0] == before[0][0]).all()
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(state or (), before, strict=True))


@pytest.mark.parametrize("rows", [None, 1, 5])
def test_shapes_and_bounds(fitted: RecedingHorizonPlanner, rows: int | None) -> None:
    seen = np.zeros(2 if rows is None else (rows, 2))
    actions, state = fitted.predict(seen)
    assert actions.shape == ((1,) if rows is None else (rows, 1))
    assert actions.dtype == np.float32
    assert np.abs(actions).max() <= 1
    again, _ = fitted.predict(seen, state)
    assert again.shape == actions.shape


def test_determinism(fitted: RecedingHorizonPlanner) -> None:
    seen = np.array([[0.1, 0.2], [0.3, 0.4]])
    torch.manual_seed(1)
    first = fitted.plan(seen, deterministic=True)
    after = torch.rand(())
    torch.manual_seed(1)
    assert torch.equal(torch.rand(()), after), "planning deterministically must leave the global random state alone"
    assert torch.equal(fitted.plan(seen, deterministic=True), first)
    assert not torch.equal(fitted.plan(seen), fitted.plan(seen))
    torch.manual_seed(2)
    drawn = fitted.plan(seen)
    torch.manual_seed(2)
    assert torch.equal(fitted.plan(seen), drawn)


def test_the_next_plan_of_a_deterministic_episode_is_another(fitted: RecedingHorizonPlanner) -> None:
    seen, state, plans = np.array([[0.1, 0.2]]), None, []
    for _ in range(2 * fitted.replan_every):
        _, state = fitted.predict(seen, state, deterministic=True)
        assert state is not None
        plans.append(state[0])
    assert np.array_equal(plans[0], plans[1])
    assert not np.array_equal(plans[0], plans[-1])
    again, _ = fitted.predict(seen, None, np.array([True]), True)
    first, _ = fitted.predict(seen, state, np.array([True]), True)
    assert np.array_equal(again, first)


def test_a_deterministic_plan_depends_on_no_episode_beside_it(fitted: RecedingHorizonPlanner) -> None:
    mine, others = np.array([[0.1, 0.2]]), np.array([[0.7, 0.2], [-0.3, 0.5]])
    alone, together = None, None
    for step in range(2 * fitted.replan_every + 1):
        _, alone = fitted.predict(mine, alone, deterministic=True)
        # The episode before it begins anew on the way, so that plans are due at other times and are other in number.
        starts = np.array([step == 2, False, False])
        _, together = fitted.predict(np.concatenate([others[:1], mine, others[1:]]), together, starts, True)
        assert alone is not None
        assert together is not None
        np.testing.assert_allclose(together[0][1], alone[0][0], atol=1e-4)
    assert together[2].tolist() == [2, 3, 3]
    same = fitted.plan(mine.repeat(2, 0), deterministic=True)
    np.testing.assert_allclose(same[0], same[1], atol=1e-5)


def test_plans_begin_at_the_observation_and_hold_the_desired_return(fitted: RecedingHorizonPlanner) -> None:
    plans = fitted.plan(np.array([[0.25, -0.5]]))
    assert plans[0, 0, :2].tolist() == [0.25, -0.5]
    assert (plans[0, :, 1] == -0.5).all()
    assert (plans[0, :, 3] == 5.0).all()


def test_a_plan_of_observations_alone_is_followed_by_inverse_dynamics(tmp_path: Path) -> None:
    torch.manual_seed(0)
    columns = replace(COLUMNS, actions=0, returns=None)
    grids = cut_trajectories(drifting(), columns, horizon=HORIZON, stride=STRIDE)
    how = InverseDynamics(2, 1, STRIDE, hidden=(8,), fitting=GradientFitting(updates=3)).fit(drifting())
    sampler = make("pixel_cnn", columns.given).fit(grids)
    policy = RecedingHorizonPlanner(sampler, columns, SPACE, horizon=HORIZON, stride=STRIDE, acting=how)
    assert policy.plan(np.zeros((3, 2))).shape == (3, HORIZON, 2)
    actions, _ = policy.predict(np.zeros((3, 2)), deterministic=True)
    assert actions.shape == (3, 1)
    save_planner(policy, tmp_path / "planner")
    again, _ = load_planner(tmp_path / "planner").predict(np.zeros((3, 2)), deterministic=True)
    assert np.array_equal(actions, again)


@pytest.mark.parametrize("acting", ["planned", "position", "inverse"])
def test_a_loaded_planner_acts_the_same(fitted: RecedingHorizonPlanner, acting: str, tmp_path: Path) -> None:
    how = {
        "planned": PlannedActions(),
        "position": PositionControl(positions=(0,), velocities=(1,)),
        "inverse": InverseDynamics(2, 1, STRIDE, hidden=(8,), fitting=GradientFitting(updates=3)).fit(drifting()),
    }[acting]
    saved = planner(fitted.sampler, acting=how, seed=3)
    save_planner(saved, tmp_path / "planner", "Point-v0")
    loaded = load_planner(tmp_path / "planner")
    seen, state, theirs = np.array([[0.1, 0.2]]), None, None
    for _ in range(4):
        mine, state = saved.predict(seen, state, deterministic=True)
        other, theirs = loaded.predict(seen, theirs, deterministic=True)
        assert np.array_equal(mine, other)
    assert loaded.action_space == SPACE


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: planner(Counting(), replan_every=9), "cannot be followed for 9 steps"),
        (lambda: planner(Counting(), horizon=0), "must be 1 or more"),
        (lambda: planner(Counting(), desired_return=None), "give both or neither"),
        (lambda: planner(Counting()).predict(np.zeros((2, 5))), "of another task"),
        (
            lambda: planner(Counting()).predict(np.zeros((2, 2)), (np.zeros((1, 4, 4)), np.zeros(1), np.zeros(1))),
            "start with None",
        ),
        (
            lambda: RecedingHorizonPlanner(Counting(), COLUMNS, spaces.Box(-1, 1, (2,)), horizon=2, desired_return=1.0),
            "Box of 1 columns",
        ),
        (
            lambda: RecedingHorizonPlanner(Counting(), COLUMNS, spaces.Box(-1, 1, (1, 1)), horizon=2),
            "Box of vectors",
        ),
        (
            lambda: RecedingHorizonPlanner(
                Counting(), replace(COLUMNS, actions=0), SPACE, horizon=2, desired_return=1.0
            ),
            "plans of observations alone hold no actions",
        ),
        (lambda: save_planner(planner(Counting()), "nowhere"), "not of this package"),
    ],
)
def test_wrong_planners_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrong()  # type: ignore[operator]


def test_a_return_to_go_is_asked_for_where_the_plan_begins() -> None:
    columns = replace(COLUMNS, returns="to_go")
    grids = cut_trajectories(drifting(), columns, horizon=HORIZON, stride=STRIDE)
    sampler = make("score", columns.given).fit(grids)
    policy = RecedingHorizonPlanner(sampler, columns, SPACE, horizon=HORIZON, stride=STRIDE, desired_return=8.0)
    plans = policy.plan(np.zeros((3, 2)))
    assert (plans[:, 0, 3] == 8.0).all()
    assert (plans[:, 1:, 3] != 8.0).all()


def test_a_guide_of_returns_is_saved_with_its_planner(fitted: RecedingHorizonPlanner, tmp_path: Path) -> None:
    grids = cut_trajectories(drifting(), COLUMNS, horizon=HORIZON, stride=STRIDE)
    guide = ReturnGuide(COLUMNS, HORIZON, weight=3.0, hidden=(8,), fitting=GradientFitting(updates=20))
    led = planner(fitted.sampler, guide=guide.fit(grids, grids[:, -1, 0]))
    save_planner(led, tmp_path / "planner")
    loaded = load_planner(tmp_path / "planner")
    seen = np.array([[0.1, 0.2]])
    assert torch.equal(loaded.plan(seen, deterministic=True), led.plan(seen, deterministic=True))
    assert not torch.equal(loaded.plan(seen, deterministic=True), fitted.plan(seen, deterministic=True))


def test_a_folder_without_planner_is_refused(fitted: RecedingHorizonPlanner, tmp_path: Path) -> None:
    assert hasattr(fitted.sampler, "save")
    fitted.sampler.save(tmp_path / "sampler")
    with pytest.raises(InputError, match="holds no planner"):
        load_planner(tmp_path / "sampler")
