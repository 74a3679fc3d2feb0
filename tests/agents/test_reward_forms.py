"""What each reward form teaches with each objective: whom it pays more, and what it pays for an episode's end."""

import math
from typing import get_args

import pytest
import torch
from learned import Learned

from agents.discriminator_reward import (
    REWARD_FORMS,
    DiscriminatorConfig,
    ObjectiveName,
    RewardFormName,
    build_discriminator_reward,
)
from genrl.errors import InputError
from genrl.gans.objectives import CROSS_ENTROPY, LEAST_SQUARES
from genrl.nn import Standardise
from genrl.rewards import AdversarialTraining, Bottleneck
from genrl.rewards.forms import paid_on_output

NO_LOG_RATIO = ("wgan", "hinge")
FORMS = get_args(RewardFormName)
NEED_A_PROBABILITY = ("gail", "log-d", "fairl")
PAIRS = [(f, o) for f in FORMS for o in get_args(ObjectiveName) if not (o in NO_LOG_RATIO and f in NEED_A_PROBABILITY)]
GAMMA = 0.9


def build(form, objective, *, absorbing=False, steps=60, batch_size=64, learning_rate=5e-3, seed=0):
    """The agents' reward model of that name, of observations alone, in units and on a scale that change nothing."""
    torch.manual_seed(seed)
    # A penalty pulls the slope towards 1, and with it the output away from the log ratio that forms are functions of.
    penalty_weight = 1.0 if objective == "wgan" else 0.0
    training = AdversarialTraining(
        steps=steps, batch_size=batch_size, learning_rate=learning_rate, penalty_weight=penalty_weight
    )
    return build_discriminator_reward(
        DiscriminatorConfig(inputs="state", hidden=(16, 16), training=training),
        Standardise.identity(3),
        Standardise.identity(2),
        objective=objective,
        form=form,
        offset=1.0,
        scale=1.0,
        absorbing=absorbing,
        gamma=GAMMA,
        momentum=1.0,
        kind="discriminator",
        bottleneck=Bottleneck(),
    )


def average(model, batch):
    return model.reward(batch).mean().item()


def worth(model, make, length):
    """Discounted worth of an episode that terminates after `length` equal steps."""
    steps = make(length, terminated=1).map(lambda tensor: tensor if tensor.dtype == torch.bool else tensor * 0)
    return (model.reward(steps) * GAMMA ** torch.arange(length)).sum().item()


# --- sign


@pytest.mark.parametrize(("form", "objective"), PAIRS)
def test_a_step_that_looks_like_the_experts_earns_more(form, objective, make_transitions, seed: int, learned: Learned):
    model = build(form, objective, seed=seed)
    model.update(make_transitions(256, shift=1.0, seed=1), make_transitions(256, shift=-1.0, seed=2))
    expert, learner = make_transitions(256, shift=1.0, seed=3), make_transitions(256, shift=-1.0, seed=4)
    more = average(model, expert) - average(model, learner)
    # By theory -h exp(h) pays for what the learner does too often, and takes from what it does too seldom.
    # That form is exponential, hence the logarithm.
    learned("difference of rewards", math.asinh(-more) if form == "fairl" else more, above=1.0, baseline=0.0)


@pytest.mark.parametrize("form", NEED_A_PROBABILITY)
@pytest.mark.parametrize("objective", NO_LOG_RATIO)
def test_a_critic_without_a_probability_is_refused(form, objective):
    with pytest.raises(InputError, match=r"no log ratio.*logit or airl.*gan or lsgan") as caught:
        build(form, objective)
    assert "\n" not in str(caught.value)


def test_the_forms_of_a_least_squares_output_are_those_of_its_probability():
    outputs = torch.linspace(-0.98, 0.98, 50)
    d = (1 + outputs) / 2
    expected = {"gail": -torch.log(1 - d), "log-d": torch.log(d), "airl": torch.log(d / (1 - d)), "logit": outputs}
    for form, values in expected.items():
        torch.testing.assert_close(
            paid_on_output(REWARD_FORMS[form], LEAST_SQUARES)(outputs), values, rtol=1e-4, atol=1e-4
        )


def test_forms_of_a_logit_are_left_as_they_are():
    logits = torch.linspace(-8, 8, 33)
    for form in REWARD_FORMS.values():
        assert torch.equal(paid_on_output(form, CROSS_ENTROPY)(logits), form(logits))


# --- termination: what an average step earns, and what becomes of it in absorbing states

# Before the discriminator can tell anything, and with it at the end of imitation.
NEUTRAL = {"logit": 1.0, "airl": 0.0, "gail": math.log(2), "log-d": -math.log(2), "fairl": 0.0}


@pytest.mark.parametrize(("form", "objective"), PAIRS)
def test_where_nothing_can_be_told_the_form_alone_pays_for_living_or_dying(form, objective, make_transitions):
    model = build(form, objective)
    assert average(model, make_transitions(50)) == pytest.approx(NEUTRAL[form], abs=1e-6)
    longer = worth(model, make_transitions, 10) - worth(model, make_transitions, 2)
    assert math.copysign(longer != 0, longer) == math.copysign(NEUTRAL[form] != 0, NEUTRAL[form])


@pytest.mark.parametrize(("form", "objective"), PAIRS)
def test_with_absorbing_states_neither_is_paid(form, objective, make_transitions):
    model = build(form, objective, absorbing=True)
    assert worth(model, make_transitions, 10) == pytest.approx(worth(model, make_transitions, 2), abs=1e-4)
    assert worth(model, make_transitions, 2) == pytest.approx(NEUTRAL[form] / (1 - GAMMA), abs=1e-4)


@pytest.mark.parametrize(("form", "objective"), PAIRS)
def test_what_the_learners_average_step_earns_while_it_is_told_apart(
    form, objective, make_transitions, seed: int, learned: Learned
):
    """Always positive: survive. Always negative: die. The bare logit is negative until the learner is as good."""
    rows, fitting, largest_error = 512, {"steps": 120}, 0.2
    if form == "fairl":  # an exponential of what is learned, which must be learned more exactly
        rows, fitting, largest_error = 2048, {"steps": 480, "batch_size": 512, "learning_rate": 2e-3}, 0.22
    model = build(form, objective, seed=seed, **fitting)
    expert, learner = make_transitions(rows, shift=0.25, seed=1), make_transitions(rows, shift=-0.25, seed=2)
    divergence = 3 * 0.5**2 / 2  # of two unit normals in three dimensions, half a unit apart in each; either way round
    log_ratio = 0.5 * learner.observations.sum(1)
    model.update(expert, learner)
    earned = average(model, learner)
    if form == "logit":
        learned("error of the mean", abs(earned - 1.0), below=1e-4, baseline=1.0)
    elif form == "gail":
        learned("reward", earned, below=0.95 * math.log(2), baseline=math.log(2))
        assert earned > 0
    elif form == "log-d":
        learned("reward", earned, below=-1.05 * math.log(2), baseline=-math.log(2))
    elif objective == "hinge":
        # Its zero is where both are as likely, its end where it is sure, whatever the divergence.
        learned("reward", earned, below=-0.1, baseline=0.0)
        assert earned > -1.2
    elif objective == "wgan":
        # The critic's zero is anywhere; only that the expert's steps earn more is sure.
        learned("the expert's reward above it", average(model, expert) - earned, above=0.4, baseline=0.0)
    else:
        # Minus the reverse divergence (airl) or the forward one (fairl), of these rows.
        exact = log_ratio.mean() if form == "airl" else (-log_ratio * log_ratio.exp()).mean()
        learned("error of the divergence", abs(earned - exact), below=largest_error, baseline=divergence)


@pytest.mark.parametrize(("form", "objective"), PAIRS)
@pytest.mark.parametrize("who_ends", ["expert", "learner"])
def test_with_absorbing_states_an_end_is_worth_what_the_expert_makes_of_it(
    form, objective, who_ends, make_transitions, seed: int, learned: Learned
):
    """Whatever a form's sign: ending is learned where the expert ends, and unlearned where it does not.

    But for -h exp(h), which pays for what the learner does too often, here as elsewhere.
    """
    model = build(form, objective, absorbing=True, steps=360 if form == "fairl" else 120, seed=seed)
    expert = make_transitions(256, terminated=64 if who_ends == "expert" else 0, seed=1)
    learner = make_transitions(256, terminated=64 if who_ends == "learner" else 0, seed=2)
    model.update(expert, learner)
    gain = worth(model, make_transitions, 2) - worth(model, make_transitions, 30)
    as_the_expert = math.asinh(gain if who_ends == "expert" else -gain)  # it grows exponentially with some forms
    if form == "fairl":
        learned("logarithm of the worth", as_the_expert, below=-3.0 if who_ends == "expert" else -0.7, baseline=0.0)
    else:
        learned("logarithm of the worth", as_the_expert, above=1.0, baseline=0.0)
