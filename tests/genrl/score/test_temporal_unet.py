"""The network over time: what it sees, shapes, what it learns sooner than a flat one, and its place in a model."""

from typing import Any

import pytest
import torch
from learned import Learned
from torch import Tensor

from genrl.errors import InputError
from genrl.score import ScoreModel, TemporalUNet, distil
from genrl.training.gradient_fitting import GradientFitting


def awake(network: torch.nn.Module) -> torch.nn.Module:
    """With an output that is not zero."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.double()


def seen(network: torch.nn.Module, length: int, at: int) -> list[int]:
    """The times that influence what is said of one of them, of rows with two columns."""
    x = torch.randn(1, 2 * length, dtype=torch.double, requires_grad=True)
    said = network(x, torch.zeros(1, 1, dtype=torch.double)).unflatten(1, (length, 2))[0, at].sum()
    (slope,) = torch.autograd.grad(said, x)
    return slope.unflatten(1, (length, 2))[0].abs().sum(1).nonzero()[:, 0].tolist()


def test_one_resolution_sees_its_convolutions_and_two_see_further() -> None:
    fine = awake(TemporalUNet(widths=(4,), kernel=3).build((32, 2), 0))
    assert seen(fine, 32, 16) == list(range(13, 20))  # three convolutions of 3
    coarse = awake(TemporalUNet(widths=(4, 4), kernel=3).build((32, 2), 0))
    assert set(seen(coarse, 32, 16)) > set(range(11, 22))


def test_the_same_rule_at_every_time() -> None:
    network = awake(TemporalUNet(widths=(4,), kernel=3).build((12, 1), 0))
    x, time = torch.randn(3, 12, dtype=torch.double), torch.full((1, 1), 0.3, dtype=torch.double)
    moved = network(x.roll(1, 1), time)
    torch.testing.assert_close(moved[:, 5:8], network(x, time)[:, 4:7])


@pytest.mark.parametrize("length", [1, 2, 5, 8])
@pytest.mark.parametrize("context", [0, 3])
def test_rows_of_any_length_and_zeros_at_first(length: int, context: int) -> None:
    network = TemporalUNet(widths=(4, 6, 8), kernel=5).build((length, 2), context)
    told = torch.randn(7, context) if context else None
    x = torch.randn(7, 2 * length)
    assert (network(x, torch.rand(7, 1), told) == 0).all()
    said = awake(network).float()(x, torch.rand(1, 1), told)
    assert said.shape == x.shape
    if told is not None:
        assert not torch.allclose(said, network(x, torch.rand(1, 1), told + 1))


def test_it_learns_a_rule_of_all_times_sooner_than_a_flat_network(seed: int, learned: Learned) -> None:
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(1000, 8, generator=generator)
    x = torch.stack([first, first.abs()], 2)  # (rows, time, 2): not linear, and the same at each time
    errors = []
    for settings in ({"network": TemporalUNet(widths=(16,))}, {"hidden": (64, 64)}):
        torch.manual_seed(seed)
        fitting = GradientFitting(updates=150, batch_size=64, learning_rate=5e-3, average=0.95)
        model = ScoreModel(**settings, fitting=fitting).fit(x[:800])  # type: ignore[arg-type]
        with torch.no_grad():
            errors.append(float(model.denoising_errors(x[800:], None, 0.3).mean()))
    learned("error / that of a flat network", errors[0] / errors[1], below=0.8, baseline=1.0)


def test_a_model_with_it_is_conditional_saved_and_distilled(tmp_path: Any) -> None:
    torch.manual_seed(0)
    brief = GradientFitting(updates=6, batch_size=32)
    x: Tensor = torch.randn(64, 4, 2)
    model = ScoreModel(network=TemporalUNet(widths=(4, 4)), evaluations=6, fitting=brief).fit(x, context=x[:, 0])
    model.save(tmp_path)
    loaded = ScoreModel.load(tmp_path)
    assert loaded.network == TemporalUNet(widths=(4, 4))
    torch.testing.assert_close(loaded.log_prob(x[:3], x[:3, 0]), model.log_prob(x[:3], x[:3, 0]))
    student = distil(model, 2, context=x[:, 0], samples=50, fitting=brief)
    assert student.sample((), x[:5, 0]).shape == (5, 4, 2)
    assert type(student.denoiser.network) is type(model.denoiser.network)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match=r"rows \(time, columns\) for a TemporalUNet"):
        ScoreModel(network=TemporalUNet()).build(4)
    with pytest.raises(InputError, match="kernel be odd"):
        TemporalUNet(kernel=4)
    with pytest.raises(InputError, match="widths must be 1 or more"):
        TemporalUNet(widths=(8, 0))
