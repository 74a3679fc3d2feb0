import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from genrl.world_models.losses import balanced_kl, bounded_log_variance, gaussian_kl, gaussian_nll


def test_the_negative_log_likelihood_is_that_of_torch() -> None:
    torch.manual_seed(0)
    x, mean, log_variance = torch.randn(3, 7, 4).double()
    expected = -Independent(Normal(mean, (0.5 * log_variance).exp()), 1).log_prob(x)
    torch.testing.assert_close(gaussian_nll(x, mean, log_variance), expected)


def test_the_likeliest_variance_is_the_squared_error() -> None:
    log_variance = torch.zeros(1, requires_grad=True)
    x, mean = torch.tensor([3.0]), torch.tensor([1.0])
    (slope,) = torch.autograd.grad(gaussian_nll(x, mean, log_variance), log_variance)
    assert slope.item() == pytest.approx(0.5 * (1 - 4))
    best = torch.full((1,), 4.0).log().requires_grad_()
    (slope,) = torch.autograd.grad(gaussian_nll(x, mean, best), best)
    assert slope.item() == pytest.approx(0, abs=1e-6)


def test_log_variances_stay_between_their_bounds_and_reach_them() -> None:
    raw = torch.linspace(-50, 50, 101)
    least, greatest = torch.tensor(-5.0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    bounded = bounded_log_variance(raw, least, greatest)
    assert bounded.min() >= -5.0
    assert bounded.max() <= 1.0 + 0.01
    assert bounded.diff().min() >= 0
    assert bounded[0].item() == pytest.approx(-5.0, abs=1e-4)
    bounded.sum().backward()
    assert least.grad is not None
    assert greatest.grad is not None
    assert least.grad > 10
    assert greatest.grad > 10


def test_the_divergence_is_that_of_torch() -> None:
    torch.manual_seed(0)
    mean, other_mean = torch.randn(2, 5, 3).double()
    std, other_std = torch.rand(2, 5, 3).double() + 0.1
    expected = kl_divergence(Normal(mean, std), Normal(other_mean, other_std)).sum(-1)
    torch.testing.assert_close(gaussian_kl(mean, std, other_mean, other_std), expected)
    assert gaussian_kl(mean, std, mean, std).abs().max() < 1e-12


def test_balance_divides_the_gradient_and_not_the_value() -> None:
    posterior_mean, prior_mean = torch.ones(4, 2, requires_grad=True), torch.zeros(4, 2, requires_grad=True)
    one = torch.ones(4, 2)
    value = balanced_kl((posterior_mean, one), (prior_mean, one), balance=0.8, free_nats=0.0)
    assert value.item() == pytest.approx(1.0)
    value.backward()
    assert prior_mean.grad is not None
    assert posterior_mean.grad is not None
    torch.testing.assert_close(prior_mean.grad / -0.8, posterior_mean.grad / 0.2)


def test_free_nats_cost_no_gradient() -> None:
    mean = torch.full((4, 2), 0.1, requires_grad=True)
    one = torch.ones(4, 2)
    value = balanced_kl((mean, one), (mean * 0, one), balance=0.8, free_nats=1.0)
    assert value.item() == pytest.approx(1.0)
    value.backward()
    assert mean.grad is not None
    assert mean.grad.abs().max() == 0
