from copy import deepcopy

import pytest
import torch
from learned import Learned
from torch import nn

from genrl.autoencoders import VAE
from genrl.autoregressive import PixelCNN, Recurrent, SequenceModel
from genrl.bayes import BayesClassifier
from genrl.discretised import Discretised
from genrl.errors import InputError, NotFiniteError
from genrl.flows import RealNVP
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture
from genrl.nn import Standardise
from genrl.protocols import RewardModel, TakesStandardisers, UnscaledReward
from genrl.rewards import DensityRatioReward, DensityReward, DensityTraining
from genrl.training.gradient_fitting import GradientFitting


class Gaussian(GenerativeModel):
    """A Gaussian with independent columns, learned by its gradient."""

    log_prob_kind = "exact"

    def _build(self, event_shape, context_features):
        self.mean = nn.Parameter(torch.zeros(event_shape))
        self.log_std = nn.Parameter(torch.zeros(event_shape))

    def log_prob(self, x, context=None):
        return torch.distributions.Normal(self.mean, self.log_std.exp()).log_prob(x).sum(1)

    def loss(self, x, context=None):
        return {"loss": -self.log_prob(x).mean()}


class Implicit(GenerativeModel):
    """Samples, and knows no density."""

    def sample(self, sample_shape=(), context=None):
        return torch.zeros(*sample_shape, 1)


QUICK = DensityTraining(learning_rate=0.05, first_steps=300, noise=0.0)


def attached(model):
    model.take_standardisers(Standardise.identity(3), Standardise.identity(2))
    return model


def ratio(density, **options):
    return attached(DensityRatioReward(expert=density(), learner=density(), training=QUICK, **options))


@pytest.mark.parametrize("density", [Gaussian, GaussianMixture])
def test_the_ratio_is_that_of_the_two_gaussians(make, density, seed: int, learned: Learned):
    """Of N(1, 1) against N(0, 1) in three columns: log p / q = x - 1/2 for each; the actions are alike."""
    model = ratio(density)
    expert, learner = make(4000, shift=1.0), make(4000, seed=1)
    for _ in range(60 if density is Gaussian else 1):
        metrics = model.update(expert, learner)
    rows = make(100, seed=2)
    expected = (rows.observations - 0.5).sum(1)
    learned("error", (model.reward(rows) - expected).abs().mean(), below=0.35, baseline=expected.abs().mean())
    learned("error of the expert's logit", abs(metrics["logit_expert"] - 1.5), below=0.4, baseline=1.5)
    learned("error of the learner's logit", abs(metrics["logit_learner"] + 1.5), below=0.4, baseline=1.5)


@pytest.mark.parametrize("density", [Gaussian, GaussianMixture])
def test_the_learners_density_follows_and_the_experts_stays(make, density, seed: int, learned: Learned):
    model = ratio(density)
    model.update(make(500, shift=1.0), make(500, seed=1))
    before = {name: tensor.clone() for name, tensor in model.expert.state_dict().items()}
    for _ in range(30):
        model.update(make(500, shift=5.0), make(500, shift=3.0))
    for name, tensor in model.expert.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    near, far = make(200, shift=3.0, seed=4), make(200, shift=0.0, seed=4)
    near, far = (model.learner.log_prob(model.inputs(rows)).mean() for rows in (near, far))
    learned("difference of log densities", near - far, above=2.0, baseline=-13.5)  # before: 3 columns, 3^2 / 2 each


@pytest.mark.parametrize("density", [Gaussian, GaussianMixture])
def test_a_density_alone_never_changes_after_its_fit(make, density, seed: int, learned: Learned):
    model = attached(DensityReward(density(), training=QUICK))
    expert = make(1000, shift=2.0)
    assert set(model.update(expert, make(10))) == {"nll_expert"}
    rows = make(50)
    before = model.reward(rows)
    assert model.update(make(1000, shift=-9.0), make(10)) == {}
    assert torch.equal(model.reward(rows), before)
    more = model.reward(make(500, shift=2.0, seed=3)).mean() - model.reward(make(500, seed=3)).mean()
    learned("reward of the expert above the others'", more, above=3.0, baseline=0.0)


@pytest.mark.parametrize("kind", ["ratio", "alone"])
def test_what_they_are(kind):
    model = ratio(Gaussian) if kind == "ratio" else attached(DensityReward(Gaussian()))
    assert isinstance(model, RewardModel)
    assert isinstance(model, UnscaledReward)
    assert isinstance(model, TakesStandardisers)


def test_a_reward_is_a_function_of_its_row(make):
    model = ratio(GaussianMixture)
    model.update(make(300, shift=1.0), make(300))
    rows = make(20)
    torch.testing.assert_close(model.reward(rows)[:5], model.reward(rows[:5]))


def test_one_impossible_row_has_a_finite_reward(make):
    model = ratio(GaussianMixture)
    model.update(make(300), make(300, seed=1))
    rows = make(4)
    rows.observations[0] = 1e6
    rewards = model.reward(rows)
    assert torch.isfinite(rewards).all()
    assert rewards.abs().max() <= QUICK.limit * 5


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_leaves_the_weights_and_ends_the_update(make, bad):
    model = ratio(Gaussian)
    model.update(make(300, shift=1.0), make(300))
    density, good_loss = model.learner.density, Gaussian.loss
    before = {name: tensor.clone() for name, tensor in density.state_dict().items()}
    density.loss = lambda x, context=None: {"loss": good_loss(density, x)["loss"] * bad}
    with pytest.raises(NotFiniteError, match="the loss of the density Gaussian is not finite in gradient step 1 of 8"):
        model.update(make(300, shift=1.0), make(300))
    assert all(torch.equal(tensor, before[name]) for name, tensor in density.state_dict().items())
    calls = []

    def once(x, context=None):
        calls.append(len(x))
        return {"loss": good_loss(density, x)["loss"] * (bad if len(calls) == 3 else 1.0)}

    density.loss = once
    with pytest.raises(NotFiniteError, match="gradient step 3 of 8"):
        model.update(make(300, shift=1.0), make(300))
    assert not density.training
    assert not torch.equal(density.mean, before["mean"])
    assert torch.isfinite(model.reward(make(20))).all()
    assert model.reward(make(20)).std() > 0  # not the floor for everything


def test_disjoint_supports_have_a_ratio_that_is_finite_and_held(make):
    """Where the learner never was, log p_learner is at its limit: without one the ratio would have no bound."""
    model = attached(DensityRatioReward(expert=GaussianMixture(), learner=GaussianMixture(), training=QUICK))
    expert, learner = make(300, shift=1e4), make(300, seed=1)
    metrics = model.update(expert, learner)
    lowest = -QUICK.limit * 5
    assert model.expert.log_prob(model.inputs(learner)).unique().tolist() == [lowest]
    assert model.learner.log_prob(model.inputs(expert)).unique().tolist() == [lowest]
    assert metrics["logit_expert"] == pytest.approx(-metrics["logit_learner"], abs=1.0)
    assert 400 < metrics["logit_expert"] < 500


def test_noise_keeps_the_density_of_constant_rows_bounded(make):
    still = make(300)
    still.actions.zero_()
    noisy = DensityReward(GaussianMixture(), training=DensityTraining(noise=0.1))
    assert attached(noisy).update(still, still)["nll_expert"] > 0


def test_states_alone(make):
    model = attached(DensityReward(GaussianMixture(), parts="state"))
    model.update(make(300), make(10))
    rows, others = make(20), make(20)
    others.actions.add_(5.0)
    torch.testing.assert_close(model.reward(rows), model.reward(others))


def test_a_saved_one_pays_the_same_and_goes_on_learning_the_same(make):
    whole = ratio(Gaussian)
    for _ in range(2):
        whole.update(make(300, shift=1.0), make(300))
    resumed = ratio(Gaussian)
    resumed.load_state_dict(whole.state_dict())
    for one, other in ((whole.expert, resumed.expert), (whole.learner, resumed.learner)):
        other.optimizer.load_state_dict(deepcopy(one.optimizer.state_dict()))
    for model in (whole, resumed):
        torch.manual_seed(5)
        model.update(make(300, shift=9.0), make(300))
    assert torch.equal(whole.reward(make(10)), resumed.reward(make(10)))


def test_what_cannot_work_is_refused_when_it_is_built(make):
    with pytest.raises(InputError, match=r"Implicit has no density.*genrl\.flows"):
        DensityReward(Implicit())
    one = Gaussian()
    with pytest.raises(InputError, match=r"SequenceModel is of integers.*Discretised"):
        DensityReward(SequenceModel(levels=4))
    with pytest.raises(InputError, match="two models"):
        DensityRatioReward(expert=one, learner=one)
    with pytest.raises(InputError, match="no units yet"):
        DensityReward(Gaussian()).reward(make(3))
    with pytest.raises(InputError, match="5 columns"):
        attached(DensityReward(GaussianMixture().fit(torch.randn(50, 4))))
    with pytest.raises(InputError, match="1 or more"):
        DensityTraining(steps=0)
    with pytest.raises(InputError, match="above 0"):
        DensityTraining(learning_rate=0.0)


def rewards_of(density):
    """The three roles, each about to be built with such a density."""
    return {
        "alone": lambda: DensityReward(density()),
        "the expert's": lambda: DensityRatioReward(expert=density(), learner=Gaussian()),
        "the learner's": lambda: DensityRatioReward(expert=Gaussian(), learner=density()),
    }


@pytest.mark.parametrize("role", rewards_of(Gaussian))
def test_a_model_that_needs_labels_or_a_context_is_refused_when_it_is_built(role):
    with pytest.raises(InputError, match=r"needs classes.*ClassifierReward.*genrl\.mixtures or genrl\.flows"):
        rewards_of(BayesClassifier)[role]()
    labelled = GaussianMixture().fit(torch.randn(20, 5), torch.arange(20) % 2)
    with pytest.raises(InputError, match=r"made with a context.*genrl\.flows"):
        rewards_of(lambda: labelled)[role]()


def test_a_trial_leaves_the_model_and_the_random_state():
    state, model = torch.get_rng_state(), RealNVP()
    DensityReward(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.event_shape is None


def test_the_bound_of_a_vae_pays_the_expert_and_is_a_function_of_the_row(make, seed: int, learned: Learned):
    """It is an average over draws of the code, which are the same every time."""
    torch.manual_seed(seed)
    model = attached(DensityReward(VAE(latents=2, hidden=(16,)), training=QUICK))
    model.update(make(1000, shift=2.0), make(50))
    expert, learner = make(60, shift=2.0, seed=4), make(60, shift=-2.0, seed=5)
    more = model.reward(expert).mean() - model.reward(learner).mean()
    learned("logarithm of the difference of rewards", more.asinh(), above=1.5, baseline=0.0)
    state = torch.get_rng_state()
    together = model.reward(expert)
    assert torch.equal(model.reward(expert), together)
    alone = torch.cat([model.reward(expert[row : row + 1]) for row in range(60)])
    torch.testing.assert_close(alone, together, atol=1e-4, rtol=1e-4)
    assert torch.equal(torch.get_rng_state(), state)  # what a learner draws does not depend on who was paid


BRIEF = GradientFitting(updates=80, batch_size=128, learning_rate=0.02)
BINNED = {
    "sequence": lambda: Discretised(SequenceModel(core=Recurrent(width=16), levels=8, fitting=BRIEF), bins=8),
    "pixels": lambda: Discretised(
        PixelCNN(width=16, blocks=1, kernel=3, levels=8, fitting=BRIEF), bins=8, as_image=True
    ),
}


@pytest.mark.parametrize("name", BINNED)
def test_bins_at_the_experts_quantiles_pay_the_expert_and_never_change(make, name, seed: int, learned: Learned):
    torch.manual_seed(seed)
    model = attached(DensityReward(BINNED[name]()))
    expert = make(1000, shift=2.0)
    assert set(model.update(expert, make(10))) == {"nll_expert"}
    learner = make(60, shift=-2.0, seed=5)
    before = model.reward(learner)
    assert model.update(make(100, shift=-9.0), make(10)) == {}
    assert torch.equal(model.reward(learner), before)
    more = model.reward(make(60, shift=2.0, seed=4)).mean() - before.mean()
    learned("reward of the expert above the learner's", more, above=1.5, baseline=0.0)
    alone = torch.cat([model.reward(learner[row : row + 1]) for row in range(60)])
    torch.testing.assert_close(alone, before, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("name", BINNED)
def test_saved_bins_pay_the_same(make, name):
    torch.manual_seed(0)
    whole, resumed = attached(DensityReward(BINNED[name]())), attached(DensityReward(BINNED[name]()))
    whole.update(make(500, shift=1.0), make(10))
    resumed.load_state_dict(whole.state_dict())
    assert torch.equal(whole.reward(make(30)), resumed.reward(make(30)))
    assert resumed.update(make(500), make(10)) == {}
