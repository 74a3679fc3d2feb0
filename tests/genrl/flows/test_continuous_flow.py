import math

import pytest
import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.flows import ContinuousFlow
from genrl.flows.continuous_flow import flow_matching_loss
from genrl.flows.velocity import FollowVelocity, VelocityField


def field(features: int = 3, context_features: int = 0) -> VelocityField:
    torch.manual_seed(0)
    found = VelocityField(features, context_features, hidden=(16,), activation="silu")
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return found


def test_trace_is_that_of_the_jacobian() -> None:
    velocity = field(3, 2)
    x, context, time = torch.randn(4, 3), torch.randn(4, 2), torch.rand(4, 1)
    moved, trace = velocity.trace(time, x, context)
    torch.testing.assert_close(moved, velocity(time, x, context))
    for row in range(4):
        jacobian = torch.autograd.functional.jacobian(
            lambda place, row=row: velocity(time[row : row + 1], place[None], context[row : row + 1])[0], x[row]
        )
        torch.testing.assert_close(trace[row], jacobian.trace())


def test_trace_works_without_gradients() -> None:
    with torch.no_grad():
        moved, trace = field().trace(torch.zeros(1, 1), torch.randn(4, 3))
    assert not moved.requires_grad
    assert not trace.requires_grad
    assert (trace != 0).any()


def test_a_linear_field_has_the_closed_form() -> None:
    class Growth(VelocityField):
        def forward(self, time: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
            return 0.7 * x

    follow = FollowVelocity(Growth(2, 0, hidden=(1,), activation="silu"), 8)
    z = torch.randn(5, 2)
    x, log_det = follow.inverse(z)
    torch.testing.assert_close(x, math.exp(0.7) * z)
    torch.testing.assert_close(log_det, torch.full((5,), 1.4))
    torch.testing.assert_close(follow.generate(z), x)


def test_loss_of_the_true_field_of_a_point_is_zero() -> None:
    class ToOnePoint(VelocityField):
        def forward(self, time: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
            return (2.0 - x) / (1 - time)

    exact = ToOnePoint(2, 0, hidden=(1,), activation="silu")
    noise, time = torch.randn(50, 2), 0.9 * torch.rand(50, 1)
    data = torch.full((50, 2), 2.0)
    assert float(flow_matching_loss(exact, data, noise, time, None, spread=0.0)) < 1e-8
    assert float(flow_matching_loss(exact, data + 1, noise, time, None, spread=0.0)) > 0.1


def test_more_steps_change_samples_less_and_less() -> None:
    flow = ContinuousFlow(hidden=(16,)).build(2)
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(0))
    samples = {}
    for flow.steps in (2, 8, 64):
        torch.manual_seed(0)
        samples[flow.steps] = flow.sample(100)
    assert (samples[8] - samples[64]).abs().max() < 0.1 * (samples[2] - samples[64]).abs().max()


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="steps"):
        ContinuousFlow(steps=0)
    with pytest.raises(InputError, match="spread"):
        ContinuousFlow(spread=1.0)
