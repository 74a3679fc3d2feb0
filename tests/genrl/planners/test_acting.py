import numpy as np
import pytest
import torch
from straight_lines import drifting

from genrl.errors import InputError
from genrl.planners import InverseDynamics, PlannedActions, PositionControl, TrajectoryColumns
from genrl.training.gradient_fitting import GradientFitting

COLUMNS = TrajectoryColumns(observations=2, actions=1)


def test_planned_actions_are_those_of_the_row_that_is_due() -> None:
    plans = torch.arange(18.0).reshape(2, 3, 3)
    ages = torch.tensor([3, 99])
    found = PlannedActions().act(torch.zeros(2, 2), plans, ages, COLUMNS, 2)
    assert found.tolist() == [[5.0], [17.0]]


def test_position_control_steers_to_the_plan_between_its_rows() -> None:
    control = PositionControl(positions=(0,), velocities=(1,), gain=10.0, damping=2.0, ahead=1)
    plans = torch.tensor([[[0.0, 1.0, 0.0], [4.0, 1.0, 0.0]]])
    found = control.act(torch.tensor([[0.5, 3.0]]), plans, torch.tensor([0]), COLUMNS, 4)
    assert found.tolist() == [[10 * (1.0 - 0.5) + 2 * (1.0 - 3.0)]]
    end = control.act(torch.tensor([[4.0, 1.0]]), plans, torch.tensor([50]), COLUMNS, 4)
    assert end.tolist() == [[0.0]]
    with pytest.raises(InputError, match="as many"):
        PositionControl(positions=(0,))


def test_inverse_dynamics_finds_the_action_that_leads_there() -> None:
    data = drifting(episodes=40)
    inverse = InverseDynamics(2, 1, 1, hidden=(32,), fitting=GradientFitting(updates=150, learning_rate=1e-2))
    inverse.fit(data)
    plans = torch.zeros(3, 2, 3)
    plans[:, 1, 0] = torch.tensor([-0.5, 0.1, 0.7])
    found = inverse.act(torch.zeros(3, 2), plans, torch.zeros(3, dtype=torch.long), COLUMNS, 1)
    np.testing.assert_allclose(found[:, 0].numpy(), [-0.5, 0.1, 0.7], atol=0.15)


def test_inverse_dynamics_knows_how_many_steps_are_left() -> None:
    data = drifting(episodes=40)
    inverse = InverseDynamics(2, 1, 2, hidden=(32,), fitting=GradientFitting(updates=150, learning_rate=1e-2))
    inverse.fit(data)
    plans = torch.zeros(2, 2, 3)
    plans[:, 1, 0] = 0.8
    found = inverse.act(torch.zeros(2, 2), plans, torch.tensor([0, 1]), COLUMNS, 2)
    np.testing.assert_allclose(found[:, 0].numpy(), [0.4, 0.8], atol=0.2)  # on average half of a way of two steps
