"""DiffAIL: what a denoising error is, which way it pays, that a reward is a function of its row, resumption."""

import copy
import math

import pytest
import torch
from learned import Learned

from genrl.errors import InputError
from genrl.gans import losses, penalties
from genrl.nn import ExtraColumn, Standardise
from genrl.protocols import RewardModel
from genrl.rewards import AbsorbingReward, AdversarialReward, AdversarialTraining, TransitionInputs, forms
from genrl.rewards.score_discriminator import ScoreDiscriminator, logit_of_error
from genrl.score import ScoreModel, VarianceExploding


def discriminator_of(levels=3, columns=3, observations=None, seed=0):
    torch.manual_seed(seed)
    seen = observations or Standardise.identity(columns)
    inputs = TransitionInputs("state-action", seen, Standardise.identity(2))
    model = ScoreModel(noise=VarianceExploding(least=0.1, most=3.0), hidden=(32,))
    return ScoreDiscriminator(inputs, model, levels=levels)


def build(
    *, form=forms.airl, loss=losses.cross_entropy_discriminator, steps=30, weight=0.0, mixup=0.0, seed=0, **options
):
    return AdversarialReward(
        discriminator_of(seed=seed, **options),
        loss=loss,
        penalty=penalties.interpolation_penalty,
        form=form,
        training=AdversarialTraining(
            steps=steps, batch_size=64, learning_rate=5e-3, penalty_weight=weight, mixup=mixup
        ),
    )


@pytest.fixture
def sides(make):
    """An expert around 1 and a learner around -1, which overlap."""
    return make(256, shift=1.0, seed=1), make(256, shift=-1.0, seed=2)


# --- the error and its logit


def test_the_logit_is_that_of_a_probability_of_exp_minus_the_error():
    errors = torch.tensor([0.05, 0.5, math.log(2), 1.0, 3.0, 20.0])
    torch.testing.assert_close(torch.sigmoid(logit_of_error(errors)), torch.exp(-errors), rtol=1e-5, atol=1e-9)
    assert (logit_of_error(errors).diff() < 0).all()
    assert torch.isfinite(logit_of_error(torch.tensor([0.0, 1e9]))).all()


def test_the_error_before_training_is_by_hand():
    """A network of zeros answers 0, so the error is the mean square of what it should have said.

    That is (x - (x + l e) / (1 + l^2)) sqrt(1 + l^2) / l = (l x - e) / sqrt(1 + l^2), at a level l with noise e.
    """
    discriminator, rows = discriminator_of(levels=2), torch.randn(6, 5)
    levels = 0.1 * 30 ** torch.tensor([0.25, 0.75])
    wanted = (levels[:, None] * rows[:, None] - discriminator.noise) / (1 + levels.square()).sqrt()[:, None]
    expected = logit_of_error(wanted.square().mean((1, 2)))
    torch.testing.assert_close(discriminator.logits_of_inputs(rows), expected, rtol=1e-4, atol=1e-5)


def test_training_draws_noise_and_rewards_do_not(sides):
    discriminator = discriminator_of()
    rows = discriminator.inputs(sides[0])
    assert not torch.equal(discriminator.judge(rows).logits, discriminator.judge(rows).logits)
    state = torch.get_rng_state()
    assert torch.equal(discriminator.logits_of_inputs(rows), discriminator.logits_of_inputs(rows))
    assert torch.equal(torch.get_rng_state(), state)


# --- as a reward


@pytest.mark.parametrize(("mixup", "weight"), [(0.0, 0.3), (0.5, 0.0)])
def test_it_learns_to_pay_the_expert_more(mixup, weight, sides, seed: int, learned: Learned):
    model = build(seed=seed, weight=weight, steps=120, mixup=mixup)
    metrics = model.update(*sides)
    assert isinstance(model, RewardModel)
    assert {"denoising_error", "loss", "logit_expert", "gradient_penalty"} <= metrics.keys()
    assert all(math.isfinite(value) for value in metrics.values())
    right = (model.reward(sides[0])[:, None] > model.reward(sides[1])).float().mean()
    learned("pairs in which the expert earns more", right, above=0.65, baseline=0.5)


def test_it_trains_with_least_squares(sides):
    model = build(loss=losses.least_squares_discriminator, weight=0.3, mixup=0.5)
    before = model.reward(sides[0])
    assert all(math.isfinite(value) for value in model.update(*sides).values())
    assert torch.isfinite(model.reward(sides[0])).all()
    assert not torch.equal(model.reward(sides[0]), before)


def test_what_was_never_seen_on_either_side_is_not_paid_as_the_experts(sides, make, seed: int, learned: Learned):
    model = build(seed=seed, steps=200)
    model.update(*sides)
    less = model.reward(make(200, shift=8.0, seed=5)).mean() - model.reward(sides[0]).mean()
    learned("reward of the unseen above the expert's", less, below=-2.0, baseline=0.0)


@pytest.mark.parametrize(("form", "sign"), [(forms.gail, 1), (forms.log_d, -1)])
def test_the_sign_of_a_form_holds_for_every_row(form, sign, sides, make):
    model = build(form=form)
    model.update(*sides)
    paid = model.reward(make(300, shift=20.0).concatenate([make(100, shift=20.0), *sides]))
    assert (sign * paid >= 0).all()
    assert paid.abs().max() > 0.1


def test_a_terminal_step_is_paid_what_the_absorbing_state_earns(make):
    expert, learner = make(200, shift=1.0, seed=1), make(200, shift=-1.0, terminated=40, seed=2)
    inner = build(observations=ExtraColumn(Standardise.identity(3)), steps=100)
    model = AbsorbingReward(inner, gamma=0.9)
    model.update(expert, learner)
    rows = make(20, terminated=5, seed=3)
    paid, alive = model.reward(rows), copy.deepcopy(rows)
    alive.terminations[:] = False
    ended = paid - model.reward(alive)
    assert (ended[:15] == 0).all()
    assert (ended[15:] < 0).all()  # the learner alone ends episodes, so the state after an end is the learner's


def test_a_reward_is_a_function_of_its_row(sides, make):
    model = build()
    model.update(*sides)
    batch = make(20, seed=3)
    together = model.reward(batch)
    strangers = model.reward(batch.concatenate([make(300, shift=50.0), batch]))[300:]
    torch.testing.assert_close(strangers, together, atol=1e-4, rtol=1e-4)
    alone = torch.cat([model.reward(batch[row : row + 1]) for row in range(20)])
    torch.testing.assert_close(alone, together, atol=1e-4, rtol=1e-4)


def test_state_dict_and_optimiser_continue_exactly(sides):
    one, other = build(), build()
    one.update(*sides)
    with torch.no_grad():
        other.discriminator.noise.normal_()  # what is loaded replaces it
    other.load_state_dict(one.state_dict())
    other.optimizer.load_state_dict(copy.deepcopy(one.optimizer.state_dict()))
    for model in (one, other):
        torch.manual_seed(7)
        model.update(*sides)
    assert torch.equal(one.reward(sides[0]), other.reward(sides[0]))


def test_what_cannot_work_is_refused():
    with pytest.raises(InputError, match="levels must be 1 or more"):
        discriminator_of(levels=0)
    inputs = TransitionInputs("state", Standardise.identity(3), Standardise.identity(2))
    with pytest.raises(InputError, match="3 columns without a context"):
        ScoreDiscriminator(inputs, ScoreModel(hidden=(8,)).build(4))
    with pytest.raises(InputError, match="3 columns without a context"):
        ScoreDiscriminator(inputs, ScoreModel(hidden=(8,)).build(3, 2))
