import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genrl.rewards.forms import airl, fairl, gail, log_d

HALF_EXPERT = torch.tensor([math.log(3.0)])  # the logit of D = 3/4
LOGITS = torch.linspace(-30, 30, 601)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (gail, -math.log(1 / 4)),
        (log_d, math.log(3 / 4)),
        (airl, math.log(3)),
        (fairl, -math.log(3) * 3),
    ],
)
def test_closed_forms_at_three_quarters(form, expected):
    assert form(HALF_EXPERT).item() == pytest.approx(expected, rel=1e-5)


@settings(max_examples=60)
@given(st.floats(-12, 12))
def test_each_form_is_its_formula_in_d(logit):
    h = torch.tensor([logit], dtype=torch.float64)
    d = torch.sigmoid(h)
    torch.testing.assert_close(gail(h), -torch.log(1 - d))
    torch.testing.assert_close(log_d(h), torch.log(d))
    torch.testing.assert_close(airl(h), torch.log(d) - torch.log(1 - d))
    torch.testing.assert_close(gail(h) + log_d(h), airl(h))
    if logit <= 10:
        torch.testing.assert_close(fairl(h), -h * d / (1 - d))


def test_signs():
    assert (gail(LOGITS) >= 0).all()
    assert (log_d(LOGITS) <= 0).all()
    assert (airl(LOGITS) < 0).any()
    assert (airl(LOGITS) > 0).any()
    assert torch.equal(fairl(LOGITS).sign(), -LOGITS.sign())


@pytest.mark.parametrize("form", [gail, log_d, airl])
def test_more_like_the_expert_pays_more(form):
    assert (form(LOGITS).diff() >= 0).all()
    assert (form(torch.linspace(-5, 5, 101)).diff() > 0).all()


def test_fairl_rises_to_its_peak_at_minus_one_and_falls_from_there():
    paid = fairl(LOGITS)
    assert LOGITS[paid.argmax()].item() == pytest.approx(-1.0, abs=1e-4)
    assert paid.max().item() == pytest.approx(math.exp(-1), rel=1e-5)
    assert (paid[LOGITS < -1.05].diff() >= 0).all()
    assert (paid[LOGITS > -0.95].diff() < 0).all()


def test_flat_where_d_is_sure():
    sure = torch.tensor([-40.0, -41.0])
    assert gail(sure).diff().abs() < 1e-15
    assert airl(sure).diff().item() == -1.0
    assert log_d(sure).diff().item() == pytest.approx(-1.0)


@pytest.mark.parametrize("form", [gail, log_d, airl, fairl])
def test_extreme_logits_are_paid_finitely(form):
    assert torch.isfinite(form(torch.tensor([-1e4, 1e4]))).all()


def test_expectations_are_the_divergences():
    """With the best discriminator: the learner earns minus its reverse KL, or minus its forward KL."""
    expert, learner = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.2, 0.6])
    ratio = (expert / learner).log()
    torch.testing.assert_close((learner * airl(ratio)).sum(), -(learner * (learner / expert).log()).sum())
    torch.testing.assert_close((learner * fairl(ratio)).sum(), -(expert * (expert / learner).log()).sum())


def discounted(rewards, gamma=0.9):
    return (rewards * gamma ** torch.arange(len(rewards))).sum()


@settings(max_examples=30)
@given(st.lists(st.floats(-20, 20), min_size=2, max_size=12))
def test_the_sign_decides_whether_a_longer_episode_is_worth_more(values):
    """Whatever the discriminator says: -log(1 - D) pays for surviving, log D for dying."""
    logits = torch.tensor(values, dtype=torch.float64)
    assert discounted(gail(logits)) > discounted(gail(logits[:-1]))
    assert discounted(log_d(logits)) < discounted(log_d(logits[:-1]))


def test_the_logit_has_no_such_bias():
    good, bad = torch.full((5,), 2.0), torch.full((5,), -2.0)
    assert discounted(airl(good)) > discounted(airl(good[:-1]))
    assert discounted(airl(bad)) < discounted(airl(bad[:-1]))
