import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from sklearn import mixture as peer

from genrl.evaluation.toy_distributions import toy_samples
from genrl.evaluation.two_sample import same_distribution
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture
from genrl.protocols import Density, Sampler

TYPES = ["full", "tied", "diag", "spherical"]


def blobs(rows=600, columns=3, clusters=3, seed=0, distance=2.0):
    rng = np.random.default_rng(seed)
    centres = distance * rng.normal(size=(clusters, columns))
    mixing = np.eye(columns) + 0.4 * rng.normal(size=(clusters, columns, columns))
    which = rng.integers(clusters, size=rows)
    return centres[which] + (mixing[which] @ rng.normal(size=(rows, columns, 1)))[..., 0]


def start_for(kind, x, components=3):
    """The same weights, means and precisions for both libraries."""
    eye = np.eye(x.shape[1])
    precisions = {
        "full": np.stack([eye] * components),
        "tied": eye,
        "diag": np.ones((components, x.shape[1])),
        "spherical": np.ones(components),
    }[kind]
    return {
        "weights_init": np.full(components, 1 / components),
        "means_init": x[:components],
        "precisions_init": precisions,
    }


@pytest.fixture(params=TYPES)
def both(request):
    x = blobs()
    settings = {"covariance_type": request.param, "max_iter": 300, "tol": 1e-6, **start_for(request.param, x)}
    oracle = peer.GaussianMixture(3, **settings).fit(x)
    return x, GaussianMixture(3, **settings).fit(x), oracle


def test_same_start_same_end_as_scikit_learn(both):
    x, model, oracle = both
    assert model.lower_bound_ == pytest.approx(oracle.lower_bound_, abs=1e-9)
    assert model.n_iter_ == oracle.n_iter_
    assert model.score_samples(x) == pytest.approx(oracle.score_samples(x), abs=1e-7)
    assert model.weights_.numpy() == pytest.approx(oracle.weights_, abs=1e-7)
    assert model.means_.numpy() == pytest.approx(oracle.means_, abs=1e-6)
    assert model.covariances_.numpy() == pytest.approx(oracle.covariances_, abs=1e-6)
    assert model.precisions_cholesky_.numpy() == pytest.approx(oracle.precisions_cholesky_, abs=1e-6)


def test_responsibilities_and_criteria_equal_scikit_learns(both):
    x, model, oracle = both
    assert model.predict_proba(x).numpy() == pytest.approx(oracle.predict_proba(x), abs=1e-7)
    assert model.predict(x).tolist() == oracle.predict(x).tolist()
    assert model.bic(x) == pytest.approx(oracle.bic(x), rel=1e-9)
    assert model.aic(x) == pytest.approx(oracle.aic(x), rel=1e-9)


@pytest.mark.parametrize("kind", TYPES)
def test_the_likelihood_never_falls(kind):
    x, losses = blobs(distance=1.0), []
    model = GaussianMixture(5, covariance_type=kind, reg_covar=0.0, tol=0.0, max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, progress=lambda epoch: losses.append(epoch.train["loss"]))
    assert len(losses) > 20
    assert losses[0] - losses[-1] > 1e-3
    assert max(after - before for before, after in itertools.pairwise(losses)) < 1e-12


@pytest.mark.parametrize("kind", TYPES)
def test_data_far_from_zero_are_fitted_as_well(kind):
    x = blobs()
    near, far = (
        GaussianMixture(3, **(start_for(kind, data) | {"means_init": data[:3]}), covariance_type=kind).fit(data)
        for data in (x, x + 1e7)
    )
    assert far.score_samples(x + 1e7) == pytest.approx(near.score_samples(x), abs=1e-5)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_clusters_a_million_deviations_apart_keep_their_own_shape(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)) * [1.0, 0.01]
    x[200:] += 1e6
    model = GaussianMixture(2, covariance_type=kind, reg_covar=0.0, random_state=0).fit(x)
    for part in (x[:200], x[200:]):
        number, shape = int(model.predict(part[:1])), np.cov(part.T, bias=True)
        expected = shape if kind == "full" else shape.diagonal()
        assert model.covariances_[number].numpy() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_restarts_keep_the_best():
    x = blobs(clusters=8, distance=4.0)
    settings = {"init_params": "random_from_data", "max_iter": 200}
    alone = [GaussianMixture(8, random_state=seed, **settings).fit(x).lower_bound_ for seed in range(4)]
    together = GaussianMixture(8, random_state=0, n_init=6, **settings).fit(x)
    assert together.lower_bound_ >= alone[0]
    assert together.lower_bound_ > min(alone) + 1e-3
    assert np.mean(together.score_samples(x)) == pytest.approx(together.lower_bound_, abs=1e-2)


def test_a_seed_decides_the_fit_and_none_does_not():
    x = blobs()
    first, second = (GaussianMixture(3, random_state=5).fit(x) for _ in range(2))
    assert first.means_.tolist() == second.means_.tolist()
    settings = {"init_params": "random", "tol": 0.1}
    others = {tuple(GaussianMixture(8, **settings).fit(x).means_[0].tolist()) for _ in range(3)}
    assert len(others) == 3


@pytest.mark.parametrize("kind", TYPES)
def test_samples_have_the_moments_of_the_mixture(kind):
    torch.manual_seed(0)
    model = GaussianMixture(3, covariance_type=kind, random_state=0).fit(blobs())
    drawn = model.sample(40_000).double()
    covariances = model._form.as_matrices(model.covariances_, 3, 3)
    mean = model.weights_ @ model.means_
    offsets = model.means_ - mean
    expected = (model.weights_[:, None, None] * (covariances + offsets[:, :, None] * offsets[:, None, :])).sum(0)
    assert drawn.mean(0).numpy() == pytest.approx(mean.numpy(), abs=0.05)
    assert np.cov(drawn.numpy().T) == pytest.approx(expected.numpy(), abs=0.15)


def test_samples_look_like_the_data_and_not_like_others():
    torch.manual_seed(0)
    x = blobs(1200, distance=5.0)
    model = GaussianMixture(3, random_state=0, n_init=3).fit(x)
    assert same_distribution(model.sample(500), x[:500]) > 0.01
    assert same_distribution(GaussianMixture(1).fit(x).sample(500), x[:500]) < 0.01


def test_one_gaussian_blurs_eight_and_a_mixture_does_not():
    torch.manual_seed(0)
    x, fresh = toy_samples("8gaussians", 2000, 0), toy_samples("8gaussians", 2000, 1)
    one, eight = GaussianMixture(1).fit(x), GaussianMixture(8, random_state=0, n_init=5).fit(x)
    middle = torch.zeros(1, 2)
    # The middle of the ring, where there are no data, is the most probable place of a single Gaussian.
    assert one.log_prob(middle).item() > one.score_samples(fresh).max() - 0.1
    assert eight.log_prob(middle).item() < eight.score_samples(fresh).min()
    assert eight.score_samples(fresh).mean() > one.score_samples(fresh).mean() + 1
    near = [torch.cdist(model.sample(1000), x).min(1).values.median().item() for model in (one, eight)]
    assert near[0] > 4 * near[1]


@pytest.mark.parametrize("kind", TYPES)
def test_the_density_integrates_to_one(kind):
    model = GaussianMixture(3, covariance_type=kind, random_state=0).fit(blobs(columns=2))
    axis = torch.linspace(-15, 15, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    assert model.log_prob(grid).exp().sum().item() * 0.05**2 == pytest.approx(1.0, abs=1e-3)


def test_conditional_form_by_hand_in_two_columns():
    """x given c of a two-dimensional Gaussian (Bishop 2006, equations 2.81 and 2.82)."""
    torch.manual_seed(0)
    c = np.random.default_rng(0).normal(size=(4000, 1))
    x = 2.0 + 1.5 * c + 0.5 * np.random.default_rng(1).normal(size=(4000, 1))
    model = GaussianMixture(1, reg_covar=0.0).fit(x, context=c)
    joint = np.cov(np.concatenate([c, x], 1).T, bias=True)
    slope, variance = joint[0, 1] / joint[0, 0], joint[1, 1] - joint[0, 1] ** 2 / joint[0, 0]
    asked, given = np.array([[1.0], [4.0]]), np.array([[-1.0], [2.0]])
    mean = x.mean() + slope * (given - c.mean())
    expected = -0.5 * ((asked - mean) ** 2 / variance + np.log(2 * np.pi * variance))
    assert model.score_samples(asked, given) == pytest.approx(expected[:, 0], rel=1e-9)
    drawn = model.sample(20_000, torch.from_numpy(given))
    assert drawn.shape == (20_000, 2, 1)
    assert drawn.mean(0).numpy() == pytest.approx(mean, abs=0.02)
    assert drawn.var(0).numpy() == pytest.approx(np.full((2, 1), variance), abs=0.02)


@pytest.mark.parametrize("kind", TYPES)
def test_the_conditional_density_is_joint_over_marginal(kind):
    rows = blobs(columns=4)
    context, x = rows[:, :2], rows[:, 2:]
    joint = GaussianMixture(3, covariance_type=kind, random_state=0).fit(rows)
    given = GaussianMixture(3, covariance_type=kind, random_state=0).fit(x, context=context)
    axis = torch.linspace(-15, 15, 301, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    here = torch.from_numpy(context[:1]).expand(len(grid), 2)
    assert given.log_prob(grid, here).exp().sum().item() * 0.1**2 == pytest.approx(1.0, abs=2e-3)
    both_rows = joint.log_prob(torch.cat([here, grid], 1)) - given.log_prob(grid, here)
    assert both_rows.std().item() < 1e-8  # log p(context), the same for all


def test_conditional_samples_follow_the_component_that_the_context_points_at():
    torch.manual_seed(0)
    y = torch.arange(2).repeat_interleave(300)
    x = torch.randn(600, 2) + 8.0 * y[:, None]
    model = GaussianMixture(2, random_state=0).fit(x, y)
    drawn = model.sample(500, context=[0, 1])
    assert drawn[:, 0].mean().item() == pytest.approx(0.0, abs=0.2)
    assert drawn[:, 1].mean().item() == pytest.approx(8.0, abs=0.2)
    assert same_distribution(drawn[:300, 1], x[300:]) > 0.01


@pytest.mark.parametrize("kind", TYPES)
def test_pairs_of_row_and_component_follow_the_data(kind):
    torch.manual_seed(0)
    x = blobs(1200, distance=5.0)
    model = GaussianMixture(3, covariance_type=kind, random_state=0, n_init=3).fit(x)
    rows, components = model.sample_joint(600)
    assert rows.shape == (600, 3)
    assert same_distribution(rows, x[:600]) > 0.01 or kind != "full"  # the others do not fit these data exactly
    assert (model.predict(rows) == components).float().mean() > 0.95
    shares = torch.bincount(components, minlength=3) / 600
    assert shares.numpy() == pytest.approx(model.weights_.numpy(), abs=0.06)
    assert [len(part) for part in model.sample_joint(0)] == [0, 0]


def test_pairs_of_row_and_context_follow_the_data():
    torch.manual_seed(0)
    rows = blobs(1200, columns=4, distance=5.0)
    context, x = rows[:, :2], rows[:, 2:]
    model = GaussianMixture(3, random_state=0, n_init=3).fit(x, context=context)
    drawn, beside = model.sample_joint(600)
    assert (drawn.shape, beside.shape) == ((600, 2), (600, 2))
    assert same_distribution(torch.cat([beside, drawn], 1), rows[:600]) > 0.01
    assert same_distribution(torch.cat([beside.flip(0), drawn], 1), rows[:600]) < 0.01


@pytest.mark.parametrize("kind", TYPES)
def test_gradient_of_the_density(kind):
    model = GaussianMixture(3, covariance_type=kind, random_state=0).fit(blobs())
    asked = torch.from_numpy(blobs(5, seed=1)).requires_grad_()
    assert torch.autograd.gradcheck(model.log_prob, asked)


@pytest.mark.parametrize("kind", TYPES)
def test_saved_and_loaded_it_says_the_same(tmp_path, kind):
    x = blobs()
    model = GaussianMixture(3, covariance_type=kind, random_state=1, **start_for(kind, x)).fit(x)
    model.save(tmp_path / "model")
    loaded = GenerativeModel.load(tmp_path / "model")
    assert isinstance(loaded, GaussianMixture)
    assert (loaded.lower_bound_, loaded.n_iter_, loaded.converged_) == (model.lower_bound_, model.n_iter_, True)
    assert math.isfinite(loaded.lower_bound_)
    assert loaded.n_iter_ > 0
    assert loaded.hyperparameters() == model.hyperparameters()
    assert loaded.score_samples(x).tolist() == model.score_samples(x).tolist()
    assert loaded.fit(x).means_.tolist() == model.means_.tolist()  # from the same start


def test_abilities_shapes_and_dtypes():
    model = GaussianMixture(2, random_state=0).fit(blobs().astype(np.float32))
    assert isinstance(model, Density)
    assert isinstance(model, Sampler)
    assert model.log_prob(torch.zeros(5, 3)).dtype == torch.float32
    assert model.sample().shape == (3,)
    assert model.sample((2, 4)).shape == (2, 4, 3)
    assert model.sample(0).shape == (0, 3)
    assert model.weights_.sum().item() == pytest.approx(1.0)


def test_a_progress_that_says_no_ends_the_fit():
    model = GaussianMixture(3, random_state=0, tol=0.0).fit(blobs(), progress=lambda epoch: epoch.number < 4)
    assert model.n_iter_ == 4


def test_it_says_so_when_the_iterations_do_not_suffice():
    with pytest.warns(UserWarning, match="raise max_iter or tol"):
        model = GaussianMixture(5, max_iter=2, tol=0.0, random_state=0).fit(blobs(distance=0.5))
    assert not model.converged_


def test_more_components_than_clusters_of_equal_rows_are_no_error():
    x = np.repeat([[0.0, 1.0], [5.0, 5.0]], 20, axis=0)
    model = GaussianMixture(4, random_state=0).fit(x)
    assert math.isfinite(model.lower_bound_)
