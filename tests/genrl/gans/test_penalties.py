import pytest
import torch

from genrl.gans.penalties import (
    PENALTIES as BY_NAME,
)
from genrl.gans.penalties import (
    fake_penalty,
    interpolation_penalty,
    one_sided_penalty,
    real_and_fake_penalty,
    real_penalty,
)
from genrl.nn import mlp

PENALTIES = list(BY_NAME.values())


def sides():
    torch.manual_seed(0)
    return torch.randn(64, 3) + 4, torch.randn(64, 3) - 4


@pytest.mark.parametrize(("scale", "norm"), [(1.0, 3.0), (0.1, 0.3), (1 / 3, 1.0), (0.0, 0.0)])
def test_a_linear_critic_has_the_closed_form(scale, norm):
    weights = scale * torch.tensor([1.0, -2.0, 2.0])  # of norm 3 * scale
    real, fake = sides()
    assert interpolation_penalty(lambda x: x @ weights, real, fake).item() == pytest.approx((norm - 1) ** 2, abs=1e-5)
    over = max(0.0, norm - 1) ** 2
    assert one_sided_penalty(lambda x: x @ weights, real, fake).item() == pytest.approx(over, abs=1e-5)
    assert real_penalty(lambda x: x @ weights, real, fake).item() == pytest.approx(norm**2 / 2, rel=1e-5)
    assert fake_penalty(lambda x: x @ weights, real, fake).item() == pytest.approx(norm**2 / 2, rel=1e-5)
    assert real_and_fake_penalty(lambda x: x @ weights, real, fake).item() == pytest.approx(norm**2, rel=1e-5)


def test_the_weights_receive_the_analytic_gradient():
    real, fake = sides()
    weights = torch.tensor([1.0, -2.0, 2.0], requires_grad=True)
    (of_interpolation,) = torch.autograd.grad(interpolation_penalty(lambda x: x @ weights, real, fake), weights)
    torch.testing.assert_close(of_interpolation, 2 * (3 - 1) * weights.detach() / 3)
    (of_real,) = torch.autograd.grad(real_penalty(lambda x: x @ weights, real, fake), weights)
    torch.testing.assert_close(of_real, weights.detach())


def test_a_quadratic_critic_tells_where_it_is_asked():
    def critic(x):  # gradient x
        return 0.5 * x.square().sum(1)

    real, fake = sides()
    torch.testing.assert_close(real_penalty(critic, real, fake), 0.5 * real.square().sum(1).mean())
    torch.testing.assert_close(fake_penalty(critic, real, fake), 0.5 * fake.square().sum(1).mean())
    both = 0.5 * (real.square() + fake.square()).sum(1).mean()
    torch.testing.assert_close(real_and_fake_penalty(critic, real, fake), both)
    at_real = (real.norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(interpolation_penalty(critic, real, real), at_real)


def test_interpolation_stays_on_the_segment_of_its_own_pair():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.sum(1)

    real = torch.arange(200.0)[:, None] * torch.ones(1, 2) + 1000
    fake = torch.arange(200.0)[:, None] * torch.ones(1, 2)
    interpolation_penalty(critic, real, fake)
    share = (seen[0] - fake) / 1000
    assert 0 <= share.min() < 0.05
    assert 0.95 < share.max() <= 1
    torch.testing.assert_close(share[:, 0], share[:, 1])  # one point, not one for each column


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("spectral", [False, True])
def test_a_network_that_is_still_zero_gives_finite_gradients(penalty, spectral):
    network = mlp([3, 16, 1], zero_output=True, spectral=spectral)
    real, fake = sides()
    value = penalty(lambda x: network(x).squeeze(-1), real, fake)
    value.backward()
    assert value.item() == (1.0 if penalty is interpolation_penalty else 0.0)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_inputs_are_left_alone(penalty):
    real, fake = sides()
    penalty(lambda x: x.square().sum(1), real, fake)
    assert not real.requires_grad
    assert real.grad is None
