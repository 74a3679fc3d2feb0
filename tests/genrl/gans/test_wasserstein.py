"""The dual of the transport problem, learned by a critic, against its exact primal."""

import numpy as np
import pytest
import torch
from learned import Learned
from scipy.optimize import linear_sum_assignment
from torch import nn

from genrl.gans.adversarial_fitting import AdversarialFitting, Player, fit_adversarially
from genrl.gans.losses import wasserstein_discriminator
from genrl.gans.penalties import interpolation_penalty, one_sided_penalty
from genrl.gans.transport_bound import transport_bound
from genrl.gans.weight_clipping import clip_weights
from genrl.nn import mlp


def clouds(seed=0):
    torch.manual_seed(seed)
    real = torch.randn(48, 2) @ torch.tensor([[1.0, 0.3], [0.0, 0.5]])
    fake = 0.6 * torch.randn(48, 2) + torch.tensor([3.0, -1.0])
    return real, fake


def primal(real, fake):
    """The mean length of the best plan between equally many points."""
    costs = torch.cdist(real, fake).numpy()
    return costs[linear_sum_assignment(costs)].mean()


def dual_bound(critic, real, fake):
    return transport_bound(lambda x: critic(x).squeeze(1), real, fake)


def learn(critic, real, fake, *, penalty_weight, after_step=None, updates=400, on=interpolation_penalty):
    def loss(x, context):
        logits = critic(torch.cat([real, fake])).squeeze(1)
        targets = torch.cat([torch.ones(len(real)), torch.zeros(len(fake))])
        value = wasserstein_discriminator(logits, targets)
        pairs = torch.randint(len(fake), (128,)), torch.randint(len(real), (128,))
        penalty = on(lambda at: critic(at).squeeze(1), real[pairs[1]], fake[pairs[0]])
        return {"loss": value + penalty_weight * penalty}

    settings = AdversarialFitting(updates=updates, generator_steps=0, learning_rate=5e-3, batch_size=1)
    player = Player(network=critic, loss=loss, after_step=after_step)
    fit_adversarially(player, Player(network=nn.Linear(1, 1), loss=loss), real, settings=settings)


@pytest.mark.parametrize("penalty", [interpolation_penalty, one_sided_penalty])
def test_a_penalised_critic_agrees_with_the_exact_plan(penalty, seed: int, learned: Learned):
    real, fake = clouds(seed)
    torch.manual_seed(seed)
    critic = mlp([2, 64, 64, 1], activation="silu")
    learn(critic, real, fake, penalty_weight=100.0, on=penalty)
    exact = primal(real, fake)
    bound = dual_bound(critic, real, fake)
    learned("share of the distance", bound / exact, above=0.9, baseline=0.0)
    assert bound <= exact * (1 + 1e-6)


def test_only_a_one_sided_penalty_allows_the_ridge_that_clouds_within_each_other_need(seed: int, learned: Learned):
    torch.manual_seed(seed)
    real, fake = 0.3 * torch.randn(48, 2), 1.5 * torch.randn(48, 2)
    exact, bounds = primal(real, fake), {}
    for penalty in (interpolation_penalty, one_sided_penalty):
        torch.manual_seed(seed)
        critic = mlp([2, 64, 64, 1], activation="silu")
        learn(critic, real, fake, penalty_weight=100.0, on=penalty)
        bounds[penalty] = dual_bound(critic, real, fake)
    learned("share by the two-sided penalty", bounds[interpolation_penalty] / exact, below=0.85, baseline=1.0)
    learned("share by the one-sided penalty", bounds[one_sided_penalty] / exact, above=0.9, baseline=0.0)
    assert bounds[one_sided_penalty] <= exact * (1 + 1e-6)


def test_a_clipped_critic_bounds_the_distance_from_below(seed: int, learned: Learned):
    real, fake = clouds(seed)
    torch.manual_seed(seed)
    critic = mlp([2, 32, 1], activation="relu")
    learn(critic, real, fake, penalty_weight=0.0, after_step=lambda taken: clip_weights(critic, 0.1), updates=100)
    assert max(parameter.abs().max().item() for parameter in critic.parameters()) == pytest.approx(0.1)
    exact = primal(real, fake)
    bound = dual_bound(critic, real, fake)
    learned("share of the distance", bound / exact, above=0.5, baseline=0.0)
    assert bound <= exact * (1 + 1e-6)


def test_the_bound_is_tight_for_a_shift():
    """The plan moves every point by the same vector; the best critic is linear along it."""
    real, _ = clouds()
    fake = real + torch.tensor([3.0, 4.0])
    assert primal(real, fake) == pytest.approx(5.0, rel=1e-5)
    critic = nn.Linear(2, 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[-3.0, -4.0]]))
    assert dual_bound(critic, real, fake) == pytest.approx(5.0, rel=1e-4)
    assert np.isfinite(dual_bound(mlp([2, 4, 1]), real, fake))


@pytest.mark.parametrize("scale", [0.01, 1.0, 50.0])
def test_no_critic_goes_beyond_the_distance_whatever_its_scale(scale):
    real, fake = clouds()
    exact = primal(real, fake)
    torch.manual_seed(0)
    for _ in range(20):
        critic = mlp([2, 16, 1])
        bound = dual_bound(lambda x, critic=critic: scale * critic(x), real, fake)
        assert bound <= exact * (1 + 1e-6)
        assert bound == pytest.approx(dual_bound(critic, real, fake), rel=1e-4)


def test_a_flat_critic_and_equal_clouds_say_nothing():
    real, _ = clouds()
    assert transport_bound(lambda x: 0 * x[:, 0], real, real + 1) == 0
    assert transport_bound(lambda x: x[:, 0], real, real) == pytest.approx(0, abs=1e-9)


def test_the_bound_is_no_worse_than_the_critic_divided_by_its_steepest_slope():
    """And better where it is too steep between two points only."""
    real, fake = clouds()
    points = torch.cat([real, fake])

    def bumpy(x):
        return -x[:, 0] + 3.0 * torch.exp(-100 * (x - fake[0]).square().sum(1))

    heights, distances = bumpy(points), torch.cdist(points, points).fill_diagonal_(torch.inf)
    plain = (heights[:48].mean() - heights[48:].mean()) / ((heights[:, None] - heights).abs() / distances).max()
    assert transport_bound(bumpy, real, fake) > 2 * plain > 0
