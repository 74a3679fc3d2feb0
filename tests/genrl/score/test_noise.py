import math

import pytest
import torch

from genrl.errors import InputError
from genrl.score import VarianceExploding, VariancePreserving
from genrl.score.noise import NoiseProcess, level_range

PROCESSES = [VarianceExploding(least=0.05, most=5.0), VariancePreserving(), VariancePreserving(beta_least=2.0)]


@pytest.mark.parametrize("noise", PROCESSES)
@pytest.mark.parametrize("end", [0.3, 1.0])
def test_marginals_are_those_of_the_simulated_process(noise: NoiseProcess, end: float) -> None:
    torch.manual_seed(0)
    start, steps = 1.5, 1000
    x = start * noise.mean(torch.zeros(())) + noise.std(torch.zeros(())) * torch.randn(20_000)
    step = end / steps
    for number in range(steps):
        time = torch.tensor((number + 0.5) * step)
        x = x + step * noise.drift(x, time) + math.sqrt(step) * noise.diffusion(time) * torch.randn_like(x)
    mean, std = float(noise.mean(torch.tensor(end)) * start), float(noise.std(torch.tensor(end)))
    assert float(x.mean()) == pytest.approx(mean, abs=0.03 * std + 0.002)
    assert float(x.std()) == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("noise", PROCESSES)
def test_the_moments_solve_their_equations(noise: NoiseProcess) -> None:
    """d mean / dt = drift(mean), d var / dt = 2 drift(1) var + diffusion^2 (Song et al. 2021, appendix B)."""
    time = torch.linspace(0.1, 0.9, 9, dtype=torch.float64, requires_grad=True)
    mean, variance = noise.mean(time), noise.std(time).square()
    (slope,) = torch.autograd.grad(variance.sum(), time, retain_graph=True)
    rate = noise.drift(torch.ones_like(time), time)
    torch.testing.assert_close(slope, 2 * rate * variance + noise.diffusion(time).square())
    torch.testing.assert_close(noise.noise_level(time), noise.std(time) / mean)
    if mean.requires_grad:
        (fall,) = torch.autograd.grad(mean.sum(), time)
        torch.testing.assert_close(fall, rate * mean)


def test_levels_by_hand() -> None:
    least, most = level_range(VarianceExploding(least=0.1, most=10.0), torch.zeros(()))
    assert (float(least), float(most)) == pytest.approx((0.1, 10.0))
    # the destruction is 10.05 at time 1
    least, most = level_range(VariancePreserving(), torch.zeros(()))
    assert float(most) == pytest.approx(math.sqrt(math.exp(10.05) - 1), rel=1e-4)
    assert float(least) == pytest.approx(math.sqrt(math.expm1(1e-4 + 0.5e-6 * 19.9)), rel=1e-4)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: VarianceExploding(least=0.0), "least"),
        (lambda: VarianceExploding(least=2.0, most=1.0), "most"),
        (lambda: VariancePreserving(beta_least=0.0), "beta_least"),
        (lambda: VariancePreserving(beta_most=math.inf), "beta_most"),
        (lambda: VariancePreserving(earliest=0.0), "earliest"),
    ],
)
def test_settings_out_of_range(make, name):
    with pytest.raises(InputError, match=name):
        make()
