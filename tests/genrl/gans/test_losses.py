import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from genrl.gans import losses

DISCRIMINATORS = [
    losses.cross_entropy_discriminator,
    losses.least_squares_discriminator,
    losses.wasserstein_discriminator,
    losses.hinge_discriminator,
]
GENERATORS = [
    losses.minimax_generator,
    losses.non_saturating_generator,
    losses.least_squares_generator,
    losses.wasserstein_generator,
    losses.hinge_generator,
]
LOGITS, TARGETS = torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0])


def sigmoid(h):
    return 1 / (1 + math.exp(-h))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.cross_entropy_discriminator, -(math.log(sigmoid(2)) + math.log(1 - sigmoid(-1))) / 2),
        (losses.least_squares_discriminator, ((2 - 1) ** 2 + (-1 + 1) ** 2) / 4),
        (losses.wasserstein_discriminator, -1 - 2),
    ],
)
def test_discriminator_losses_by_hand(loss, expected):
    assert loss(LOGITS, TARGETS).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.minimax_generator, (math.log(1 - sigmoid(2)) + math.log(1 - sigmoid(-1))) / 2),
        (losses.non_saturating_generator, -(math.log(sigmoid(2)) + math.log(sigmoid(-1))) / 2),
        (losses.least_squares_generator, ((2 - 1) ** 2 + (-1 - 1) ** 2) / 4),
        (losses.wasserstein_generator, -(2 - 1) / 2),
        (losses.hinge_generator, -(2 - 1) / 2),
    ],
)
def test_generator_losses_by_hand(loss, expected):
    assert loss(LOGITS).item() == pytest.approx(expected, rel=1e-5)


def test_the_hinge_by_hand():
    logits = torch.tensor([0.25, -0.5, 3.0, -3.0, -2.0, 4.0], requires_grad=True)
    targets = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    value = losses.hinge_discriminator(logits, targets)
    assert value.item() == pytest.approx((0.75 + 0.5 + 0 + 0 + 3 + 5) / 6)
    value.backward()  # beyond the margin, on the right side, nothing pulls
    assert (6 * logits.grad).tolist() == pytest.approx([-1, 1, 0, 0, -1, 1])


def test_the_game_is_worth_two_log_two_where_both_sides_are_equal():
    zeros = torch.zeros(8)
    real = losses.cross_entropy_discriminator(zeros, torch.ones(8))
    fake = losses.cross_entropy_discriminator(zeros, torch.zeros(8))
    assert (real + fake).item() == pytest.approx(2 * math.log(2))
    # No other constant answer does better against equal sides.
    for logit in (-1.0, -0.1, 0.1, 1.0):
        worse = losses.cross_entropy_discriminator(torch.full((8,), logit), torch.tensor([0.0, 1.0] * 4))
        assert worse > math.log(2)


def test_the_minimax_game_is_zero_sum():
    fake = torch.randn(50)
    against_fake = losses.cross_entropy_discriminator(fake, torch.zeros(50))
    torch.testing.assert_close(losses.minimax_generator(fake), -against_fake)


@pytest.mark.parametrize("loss", DISCRIMINATORS)
def test_logits_rise_on_real_and_fall_on_fake(loss):
    logits = torch.zeros(2, requires_grad=True)
    loss(logits, TARGETS).backward()
    assert logits.grad[0] < 0 < logits.grad[1]


@pytest.mark.parametrize("loss", GENERATORS)
def test_every_generator_raises_the_logits_of_its_samples(loss):
    logits = torch.tensor([-1.0, 0.0, 0.5], requires_grad=True)
    loss(logits).backward()
    assert (logits.grad < 0).all()


def gradient(loss, logit):
    logits = torch.tensor([logit], requires_grad=True)
    loss(logits).backward()
    return logits.grad.item()


def test_minimax_vanishes_where_non_saturating_does_not():
    assert abs(gradient(losses.minimax_generator, -20.0)) < 1e-8
    assert gradient(losses.non_saturating_generator, -20.0) == pytest.approx(-1.0)
    assert gradient(losses.wasserstein_generator, -20.0) == -1.0
    # Where D cannot tell, both pull alike.
    assert gradient(losses.minimax_generator, 0.0) == gradient(losses.non_saturating_generator, 0.0) == -0.5


@pytest.mark.parametrize("loss", DISCRIMINATORS)
def test_losses_are_linear_in_the_target_as_soft_labels_need(loss):
    """Up to a term without logits: a half-and-half target gives the mean of both gradients."""

    def slope(target):
        logits = torch.tensor([0.7, -2.0], requires_grad=True)
        loss(logits, torch.full((2,), target)).backward()
        return logits.grad

    torch.testing.assert_close(slope(0.3), 0.3 * slope(1.0) + 0.7 * slope(0.0))


@settings(max_examples=50)
@given(st.floats(-60, 60))
def test_the_entropy_is_that_of_torch(logit):
    ours = losses.bernoulli_entropy(torch.tensor([logit], dtype=torch.float64))
    theirs = torch.distributions.Bernoulli(logits=torch.tensor([logit], dtype=torch.float64)).entropy().mean()
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-6)
    assert 0 <= ours <= math.log(2) + 1e-12


@pytest.mark.parametrize(
    "loss", [*GENERATORS, losses.bernoulli_entropy, lambda h: DISCRIMINATORS[0](h, (h > 0).float())]
)
def test_extreme_logits_stay_finite(loss):
    logits = torch.tensor([-1e4, 1e4], requires_grad=True)
    value = loss(logits)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()


def test_the_cross_entropy_is_twice_the_jensen_shannon_gap_for_the_best_discriminator():
    p, q = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.1, 0.3, 0.6])
    logits = (p / q).log()
    value = (p * F.logsigmoid(logits)).sum() + (q * F.logsigmoid(-logits)).sum()
    middle = (p + q) / 2
    jensen_shannon = ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2
    assert value.item() == pytest.approx(2 * jensen_shannon.item() - math.log(4), rel=1e-5)
    repeated = torch.cat(
        [logits.repeat_interleave((10 * p).round().int()), logits.repeat_interleave((10 * q).round().int())]
    )
    ours = losses.cross_entropy_discriminator(repeated, torch.tensor([1.0] * 10 + [0.0] * 10))
    assert ours.item() == pytest.approx(-value.item() / 2, rel=1e-5)
