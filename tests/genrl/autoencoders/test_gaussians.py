import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal
from torch.distributions import kl_divergence as torchs_kl

from genrl.autoencoders.gaussians import (
    balanced_noise,
    kl_divergence,
    log_normal,
    log_standard_normal,
    reparameterise,
)

MEANS = st.floats(-3, 3)
LOG_STDS = st.floats(-2, 2)


def doubles(*numbers: float) -> list[torch.Tensor]:
    return [torch.tensor(number, dtype=torch.float64) for number in numbers]


@given(mean=MEANS, log_std=LOG_STDS)
def test_no_divergence_between_equals(mean: float, log_std: float) -> None:
    numbers = doubles(mean, log_std)
    assert kl_divergence(*numbers, *numbers) == 0.0


@given(mean=MEANS, log_std=LOG_STDS, other_mean=MEANS, other_log_std=LOG_STDS)
def test_divergence_is_that_of_torch_and_positive_unless_equal(
    mean: float, log_std: float, other_mean: float, other_log_std: float
) -> None:
    m, s, om, os = doubles(mean, log_std, other_mean, other_log_std)
    found = kl_divergence(m, s, om, os)
    assert found == pytest.approx(float(torchs_kl(Normal(m, s.exp()), Normal(om, os.exp()))), abs=1e-9)
    if abs(mean - other_mean) > 1e-3 or abs(log_std - other_log_std) > 1e-3:
        assert found > 0


def test_divergence_is_the_mean_of_the_log_ratio() -> None:
    torch.manual_seed(0)
    mean, log_std, other_mean, other_log_std = doubles(0.7, -0.5, -0.2, 0.3)
    draws = reparameterise(mean, log_std, torch.randn(100_000, dtype=torch.float64))
    ratios = log_normal(draws, mean, log_std) - log_normal(draws, other_mean, other_log_std)
    error = float(ratios.std()) / 100_000**0.5
    assert float(kl_divergence(mean, log_std, other_mean, other_log_std)) == pytest.approx(
        float(ratios.mean()), abs=4 * error
    )


def test_divergence_is_exact_where_the_terms_cancel() -> None:
    log_std = torch.tensor(1e-4)
    assert float(kl_divergence(torch.zeros(()), log_std)) == pytest.approx(1e-8, rel=1e-3)


def test_densities() -> None:
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    mean, log_std = torch.tensor([1.0, 0.0, -2.0]), torch.tensor([0.5, 0.0, -1.0])
    torch.testing.assert_close(log_normal(x, mean, log_std), Normal(mean, log_std.exp()).log_prob(x))
    torch.testing.assert_close(log_standard_normal(x), Normal(0.0, 1.0).log_prob(x).sum(1))


def test_gradients_pass_through_draws() -> None:
    mean, log_std = torch.zeros(2, requires_grad=True), torch.ones(2, requires_grad=True)
    noise = torch.tensor([0.5, -1.0])
    reparameterise(mean, log_std, noise).sum().backward()
    assert mean.grad is not None
    assert log_std.grad is not None
    assert mean.grad.tolist() == [1.0, 1.0]
    torch.testing.assert_close(log_std.grad, torch.ones(2).exp() * noise)


def test_balanced_noise() -> None:
    noise = balanced_noise(2000, 3)
    assert torch.equal(noise[1000:], -noise[:1000])
    torch.testing.assert_close(noise.T @ noise / 2000, torch.eye(3), atol=1e-5, rtol=0)
    assert float(noise.pow(4).mean()) == pytest.approx(3.0, abs=0.2)
    assert torch.equal(noise, balanced_noise(2000, 3))
    assert not torch.equal(noise, balanced_noise(2000, 3, seed=1))
    assert balanced_noise(3, 2).shape == (3, 2)
    assert balanced_noise(1, 2).abs().min() > 0
