import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from genrl.autoencoders.posteriors import DiagonalPosterior, FlowPosterior, Posterior
from genrl.flows import RealNVP

MEAN = torch.tensor([[1.0, -2.0], [0.0, 0.5], [3.0, 0.0]])
LOG_STD = torch.tensor([[0.0, -1.0], [0.5, -2.0], [-0.3, 0.1]])


def flow_posterior(shaken: bool) -> FlowPosterior:
    torch.manual_seed(0)
    flow = RealNVP(transforms=2, hidden=(8,)).build(2, 4)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.3 * torch.randn_like(parameter) if shaken else -parameter
    return FlowPosterior(MEAN, LOG_STD, flow, torch.randn(3, 4))


def both() -> list[Posterior]:
    return [DiagonalPosterior(MEAN, LOG_STD), flow_posterior(shaken=True)]


def test_draws_of_a_gaussian_have_its_density() -> None:
    q = DiagonalPosterior(MEAN, LOG_STD)
    for z, log_q in [q.draw(), *q.fixed_draws(3)]:
        torch.testing.assert_close(log_q, Normal(MEAN, LOG_STD.exp()).log_prob(z).sum(1))


def test_draws_of_a_flow_have_its_density() -> None:
    q = flow_posterior(shaken=True)
    z, log_q = q.draw()
    noise = (z - MEAN) / LOG_STD.exp()
    assert isinstance(q.flow, RealNVP)
    torch.testing.assert_close(log_q, q.flow.log_prob(noise, q.features) - LOG_STD.sum(1), atol=1e-4, rtol=1e-4)


def test_a_flow_that_does_nothing_leaves_the_gaussian() -> None:
    z, log_q = flow_posterior(shaken=False).draw()
    torch.testing.assert_close(log_q, Normal(MEAN, LOG_STD.exp()).log_prob(z).sum(1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("q", both(), ids=["gaussian", "flow"])
def test_fixed_draws_repeat_and_leave_the_global_generator(q: Posterior) -> None:
    state = torch.get_rng_state()
    first, second = list(q.fixed_draws(4)), list(q.fixed_draws(4))
    assert torch.equal(state, torch.get_rng_state())
    for (z, log_q), (again, log_again) in zip(first, second, strict=True):
        assert torch.equal(z, again)
        assert torch.equal(log_q, log_again)
    assert not torch.equal(first[0][0], first[1][0])
    assert not torch.equal(q.draw()[0], q.draw()[0])


def test_fixed_draws_of_a_gaussian_do_not_depend_on_the_neighbours() -> None:
    whole = [z for z, _ in DiagonalPosterior(MEAN, LOG_STD).fixed_draws(3)]
    alone = [z for z, _ in DiagonalPosterior(MEAN[1:2], LOG_STD[1:2]).fixed_draws(3)]
    torch.testing.assert_close([z[1:2] for z in whole], alone)


@pytest.mark.parametrize("q", both(), ids=["gaussian", "flow"])
def test_divergence_is_the_mean_of_what_a_draw_gives(q: Posterior) -> None:
    torch.manual_seed(0)

    def estimate(z: Tensor, log_q: Tensor) -> Tensor:
        return log_q - Normal(0.0, 1.0).log_prob(z).sum(1)

    draws = [q.draw() for _ in range(400)]
    truth = torch.stack([estimate(*drawn) for drawn in draws])
    found = torch.stack([q.divergence(*drawn).sum(1) for drawn in draws])
    error = truth.std(0) / 400**0.5
    assert ((found.mean(0) - truth.mean(0)).abs() <= 4 * error).all()


def test_moments() -> None:
    mean, std = DiagonalPosterior(MEAN, LOG_STD).moments()
    assert torch.equal(mean, MEAN)
    assert torch.equal(std, LOG_STD.exp())
    mean, std = flow_posterior(shaken=False).moments()
    assert ((mean - MEAN).abs() < 0.5 * LOG_STD.exp()).all()
    assert ((std / LOG_STD.exp() - 1).abs() < 0.35).all()
