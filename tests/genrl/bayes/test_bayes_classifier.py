import math

import numpy as np
import pytest
import torch
from learned import Learned
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB

from genrl.bayes import BayesClassifier, GaussianConditional, OnePerClass
from genrl.errors import InputError
from genrl.evaluation import sliced_wasserstein
from genrl.flows import RealNVP
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture, VariationalGaussianMixture
from genrl.training.gradient_fitting import GradientFitting


class OnlyASampler(GenerativeModel):
    def sample(self, sample_shape=(), context=None):
        return torch.zeros(*sample_shape, 1)


class OnlyADensity(GenerativeModel):
    log_prob_kind = "exact"

    def log_prob(self, x, context=None):
        return torch.zeros(len(x))


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:1200], order[1200:]
    return x[train], y[train], x[test], y[test]


def two_clusters(rows=1000, seed=0):
    """Class 3 in a ring of two clusters, class 7, a third of the rows, between them."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.rand(rows, generator=generator) < 1 / 3).long()
    side = torch.randint(2, (rows,), generator=generator) * 2 - 1
    noise = 0.5 * torch.randn(rows, 2, generator=generator)
    return noise + torch.where(y == 0, 3.0 * side, 0 * side)[:, None], 3 + 4 * y


def small_flow(**settings):
    return RealNVP(transforms=2, hidden=[16], fitting=GradientFitting(learning_rate=0.01, validation=0, **settings))


def joint_nll(classifier, x, y):
    return -classifier.joint_log_prob(torch.as_tensor(x), y).mean().item()


def accuracy(classifier, x, y):
    return (classifier.predict(x).numpy() == y).mean()


def test_posterior_by_hand_in_one_column():
    classifier = BayesClassifier(GaussianConditional(reg_covar=0.0), priors=[0.25, 0.75])
    classifier.fit([[-1.0], [1.0], [3.0], [7.0]], [0, 0, 1, 1])
    x = np.array([[0.5], [3.0]])
    joint = np.array([0.25, 0.75]) * np.concatenate([norm(0, 1).pdf(x), norm(5, 2).pdf(x)], 1)
    asked = torch.from_numpy(x)
    assert classifier.predict_proba(x).numpy() == pytest.approx(joint / joint.sum(1, keepdims=True), rel=1e-9)
    assert classifier.log_prob(asked).numpy() == pytest.approx(np.log(joint.sum(1)), rel=1e-9)
    assert classifier.joint_log_prob(asked, [1, 0]).numpy() == pytest.approx(np.log(joint[[0, 1], [1, 0]]), rel=1e-9)
    assert classifier.score_samples(x).tolist() == classifier.log_prob(asked).tolist()
    given_class = classifier.log_prob(asked, torch.tensor([0, 1]))
    assert given_class.numpy() == pytest.approx([norm(0, 1).logpdf(0.5), norm(5, 2).logpdf(3.0)], rel=1e-9)


def test_priors_are_the_classes_shares_of_the_rows():
    classifier = BayesClassifier().fit([[0.0], [1.0], [2.0], [9.0]], [5, 5, 5, 2])
    assert classifier.classes == (2, 5)
    assert classifier.priors_.tolist() == [0.25, 0.75]


def test_diagonal_equals_scikit_learns_naive_bayes_on_digits(digits):
    x, y, x_test, y_test = digits
    oracle = GaussianNB(var_smoothing=1e-2).fit(x, y)
    conditional = GaussianConditional(covariance_type="diag", reg_covar=oracle.epsilon_)
    classifier = BayesClassifier(conditional).fit(x, y)
    joint = oracle.predict_joint_log_proba(x_test)[np.arange(len(y_test)), y_test]
    assert classifier.joint_log_prob(torch.tensor(x_test), y_test).numpy() == pytest.approx(joint, rel=1e-9)
    assert classifier.predict(x_test).tolist() == oracle.predict(x_test).tolist()


def dequantised(x, seed):
    """Grey levels with the noise that makes them numbers of a density, and no column constant."""
    return x + np.random.default_rng(seed).random(x.shape)


def test_full_is_no_worse_than_scikit_learns_quadratic_discriminants_on_digits(digits):
    x, y, x_test, y_test = digits
    x, x_test = dequantised(x, 0), dequantised(x_test, 1)
    oracle = QuadraticDiscriminantAnalysis(reg_param=0.0, store_covariance=True).fit(x, y)
    classifier = BayesClassifier(GaussianConditional(reg_covar=0.0)).fit(x, y)
    assert classifier.likelihood.covariances_.numpy() == pytest.approx(np.stack(oracle.covariance_), rel=1e-6)
    constant = x.shape[1] / 2 * math.log(2 * math.pi)  # its decision function leaves it out
    oracle_nll = constant - oracle.decision_function(x_test)[np.arange(len(y_test)), y_test].mean()
    assert joint_nll(classifier, x_test, y_test) <= oracle_nll + 1e-6
    assert accuracy(classifier, x_test, y_test) >= oracle.score(x_test, y_test)


def test_diagonal_is_no_worse_than_scikit_learns_naive_bayes_on_digits(digits):
    x, y, x_test, y_test = digits
    x, x_test = dequantised(x, 0), dequantised(x_test, 1)
    oracle = GaussianNB(var_smoothing=0.0).fit(x, y)
    classifier = BayesClassifier(GaussianConditional(covariance_type="diag", reg_covar=0.0)).fit(x, y)
    assert classifier.likelihood.covariances_.numpy() == pytest.approx(oracle.var_, rel=1e-6)
    oracle_nll = -oracle.predict_joint_log_proba(x_test)[np.arange(len(y_test)), y_test].mean()
    assert joint_nll(classifier, x_test, y_test) <= oracle_nll + 1e-6
    assert accuracy(classifier, x_test, y_test) >= oracle.score(x_test, y_test)


def test_tied_equals_scikit_learns_linear_discriminants_on_digits(digits):
    x, y, x_test, _ = digits
    x, x_test = x[:, x.std(0) > 1], x_test[:, x.std(0) > 1]
    oracle = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y)
    classifier = BayesClassifier(GaussianConditional(covariance_type="tied", reg_covar=0.0)).fit(x, y)
    assert classifier.predict_proba(x_test).numpy() == pytest.approx(oracle.predict_proba(x_test), abs=1e-8)


def test_a_mixture_for_each_class_fits_what_a_gaussian_cannot(seed: int, learned: Learned):
    x, y = two_clusters(seed=seed)
    x_test, y_test = two_clusters(seed=99)
    gaussian = BayesClassifier(GaussianConditional(covariance_type="tied")).fit(x, y)
    mixture = BayesClassifier(GaussianMixture(2, random_state=seed)).fit(x, y)
    of_gaussian = accuracy(gaussian, x_test, y_test.numpy())
    learned("accuracy of a Gaussian", of_gaussian, below=0.9, baseline=1.0)
    learned("accuracy of a mixture", accuracy(mixture, x_test, y_test.numpy()), above=0.97, baseline=of_gaussian)
    more = joint_nll(gaussian, x_test, y_test) - joint_nll(mixture, x_test, y_test)
    learned("log-likelihood above that of a Gaussian", more, above=0.5, baseline=0.0)


def test_one_gaussian_component_each_equals_the_gaussian_conditional():
    x, y = two_clusters()
    one = BayesClassifier(GaussianMixture(1)).fit(x, y)
    own = BayesClassifier(GaussianConditional()).fit(x, y)
    torch.testing.assert_close(one.log_posterior(x), own.log_posterior(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "conditional",
    [GaussianConditional(), GaussianMixture(1), small_flow(updates=120)],
    ids=["together", "one per class", "flow"],
)
def test_both_ways_of_sampling_follow_the_data(conditional, seed: int, learned: Learned):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(99 + seed)
    y = (torch.rand(2000, generator=generator) < 0.3).long()
    x = torch.randn(2000, 2, generator=generator) * (1.0 + y[:, None]) + 2.0 * y[:, None]
    classifier = BayesClassifier(conditional).fit(x, y)
    given_class = classifier.sample(300, context=[1])
    assert given_class.shape == (300, 1, 2)
    to_other = sliced_wasserstein(given_class[:, 0], x[y == 0])
    learned("distance to the class", sliced_wasserstein(given_class[:, 0], x[y == 1]), below=0.5, baseline=to_other)
    rows, labels = classifier.sample_joint(500)
    drawn, seen = (torch.cat([a, 2.0 * b[:, None]], 1) for a, b in ((rows, labels), (x, y)))
    shuffled = torch.cat([rows, 2.0 * labels[torch.randperm(500), None]], 1)
    of_shuffled = sliced_wasserstein(shuffled, seen)  # the pairs belong together
    learned("distance of pairs", sliced_wasserstein(drawn, seen), below=0.25, baseline=of_shuffled)
    learned("distance of rows", sliced_wasserstein(classifier.sample(400), x), below=0.3, baseline=1.0)


def test_sample_shapes_and_labels():
    classifier = BayesClassifier(GaussianMixture(1)).fit(*two_clusters())
    assert classifier.sample((2, 3)).shape == (2, 3, 2)
    assert classifier.sample().shape == (2,)
    assert classifier.sample((4, 2), context=[7, 3, 7]).shape == (4, 2, 3, 2)
    rows, labels = classifier.sample_joint(50)
    assert rows.shape == (50, 2)
    assert set(labels.tolist()) == {3, 7}


@pytest.mark.parametrize("kind", ["full", "diag", "tied"])
def test_partial_fit_equals_fit(kind, digits):
    x, y, x_test, _ = digits
    conditional = GaussianConditional(covariance_type=kind, reg_covar=0.1)
    whole, parts = BayesClassifier(conditional).fit(x, y), BayesClassifier(conditional)
    order = np.argsort(y, kind="stable")  # whole classes are missing from most parts
    for part in np.array_split(order, 7):
        parts.partial_fit(x[part], y[part], classes=range(10))
    torch.testing.assert_close(parts.predict_proba(x_test), whole.predict_proba(x_test), rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(parts.priors_, whole.priors_)


def test_a_class_not_seen_yet_is_impossible():
    x, y = two_clusters(100)
    for conditional in (GaussianConditional(), VariationalGaussianMixture(2, random_state=0)):
        classifier = BayesClassifier(conditional).partial_fit(x[y == 3], y[y == 3], classes=[3, 7])
        assert classifier.predict_proba(x)[:, 1].tolist() == [0.0] * 100
        assert torch.isfinite(classifier.log_prob(x)).all()


def test_a_stop_leaves_the_later_classes_out():
    told = []
    classifier = BayesClassifier(small_flow(updates=40))
    x, y = two_clusters()
    with pytest.warns(UserWarning, match="stopped before 1 of 2 classes"):
        classifier.fit(x, y, progress=lambda epoch: told.append(epoch.number) or len(told) < 2)
    assert told == [1, 2]
    assert classifier.predict(x).unique().tolist() == [3]
    assert set(classifier.sample_joint(50)[1].tolist()) == {3}
    with pytest.raises(InputError, match=r"nothing was learned of the classes in columns \[1\]"):
        classifier.sample(2, context=[7])


def test_a_fit_that_is_not_stopped_tells_of_all_classes_in_a_row():
    told = []
    BayesClassifier(small_flow(updates=8)).fit(*two_clusters(), progress=lambda epoch: told.append(epoch.number))
    assert told == list(range(1, len(told) + 1))
    assert len(told) >= 2


def test_a_stream_into_any_model_that_can(seed: int, learned: Learned):
    x, y = two_clusters(seed=seed)
    classifier = BayesClassifier(VariationalGaussianMixture(4, random_state=seed))
    for start in range(0, 1000, 250):
        classifier.partial_fit(x[start : start + 250], y[start : start + 250])
    right = accuracy(classifier, *(part.numpy() for part in two_clusters(seed=99)))
    learned("accuracy", right, above=0.97, baseline=2 / 3)
    with pytest.raises(InputError, match="GaussianMixture has no partial_fit"):
        BayesClassifier(GaussianMixture(2)).partial_fit(x, y)


@pytest.mark.parametrize(
    "conditional",
    [
        None,
        GaussianConditional(covariance_type="tied"),
        GaussianMixture(2, random_state=0),
        VariationalGaussianMixture(3, random_state=0),
        small_flow(updates=20),
    ],
    ids=lambda conditional: type(conditional).__name__,
)
def test_saved_and_loaded_it_says_the_same(tmp_path, conditional):
    x, y = two_clusters()
    classifier = BayesClassifier(conditional, priors=[0.5, 0.5]).fit(x, y)
    classifier.save(tmp_path / "model")
    loaded = GenerativeModel.load(tmp_path / "model")
    assert isinstance(loaded, BayesClassifier)
    assert loaded.classes == (3, 7)
    assert loaded.priors == [0.5, 0.5]
    torch.testing.assert_close(loaded.log_posterior(x), classifier.log_posterior(x), rtol=0, atol=0)
    assert loaded.predict(x).tolist() == classifier.predict(x).tolist()


def test_the_prototype_stays_as_it_is_and_fits_start_afresh():
    prototype = GaussianMixture(1)
    classifier = BayesClassifier(prototype).fit(*two_clusters())
    assert prototype.event_shape is None
    assert isinstance(classifier.likelihood, OnePerClass)
    again = classifier.fit(torch.randn(20, 5), torch.arange(20) % 4)
    assert again.event_shape == (5,)
    assert again.classes == (0, 1, 2, 3)


def test_refitting_to_few_rows_with_constant_columns_stays_finite():
    generator = torch.Generator().manual_seed(0)
    expert, learner = torch.randn(2, 200, 35, generator=generator)
    expert[:, 4], learner[:, 4], learner[:, 9] = 1.0, 1.0, 0.0
    x, y = torch.cat([expert, learner + 0.2]), torch.arange(2).repeat_interleave(200)
    classifier = BayesClassifier().fit(x, y)
    assert torch.isfinite(classifier.log_prob(x)).all()
    assert torch.isfinite(classifier.log_posterior(x[:200])[:, 0]).all()
    assert accuracy(classifier, x, y.numpy()) > 0.95


def test_posterior_can_be_differentiated():
    x, y = two_clusters(50)
    classifier = BayesClassifier(GaussianConditional()).fit(x.double(), y)
    assert torch.autograd.gradcheck(classifier.log_posterior, x[:4].double().requires_grad_())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, y: BayesClassifier(OnlyASampler()), "must be a Density, and OnlyASampler has no log_prob"),
        (lambda x, y: BayesClassifier(OnlyADensity()), "must be a Sampler, and OnlyADensity has no sample"),
        (lambda x, y: BayesClassifier(torch.nn.Linear(1, 1)), "must be a GenerativeModel"),
        (lambda x, y: BayesClassifier(priors=[0.5, 0.6]), "sum to 1"),
        (lambda x, y: BayesClassifier(priors=[-0.5, 1.5]), "probabilities"),
        (lambda x, y: BayesClassifier(priors=[0.5, 0.25, 0.25]).fit(x, y), "3 probabilities for 2 classes"),
        (lambda x, y: BayesClassifier().fit(x), "labels"),
        (lambda x, y: BayesClassifier().fit(x, context=x), "labels"),
        (lambda x, y: BayesClassifier().fit(x, y[:5]), "one label for each"),
        (lambda x, y: BayesClassifier().fit(x, y).joint_log_prob(x, y + 1), r"labels \[4, 8\]"),
        (lambda x, y: BayesClassifier().fit(x, y).predict(x[:, :1]), "must have the shape"),
        (lambda x, y: BayesClassifier().predict(x), "call fit first"),
        (lambda x, y: BayesClassifier().sample_joint(3), "call fit first"),
        (lambda x, y: OnePerClass(GaussianConditional()).fit(x), "needs classes"),
        (lambda x, y: BayesClassifier().partial_fit(x, y, classes=[3]), r"labels \[7\]"),
        (lambda x, y: BayesClassifier(GaussianMixture(3)).fit(x[:3], y[:3]), "fewer than the 3 components"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call(*two_clusters())
