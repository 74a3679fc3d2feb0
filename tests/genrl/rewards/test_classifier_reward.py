from copy import deepcopy

import pytest
import torch

from genrl.bayes import BayesClassifier, GaussianConditional
from genrl.errors import InputError
from genrl.mixtures import GaussianMixture
from genrl.nn import Standardise
from genrl.protocols import Classifier, RewardModel, TakesStandardisers, UnscaledReward
from genrl.rewards import ClassifierReward, DensityTraining

EXACT = DensityTraining(noise=0.0, fitted_rows=4000)


def model_of(conditional=None, training=EXACT):
    model = ClassifierReward(BayesClassifier(conditional), training=training)
    model.take_standardisers(Standardise.identity(3), Standardise.identity(2))
    return model


def test_the_logit_is_that_of_the_two_gaussians(make):
    """Of N(1, 1) against N(0, 1) in three columns: x - 1/2 for each; the actions are alike."""
    model = model_of(GaussianConditional(covariance_type="tied"))
    metrics = model.update(make(4000, shift=1.0), make(4000, seed=1))
    rows = make(100, seed=2)
    torch.testing.assert_close(model.reward(rows), (rows.observations - 0.5).sum(1), rtol=0.0, atol=0.5)
    assert metrics["logit_expert"] == pytest.approx(1.5, abs=0.15)
    assert metrics["logit_learner"] == pytest.approx(-1.5, abs=0.15)
    # Phi(sqrt(3) / 2)
    assert metrics["accuracy_expert"] == pytest.approx(0.807, abs=0.03)


def test_it_forgets_where_the_learner_was(make):
    model = model_of()
    model.update(make(500), make(500, shift=5.0))
    assert model.reward(make(100, shift=5.0)).mean() < -5
    model.update(make(500), make(500, shift=-5.0))
    assert model.reward(make(100, shift=-5.0)).mean() < -5


def test_what_it_is(make):
    model = model_of()
    for protocol in (RewardModel, UnscaledReward, TakesStandardisers):
        assert isinstance(model, protocol)
    assert isinstance(model.classifier, Classifier)
    with pytest.raises(InputError, match="BayesClassifier"):
        ClassifierReward(GaussianMixture())
    with pytest.raises(InputError, match="no units yet"):
        ClassifierReward(BayesClassifier()).reward(make(3))


def test_a_constant_column_and_an_impossible_row(make):
    model = model_of()
    expert, learner = make(300), make(300, shift=1.0)
    for side in (expert, learner):
        side.actions[:, 0] = 0.5
    model.update(expert, learner)
    far = make(3)
    far.observations[0] = 1e8
    assert torch.isfinite(model.reward(far)).all()


def test_a_saved_one_pays_the_same(make):
    model = model_of()
    model.update(make(300), make(300, shift=1.0))
    again = model_of()
    again.load_state_dict(deepcopy(model.state_dict()))
    rows = make(20)
    assert torch.equal(model.reward(rows), again.reward(rows))
