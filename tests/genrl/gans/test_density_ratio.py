"""The logit of a trained discriminator is the log of the density ratio, on which every reward form rests."""

import pytest
import torch
from learned import Learned
from torch.distributions import MultivariateNormal, Normal

from genrl.gans.losses import cross_entropy_discriminator, least_squares_discriminator
from genrl.nn import mlp


def train(loss, draw_real, draw_fake, dim, seed, steps=500, rows=512):
    torch.manual_seed(seed)
    network = mlp([dim, 48, 48, 1], activation="silu", zero_output=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, steps)
    targets = torch.cat([torch.ones(rows), torch.zeros(rows)])
    for _ in range(steps):
        optimizer.zero_grad()
        loss(network(torch.cat([draw_real(rows), draw_fake(rows)])).squeeze(1), targets).backward()
        optimizer.step()
        schedule.step()
    return network


@pytest.mark.parametrize(
    ("loss", "optimum"),
    [
        (cross_entropy_discriminator, lambda ratio: ratio),
        # The minimiser of the least squares is (p - q) / (p + q).
        (least_squares_discriminator, lambda ratio: torch.tanh(ratio / 2)),
    ],
)
def test_two_gaussians_on_a_line(loss, optimum, seed: int, learned: Learned):
    real, fake = Normal(1.0, 1.0), Normal(-0.5, 1.5)
    network = train(loss, lambda n: real.sample((n, 1)), lambda n: fake.sample((n, 1)), 1, seed)
    grid = torch.linspace(-2.5, 3.0, 56)[:, None]
    expected = optimum((real.log_prob(grid) - fake.log_prob(grid)).squeeze(1))
    error = (network(grid).squeeze(1) - expected).detach().abs()
    learned("mean error", error.mean(), below=0.15, baseline=expected.abs().mean())
    learned("greatest error", error.max(), below=0.8, baseline=expected.abs().max())


def test_two_gaussians_in_the_plane(seed: int, learned: Learned):
    real = MultivariateNormal(torch.tensor([1.0, 0.0]), torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    fake = MultivariateNormal(torch.zeros(2), 2 * torch.eye(2))
    network = train(cross_entropy_discriminator, lambda n: real.sample((n,)), lambda n: fake.sample((n,)), 2, seed)
    points = torch.cat([real.sample((500,)), fake.sample((500,))])
    points = points[points.norm(dim=1) < 2.5]
    expected = real.log_prob(points) - fake.log_prob(points)
    found = network(points).squeeze(1).detach()
    learned("mean error", (found - expected).abs().mean(), below=0.2, baseline=expected.abs().mean())
    learned("correlation", torch.corrcoef(torch.stack([found, expected]))[0, 1], above=0.97, baseline=0.0)
