import copy
import math

import pytest
import torch
from learned import Learned

from genrl.gans import losses, penalties
from genrl.nn import Standardise
from genrl.protocols import RewardModel
from genrl.rewards import (
    AdversarialReward,
    AdversarialTraining,
    Discriminator,
    StandardisedReward,
    TransitionInputs,
    forms,
)

LOSSES = [
    losses.cross_entropy_discriminator,
    losses.least_squares_discriminator,
    losses.wasserstein_discriminator,
    losses.hinge_discriminator,
]
METRICS = {
    "loss",
    "accuracy_expert",
    "accuracy_learner",
    "entropy",
    "gradient_penalty",
    "logit_expert",
    "logit_learner",
}


def build(
    *,
    form=forms.airl,
    loss=losses.cross_entropy_discriminator,
    penalty=penalties.interpolation_penalty,
    spectral=False,
    seed=0,
    **training,
):
    torch.manual_seed(seed)
    inputs = TransitionInputs("state-action", Standardise.identity(3), Standardise.identity(2))
    quick = {"steps": 30, "batch_size": 64, "learning_rate": 5e-3, "penalty_weight": 0.0}
    return AdversarialReward(
        Discriminator(inputs, hidden=(16, 16), spectral=spectral),
        loss=loss,
        penalty=penalty,
        form=form,
        training=AdversarialTraining(**{**quick, **training}),
    )


@pytest.fixture
def sides(make):
    """An expert around 1 and a learner around -1, which overlap."""
    return make(256, shift=1.0, seed=1), make(256, shift=-1.0, seed=2)


def mean_logit(model, batch):
    return model.discriminator(batch).mean().item()


# --- before training


@pytest.mark.parametrize(
    ("form", "first"), [(forms.gail, math.log(2)), (forms.log_d, -math.log(2)), (forms.airl, 0.0), (forms.fairl, 0.0)]
)
@pytest.mark.parametrize("spectral", [False, True])
def test_the_first_rewards_are_equal(form, first, spectral, make):
    model = build(form=form, spectral=spectral)
    rewards = model.reward(make(40, shift=3.0))
    assert (rewards == rewards[0]).all()
    assert rewards[0].item() == pytest.approx(first)
    standardised = StandardisedReward(model).reward(make(40, shift=3.0))
    assert (standardised == standardised[0]).all()


def test_the_first_rewards_stay_equal_through_statistics_of_an_untrained_discriminator(make):
    model = StandardisedReward(build(learning_rate=1e-12, steps=1))
    model.update(make(64), make(64, seed=1))
    rewards = model.reward(make(40, shift=3.0))
    torch.testing.assert_close(rewards, torch.ones(40), atol=1e-6, rtol=0)


# --- learning


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", [penalties.interpolation_penalty, penalties.real_penalty])
def test_an_update_raises_the_experts_logits_above_the_learners(loss, penalty, sides, seed: int, learned: Learned):
    model = build(seed=seed, loss=loss, penalty=penalty, penalty_weight=0.5)
    metrics = model.update(*sides)
    assert set(metrics) == METRICS
    assert all(math.isfinite(value) for value in metrics.values())
    learned("difference of logits", mean_logit(model, sides[0]) - mean_logit(model, sides[1]), above=0.7, baseline=0.0)
    assert isinstance(model, RewardModel)


def test_rewards_are_those_of_the_discriminator_as_it_is_now(sides):
    model, batch = build(), sides[0]
    paid = []
    for _ in range(3):
        model.update(*sides)
        paid.append(model.reward(batch))
        torch.testing.assert_close(paid[-1], model.discriminator(batch))
    assert not torch.equal(paid[0], paid[1])
    assert not torch.equal(paid[1], paid[2])


def test_accuracies_and_logits_are_reported_by_side(sides, seed: int, learned: Learned):
    model = build(seed=seed)
    model.update(*sides)
    metrics = model.update(*sides)
    learned("accuracy of the expert's side", metrics["accuracy_expert"], above=0.8, baseline=0.5)
    learned("accuracy of the learner's side", metrics["accuracy_learner"], above=0.8, baseline=0.5)
    assert metrics["logit_expert"] > 0 > metrics["logit_learner"]
    assert 0 < metrics["entropy"] < math.log(2)
    swapped = build(seed=seed)
    swapped.update(*sides)
    turned = swapped.update(*reversed(sides))
    learned("accuracy when the sides are swapped", turned["accuracy_expert"], below=0.8, baseline=1.0)


def test_sides_of_the_same_distribution_cannot_be_told(make, seed: int, learned: Learned):
    model = build(seed=seed, learning_rate=1e-3)
    metrics = model.update(make(4096, seed=1), make(4096, seed=2))
    # A discriminator that were sure would be off by log 2 in either.
    learned("error of the loss", abs(metrics["loss"] - math.log(2)), below=0.03, baseline=math.log(2))
    learned("error of the entropy", abs(metrics["entropy"] - math.log(2)), below=0.03, baseline=math.log(2))


# --- a reward is a function of its row


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("standardised", [False, True])
def test_a_reward_does_not_depend_on_its_neighbours(spectral, standardised, sides, make):
    inner = build(spectral=spectral, replay_size=50, penalty_weight=1.0)
    model = StandardisedReward(inner) if standardised else inner
    model.update(*sides)
    batch = make(20, seed=3)
    together = model.reward(batch)
    assert not together.requires_grad
    alone = torch.cat([model.reward(batch[i : i + 1]) for i in range(20)])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)
    strangers = model.reward(batch.concatenate([make(300, shift=50.0), batch]))[300:]
    torch.testing.assert_close(strangers, together, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("updates", [0, 2])
def test_asking_for_a_reward_changes_nothing(spectral, updates, sides):
    model = build(spectral=spectral)
    for _ in range(updates):
        model.update(*sides)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = model.reward(sides[0])
    for _ in range(5):
        model.reward(sides[1])
    assert torch.equal(model.reward(sides[0]), first)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


# --- each setting has the effect that it claims


def test_spectral_norm_bounds_the_hidden_layers(sides, seed: int, learned: Learned):
    model = build(spectral=True, steps=100, learning_rate=2e-2)
    model.update(*sides)
    for layer in model.discriminator.network[:-1]:
        if isinstance(layer, torch.nn.Linear):
            assert torch.linalg.matrix_norm(layer.weight, 2) < 1.05
    free = build(seed=seed, steps=100, learning_rate=2e-2)
    free.update(*sides)
    norm = torch.linalg.matrix_norm(free.discriminator.network[0].weight, 2)
    learned("norm without", norm, above=1.2, baseline=1.0)


def slope(model, batch):
    rows = model.discriminator.inputs(batch).requires_grad_(True)
    (gradient,) = torch.autograd.grad(model.discriminator.logits_of_inputs(rows).sum(), rows)
    return gradient.norm(dim=1).mean().item()


def test_the_gradient_penalty_holds_the_slope(sides, make, seed: int, learned: Learned):
    between = make(200, seed=5)
    free, one, flat = (
        build(seed=seed, steps=200),
        build(seed=seed, steps=200, penalty_weight=10.0),
        build(seed=seed, steps=200, penalty_weight=50.0, penalty=penalties.real_penalty),
    )
    for model in (free, one, flat):
        model.update(*sides)
    without = slope(free, between)
    learned("slope without a penalty", without, above=1.5, baseline=1.0)
    learned("difference of the slope to 1", abs(slope(one, between) - 1.0), below=0.25, baseline=without - 1)
    learned("slope of a penalty to 0", slope(flat, sides[0]), below=0.4, baseline=slope(free, sides[0]))


def test_the_entropy_bonus_keeps_it_unsure(sides, seed: int, learned: Learned):
    plain, bonus = build(seed=seed, steps=100), build(seed=seed, steps=100, entropy_weight=1.0)
    more = bonus.update(*sides)["entropy"] - plain.update(*sides)["entropy"]
    learned("entropy above that without", more, above=0.05, baseline=0.0)
    ratio = abs(mean_logit(bonus, sides[0])) / abs(mean_logit(plain, sides[0]))
    learned("logit / that without", ratio, below=0.9, baseline=1.0)


def test_weight_decay_shrinks_the_weights(sides, seed: int, learned: Learned):
    plain, decayed = build(seed=seed, steps=100), build(seed=seed, steps=100, weight_decay=5.0)
    for model in (plain, decayed):
        model.update(*sides)
    sizes = [model.discriminator.network[0].weight.norm().item() for model in (plain, decayed)]
    learned("size / that without", sizes[1] / sizes[0], below=0.7, baseline=1.0)


def test_label_smoothing_limits_how_sure_it_is_of_the_expert(make, seed: int, learned: Learned):
    apart = make(256, shift=5.0, seed=1), make(256, shift=-5.0, seed=2)
    plain, smoothed = build(seed=seed, steps=150), build(seed=seed, steps=150, label_smoothing=0.2)
    for model in (plain, smoothed):
        model.update(*apart)
    sure = mean_logit(plain, apart[0])
    learned("logit without", sure, above=4.0, baseline=0.0)
    optimum = math.log(0.8 / 0.2)
    learned("error of the logit", abs(mean_logit(smoothed, apart[0]) - optimum), below=0.25, baseline=sure - optimum)
    # One-sided: the learner's target stays 0.
    learned("logit of the learner", mean_logit(smoothed, apart[1]), below=-3.0, baseline=0.0)


def test_mixup_trains_between_the_sides_and_reports_the_sides(sides, seed: int, learned: Learned):
    seen = []

    def spy(logits, targets):
        seen.append((logits.detach(), targets))
        return losses.cross_entropy_discriminator(logits, targets)

    model = build(seed=seed, loss=spy, mixup=1.0, steps=100)
    metrics = model.update(*sides)
    targets = torch.cat([targets for _, targets in seen])
    assert targets.mean().item() == pytest.approx(0.5, abs=1e-2)
    # Half of the partners are of the other side, and Beta(1, 1) is uniform.
    assert ((targets > 0.05) & (targets < 0.95)).float().mean().item() == pytest.approx(0.45, abs=0.03)
    learned("accuracy of the expert's side", metrics["accuracy_expert"], above=0.8, baseline=0.5)
    learned("accuracy of the learner's side", metrics["accuracy_learner"], above=0.8, baseline=0.5)
    plain = build(seed=seed, steps=100)
    plain.update(*sides)
    learned("slope / that without", slope(model, sides[0]) / slope(plain, sides[0]), below=0.95, baseline=1.0)


def test_mixup_mixes_rows_and_targets_by_the_same_share(make):
    """With a linear critic whose logit is the target itself, a mixed row must give its mixed target."""
    seen = []

    def spy(logits, targets):
        seen.append((logits.detach(), targets))
        return 0.0 * logits.sum()

    torch.manual_seed(0)
    inputs = TransitionInputs("state", Standardise.identity(3), Standardise.identity(2))
    discriminator = Discriminator(inputs, hidden=())
    with torch.no_grad():
        discriminator.network[0].weight.copy_(torch.tensor([[1.0, 0.0, 0.0]]))
    model = AdversarialReward(
        discriminator,
        loss=spy,
        penalty=penalties.real_penalty,
        form=forms.airl,
        training=AdversarialTraining(steps=1, mixup=0.5, penalty_weight=0.0, learning_rate=1e-9),
    )
    expert, learner = make(50).map(torch.ones_like), make(50).map(torch.zeros_like)
    model.update(expert, learner)
    torch.testing.assert_close(*seen[0])


def test_replay_shows_earlier_rollouts_again(make):
    seen = []
    model = build(replay_size=64, steps=4)
    model.discriminator.network.register_forward_pre_hook(lambda _, rows: seen.append(rows[0]))
    expert, old, new = make(64, shift=0.0), make(64, shift=100.0), make(64, shift=-100.0)
    model.update(expert, old)
    seen.clear()
    model.update(expert, new)
    negatives = torch.cat(seen)[:, 0]
    assert (negatives > 50).any()
    assert (negatives < -50).any()
    forgetful, shown = build(steps=4), []
    forgetful.update(expert, old)
    forgetful.discriminator.network.register_forward_pre_hook(lambda _, rows: shown.append(rows[0]))
    forgetful.update(expert, new)
    assert not (torch.cat(shown)[:, 0] > 50).any()


def test_state_dict_and_optimiser_continue_exactly(sides):
    one, other = build(replay_size=100, spectral=True), build(replay_size=100, spectral=True)
    one.update(*sides)
    other.load_state_dict(one.state_dict())
    other.optimizer.load_state_dict(copy.deepcopy(one.optimizer.state_dict()))
    for model in (one, other):
        torch.manual_seed(7)
        model.update(*sides)
    assert torch.equal(one.reward(sides[0]), other.reward(sides[0]))
    assert torch.equal(one.replay.observations, other.replay.observations)
