"""VAIL: what the bottleneck costs, which way its price moves, and that a reward is still a function of a row."""

import copy
import math

import pytest
import torch
from learned import Learned
from torch.distributions import Independent, Normal, kl_divergence

from genrl.errors import InputError
from genrl.gans import losses, penalties
from genrl.nn import Standardise
from genrl.protocols import RewardModel
from genrl.rewards import (
    AdversarialReward,
    AdversarialTraining,
    Bottleneck,
    TransitionInputs,
    VariationalDiscriminator,
    forms,
)


def discriminator_of(*, seed=0, **bottleneck):
    torch.manual_seed(seed)
    inputs = TransitionInputs("state-action", Standardise.identity(3), Standardise.identity(2))
    narrow = Bottleneck(**{"codes": 4, "dual_step": 0.05, **bottleneck})
    return VariationalDiscriminator(inputs, hidden=(16,), bottleneck=narrow)


def build(*, loss=losses.cross_entropy_discriminator, penalty_weight=0.0, steps=30, mixup=0.0, seed=0, **bottleneck):
    return AdversarialReward(
        discriminator_of(seed=seed, **bottleneck),
        loss=loss,
        penalty=penalties.interpolation_penalty,
        form=forms.airl,
        training=AdversarialTraining(
            steps=steps, batch_size=64, learning_rate=5e-3, penalty_weight=penalty_weight, mixup=mixup
        ),
    )


@pytest.fixture
def sides(make):
    """An expert around 1 and a learner around -1, which overlap."""
    return make(256, shift=1.0, seed=1), make(256, shift=-1.0, seed=2)


# --- the price of a code


def test_the_divergence_is_that_of_gaussians_from_a_standard_normal():
    discriminator, rows = discriminator_of(), torch.randn(40, 5)
    mean, log_std = discriminator._code(rows)
    code = Independent(Normal(mean, log_std.exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    expected = kl_divergence(code, prior).mean()
    assert discriminator.judge(rows).metrics["divergence"] == pytest.approx(expected.item(), rel=1e-5)


def test_the_divergence_by_hand():
    """Mean 1 and deviation e in one column of two: (e^2 + 1 - 1) / 2 - 1; nothing in the other."""
    discriminator = discriminator_of(codes=2)
    last = discriminator.encoder[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([1.0, 0.0, 1.0, 0.0]))
    assert discriminator.judge(torch.randn(9, 5)).metrics["divergence"] == pytest.approx(math.e**2 / 2 - 1, rel=1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_the_cost_is_the_price_of_the_excess(beta):
    discriminator = discriminator_of(information=0.25)
    discriminator.beta.fill_(beta)
    judged = discriminator.judge(torch.randn(20, 5))
    assert judged.cost.item() == pytest.approx(beta * (judged.metrics["divergence"] - 0.25), abs=1e-6)
    assert judged.metrics["beta"] == pytest.approx(beta)


def test_the_price_reaches_the_encoder_and_not_itself():
    discriminator = discriminator_of(information=0.0)
    discriminator.beta.fill_(1.0)
    discriminator.judge(torch.randn(20, 5)).cost.backward()
    assert discriminator.encoder[0].weight.grad.abs().sum() > 0
    assert discriminator.beta.grad is None
    assert "beta" not in dict(discriminator.named_parameters())


# --- dual ascent


@pytest.mark.parametrize(("information", "first", "sign"), [(0.0, 0.5, 1), (50.0, 5.0, -1)])
def test_beta_rises_above_the_constraint_and_falls_below_it(information, first, sign):
    discriminator = discriminator_of(information=information, dual_step=0.02)
    discriminator.beta.fill_(first)
    judged = discriminator.judge(torch.randn(20, 5))
    discriminator.after_step(judged)
    step = 0.02 * (judged.metrics["divergence"] - information)
    assert math.copysign(1, step) == sign
    assert float(discriminator.beta) == pytest.approx(first + step, rel=1e-5)


def test_beta_is_never_below_zero(sides):
    model = build(information=1000.0)
    for _ in range(3):
        assert model.update(*sides)["beta"] == 0.0
    assert float(model.discriminator.beta) == 0.0


@pytest.mark.parametrize("information", [0.1, 0.5])
def test_the_information_is_held_at_the_constraint(information, sides, seed: int, learned: Learned):
    model = build(seed=seed, information=information, steps=800)
    model.update(*sides)
    model.training_config = AdversarialTraining(steps=200, batch_size=64, learning_rate=5e-3, penalty_weight=0.0)
    metrics = model.update(*sides)
    miss = abs(metrics["divergence"] / information - 1)
    learned("relative miss of the constraint", miss, below=0.25, baseline=1.0)
    assert metrics["beta"] > 0.01


def test_a_narrow_bottleneck_keeps_it_unsure(make, seed: int, learned: Learned):
    apart = make(256, shift=4.0, seed=1), make(256, shift=-4.0, seed=2)
    narrow, wide = (build(seed=seed, information=information, steps=250) for information in (0.1, 1e6))
    for model in (narrow, wide):
        model.update(*apart)
    ratio = narrow.reward(apart[0]).mean() / wide.reward(apart[0]).mean()
    learned("reward / that of a wide one", ratio, below=0.5, baseline=1.0)
    more = narrow.update(*apart)["entropy"] - wide.update(*apart)["entropy"]
    learned("entropy above that of a wide one", more, above=0.1, baseline=0.0)


# --- as a reward


LOSSES = [
    losses.cross_entropy_discriminator,
    losses.least_squares_discriminator,
    losses.wasserstein_discriminator,
    losses.hinge_discriminator,
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_it_learns_to_pay_the_expert_more(loss, mixup, sides, seed: int, learned: Learned):
    model = build(seed=seed, loss=loss, penalty_weight=0.3, steps=150, mixup=mixup)
    metrics = model.update(*sides)
    assert isinstance(model, RewardModel)
    assert {"divergence", "beta", "loss", "logit_expert", "gradient_penalty"} <= metrics.keys()
    assert all(math.isfinite(value) for value in metrics.values())
    more = model.reward(sides[0]).mean() - model.reward(sides[1]).mean()
    learned("reward of the expert above the learner's", more, above=0.4, baseline=0.0)


def test_a_reward_is_that_of_the_mean_code_and_a_function_of_its_row(sides, make):
    model = build()
    model.update(*sides)
    batch = make(20, seed=3)
    discriminator = model.discriminator
    mean, _ = discriminator._code(discriminator.inputs(batch))
    together = model.reward(batch)
    torch.testing.assert_close(together, discriminator.network(mean).squeeze(1))
    assert torch.equal(model.reward(batch), together)
    strangers = model.reward(batch.concatenate([make(300, shift=50.0), batch]))[300:]
    torch.testing.assert_close(strangers, together, atol=1e-5, rtol=1e-5)
    rows = discriminator.inputs(batch)
    assert not torch.equal(discriminator.judge(rows).logits, discriminator.judge(rows).logits)  # training draws


def test_the_first_rewards_are_equal(make):
    assert (build().reward(make(40, shift=3.0)) == 0).all()


def test_state_dict_and_optimiser_continue_exactly(sides):
    one, other = build(information=0.0), build(information=0.0)
    one.update(*sides)
    other.load_state_dict(one.state_dict())
    other.optimizer.load_state_dict(copy.deepcopy(one.optimizer.state_dict()))
    assert float(other.discriminator.beta) > 0
    for model in (one, other):
        torch.manual_seed(7)
        model.update(*sides)
    assert torch.equal(one.discriminator.beta, other.discriminator.beta)
    assert torch.equal(one.reward(sides[0]), other.reward(sides[0]))


@pytest.mark.parametrize("wrong", [{"codes": 0}, {"information": -0.1}, {"dual_step": 0.0}])
def test_impossible_bottlenecks_are_refused(wrong):
    with pytest.raises(InputError, match="1 or more codes, an information of 0 or more and a dual_step above 0"):
        Bottleneck(**wrong)
