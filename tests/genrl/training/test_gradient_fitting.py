"""The settings of a fit by gradient: how the step size falls, and what is refused."""

import pytest
import torch
from torch import nn

from genrl.errors import InputError
from genrl.training.gradient_fitting import GradientFitting, falling_adam, fit_by_gradient


class Recorder(nn.Module):
    """Its gradient is always 1, so that Adam moves it by the step size."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def loss(self, x: torch.Tensor, context: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        return {"loss": self.weight.sum() + 0.0 * x.sum()}


@pytest.mark.parametrize(("fraction", "moved"), [(1.0, 0.4), (0.5, 0.3 + 0.1 / 4), (0.0, 0.2 + 0.1 / 2)])
def test_how_far_four_steps_go(fraction: float, moved: float) -> None:
    """The half cosine over four epochs of one step is at 1, .854, .5 and .146 of its fall."""
    model = Recorder()
    settings = GradientFitting(updates=4, learning_rate=0.1, final_fraction=fraction, validation=0.0)
    fit_by_gradient(model, torch.zeros(8, 1), None, settings)
    assert -model.weight.item() == pytest.approx(moved, abs=1e-4)


def test_the_last_fraction_is_reached() -> None:
    adam, schedule = falling_adam(Recorder(), GradientFitting(learning_rate=0.1, final_fraction=0.3), 5)
    for _ in range(5):
        adam.step()
        schedule.step()
    assert adam.param_groups[0]["lr"] == pytest.approx(0.03)


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="final_fraction must be within 0"):
        GradientFitting(final_fraction=fraction)
