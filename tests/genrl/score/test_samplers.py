"""Every sampler, driven by the known score of a Gaussian, draws that Gaussian."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genrl.score import VarianceExploding, VariancePreserving
from genrl.score.langevin import Score, annealed_langevin, langevin
from genrl.score.noise import NoiseProcess, level_range
from genrl.score.probability_flow import estimated_flow_log_det, flow_log_det, heun, karras_levels
from genrl.score.sampling import SAMPLERS, drown

Check = Callable[..., None]


def test_langevin_settles_into_a_known_density() -> None:
    """A mixture of two Gaussians that overlap, from one side of both; the moments are by hand."""
    torch.manual_seed(0)

    def score(x: Tensor) -> Tensor:
        return -x + 1.5 * torch.tanh(1.5 * x)  # of an equal mixture of N(-1.5, 1) and N(1.5, 1)

    x = langevin(score, torch.full((4000, 1), 4.0), step_size=0.1, steps=600)
    assert float(x.mean()) == pytest.approx(0.0, abs=0.12)
    assert float(x.square().mean()) == pytest.approx(1 + 1.5**2, rel=0.06)
    assert float((x > 0).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_langevin_of_a_gaussian_has_the_variance_that_its_step_size_gives() -> None:
    torch.manual_seed(0)
    x = langevin(lambda x: -x / 4, torch.zeros(20_000, 1), step_size=8.0, steps=30)
    assert float(x.var()) == pytest.approx(4 / (1 - 8 / 16), rel=0.05)


@pytest.mark.parametrize("noise", [VarianceExploding(), VariancePreserving()])
@pytest.mark.parametrize(
    ("sampler", "evaluations"),
    [("heun", 40), ("euler_maruyama", 400), ("predictor_corrector", 400), ("annealed_langevin", 2500)],
)
def test_every_sampler_draws_a_gaussian(
    noise: NoiseProcess, sampler: str, evaluations: int, gaussian_score: Score, is_gaussian: Check
) -> None:
    torch.manual_seed(0)
    x = SAMPLERS[sampler](gaussian_score, noise, drown(noise, torch.zeros(6000, 2)), evaluations)
    is_gaussian(x, 0.01, 0.08)


def test_random_starts_anywhere_are_forgotten(gaussian_score: Score, is_gaussian: Check) -> None:
    torch.manual_seed(0)
    levels = 10 * torch.tensor(0.01) ** torch.linspace(0, 1, 400)
    x = annealed_langevin(gaussian_score, 20 * torch.rand(6000, 2), levels, steps=5)
    is_gaussian(x, 0.1, 0.08)


def test_a_constraint_holds_at_every_evaluation() -> None:
    seen = []

    def score(x: Tensor, level: Tensor) -> Tensor:
        seen.append(x[:, 0])
        return -x / (1 + level.square())

    def first_is_two(x: Tensor, level: Tensor) -> Tensor:
        return torch.cat((torch.full_like(x[:, :1], 2.0), x[:, 1:]), 1)

    levels = torch.tensor([2.0, 0.5])
    x = annealed_langevin(score, torch.randn(10, 2), levels, steps=3, constrain=first_is_two)
    assert len(seen) == 6
    assert all(bool((column == 2.0).all()) for column in [*seen, x[:, 0]])


def test_levels_of_karras_by_hand() -> None:
    levels = karras_levels(torch.tensor(0.002), torch.tensor(80.0), 17)
    assert len(levels) == 18
    assert levels.tolist() == sorted(levels.tolist(), reverse=True)
    # (80^(1/7) + (0.002^(1/7) - 80^(1/7)) / 17)^7
    assert levels[[0, 1, -1]].tolist() == pytest.approx([80.0, 57.586, 0.002], rel=1e-3)


def test_heun_is_of_second_order_and_goes_back_where_it_came_from() -> None:
    def score(x: Tensor, level: Tensor) -> Tensor:
        return -x / (4 + level.square())  # of N(0, 4): the flow is x(level) = x(0) sqrt(4 + level^2)

    def error(steps: int) -> float:
        levels = torch.linspace(3.0, 1.0, steps + 1, dtype=torch.float64)
        return float(heun(score, torch.ones(1, 1, dtype=torch.float64), levels) - (5 / 13) ** 0.5)

    assert error(20) / error(40) == pytest.approx(4, rel=0.15)
    x, levels = torch.randn(5, 2), torch.linspace(0.5, 3.0, 100)
    torch.testing.assert_close(heun(score, heun(score, x, levels), levels.flip(0)), x, atol=1e-3, rtol=1e-3)


def test_heun_needs_one_step_for_standard_normal_rows() -> None:
    x, levels = torch.randn(5, 2), torch.tensor([150.0, 0.01])
    found = heun(lambda x, level: -x / (1 + level.square()), x, levels)
    torch.testing.assert_close(found, x * ((1 + 1e-4) / (1 + 150.0**2)) ** 0.5)


def test_the_flow_gives_the_log_density_of_a_gaussian(
    gaussian_score: Score, gaussian_at: Callable[[Tensor], MultivariateNormal]
) -> None:
    torch.manual_seed(0)
    least, most = level_range(VarianceExploding(least=0.1, most=30.0), torch.zeros(()))
    x = gaussian_at(least).sample((6,))
    z, log_det = flow_log_det(gaussian_score, x, least, most, 30)
    torch.testing.assert_close(
        gaussian_at(most).log_prob(z) + log_det, gaussian_at(least).log_prob(x), atol=1e-3, rtol=1e-3
    )
    there, estimate = estimated_flow_log_det(gaussian_score, x[:1], least, most, 30, probes=500)
    torch.testing.assert_close(there, z[:1])
    torch.testing.assert_close(estimate, log_det[:1], atol=0.25, rtol=0.0)
