import math

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Normal

from genrl.autoencoders.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    CodeVariance,
    ColumnVariance,
    Likelihood,
)
from genrl.autoencoders.networks import Decoder
from genrl.errors import InputError

KINDS: list[tuple[type[Likelihood], int]] = [
    (BernoulliLikelihood, 1),
    (ColumnVariance, 1),
    (CodeVariance, 2),
    (CategoricalLikelihood, 4),
]


def made(kind: type[Likelihood], outputs: int, shape: tuple[int, ...] = (3,)) -> Likelihood:
    torch.manual_seed(0)
    return kind(Decoder(2, shape, 0, outputs, (5,), "tanh"))


@pytest.mark.parametrize(("kind", "outputs"), KINDS)
@pytest.mark.parametrize("shape", [(3,), (2, 4, 4)])
def test_shapes(kind: type[Likelihood], outputs: int, shape: tuple[int, ...]) -> None:
    likelihood, z = made(kind, outputs, shape), torch.randn(6, 2)
    found = likelihood(z, None)
    assert (found.batch_shape, found.event_shape) == ((6,), shape)
    assert found.log_prob(found.sample()).shape == (6,)
    assert likelihood.mean(z, None).shape == (6, *shape)
    draws = found.sample((4000,)).float().mean(0)
    assert (draws - likelihood.mean(z, None)).abs().max() < 0.12


def test_coins() -> None:
    likelihood, z = made(*KINDS[0]), torch.randn(2, 2)
    x = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    logits = likelihood.decoder(z, None)[:, 0]
    torch.testing.assert_close(likelihood(z, None).log_prob(x), Bernoulli(logits=logits).log_prob(x).sum(1))
    grey = likelihood(z, None).log_prob(torch.full((2, 3), 0.25))
    coins = [torch.full((2, 3), side) for side in (0.0, 1.0)]
    mixed = 0.75 * likelihood(z, None).log_prob(coins[0]) + 0.25 * likelihood(z, None).log_prob(coins[1])
    torch.testing.assert_close(grey, mixed)


@pytest.mark.parametrize(("kind", "outputs"), KINDS[1:3])
def test_gaussians_are_in_the_units_of_the_rows(kind: type[Likelihood], outputs: int) -> None:
    likelihood, z = made(kind, outputs), torch.randn(4, 2)
    x = torch.randn(50, 3) * torch.tensor([1.0, 100.0, 0.01]) + 5.0
    plain = likelihood(z, None).log_prob(torch.zeros(4, 3))
    likelihood.measure(x)
    mean, deviation = x.mean(0), x.std(0, correction=0)
    found = likelihood(z, None).log_prob(mean.expand(4, 3))
    torch.testing.assert_close(found, plain - deviation.log().sum(), atol=1e-3, rtol=1e-4)


def test_the_learned_deviation_is_that_of_the_density() -> None:
    likelihood, z = made(*KINDS[1]), torch.randn(4, 2)
    with torch.no_grad():
        likelihood.get_parameter("log_std").copy_(torch.tensor([0.0, 1.0, -1.0]))
    x = torch.randn(4, 3)
    expected = Normal(likelihood.mean(z, None), torch.tensor([0.0, 1.0, -1.0]).exp()).log_prob(x).sum(1)
    torch.testing.assert_close(likelihood(z, None).log_prob(x), expected)
    with torch.no_grad():
        likelihood.get_parameter("log_std").fill_(-1e9)
    assert torch.isfinite(likelihood(z, None).log_prob(x)).all()


def test_levels() -> None:
    likelihood, z = made(*KINDS[3]), torch.randn(2, 2)
    logits = likelihood.decoder(z, None).transpose(1, 2)
    x = torch.tensor([[0.0, 3.0, 1.0], [2.0, 2.0, 0.0]])
    torch.testing.assert_close(likelihood(z, None).log_prob(x), Categorical(logits=logits).log_prob(x).sum(1))
    every = torch.cartesian_prod(*[torch.arange(4.0)] * 3)
    total = torch.stack([likelihood(z, None).log_prob(row.expand(2, 3)) for row in every]).exp().sum(0)
    assert total.tolist() == pytest.approx([1.0, 1.0], abs=1e-5)


@pytest.mark.parametrize(
    ("number", "bad", "message"),
    [
        (0, -0.1, "within 0 .. 1 for decoder='bernoulli'"),
        (0, 1.5, "within 0 .. 1"),
        (0, math.nan, "within 0 .. 1"),
        (3, 4.0, "the integers 0 .. 3 for decoder='categorical'"),
        (3, 0.5, "the integers 0 .. 3"),
        (3, -1.0, "the integers 0 .. 3"),
    ],
)
def test_values_without_a_likelihood(number: int, bad: float, message: str) -> None:
    likelihood = made(*KINDS[number])
    likelihood.check(torch.tensor([[0.0, 1.0, 1.0]]))
    with pytest.raises(InputError, match=message):
        likelihood.check(torch.tensor([[0.0, bad, 1.0]]))
