import math
import warnings

import numpy as np
import pytest
import torch

from genrl.errors import InputError
from genrl.evaluation.toy_distributions import toy_samples
from genrl.evaluation.two_sample import same_distribution
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture, VariationalGaussianMixture
from genrl.protocols import Density, Sampler

KINDS = ["full", "diag"]
WEIGHTS = ["dirichlet_process", "dirichlet_distribution"]


def blobs(rows=600, columns=2, seed=0, clusters=3, distance=6.0):
    generator = torch.Generator().manual_seed(seed)
    centres = distance * torch.stack([torch.full((columns,), float(k)) * (-1) ** k for k in range(clusters)])
    return centres[torch.arange(rows) % clusters] + torch.randn(rows, columns, generator=generator)


def ring(rows=1500, seed=0):
    return toy_samples("8gaussians", rows, seed)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_it_keeps_eight_of_twenty_components_on_eight_gaussians(weights):
    for seed in range(2):
        model = VariationalGaussianMixture(20, random_state=seed, weight_concentration_prior_type=weights)
        assert model.fit(ring(seed=seed)).n_effective_ == 8
        assert model.weights_.sort(descending=True).values[:8].sum() > 0.99


@pytest.mark.filterwarnings("ignore:the bound did not settle")
@pytest.mark.parametrize("kind", KINDS)
def test_clusters_that_touch_are_counted_where_plain_iterations_see_more(kind):
    x = blobs(1500, distance=3.5)
    joined, plain = (
        VariationalGaussianMixture(12, covariance_type=kind, random_state=0, merge_attempts=attempts).fit(x)
        for attempts in (10, 0)
    )
    assert joined.n_effective_ == 3
    assert plain.n_effective_ > 3
    assert joined.lower_bound_ > plain.lower_bound_


def test_one_gaussian_is_one_component():
    x = torch.randn(800, 3, generator=torch.Generator().manual_seed(0))
    assert VariationalGaussianMixture(10, random_state=0).fit(x).n_effective_ == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_stream_is_as_good_as_all_rows_at_once(kind, weights):
    x, fresh = ring(4000), ring(2000, seed=1)
    settings = {"covariance_type": kind, "weight_concentration_prior_type": weights, "random_state": 0}
    whole = VariationalGaussianMixture(20, **settings).fit(x)
    stream = VariationalGaussianMixture(20, **settings)
    for part in x.split(400):
        stream.partial_fit(part)
    assert stream.counts_.sum().item() == pytest.approx(4000)
    assert stream.n_effective_ == 8
    together = float(whole.score_samples(fresh).mean())
    assert float(stream.score_samples(fresh).mean()) == pytest.approx(together, rel=0.01)


def test_a_stream_finds_a_cluster_that_comes_late():
    model = VariationalGaussianMixture(8, random_state=0).partial_fit(blobs(clusters=2))
    assert model.n_effective_ == 2
    model.partial_fit(torch.randn(300, 2, generator=torch.Generator().manual_seed(1)) + 30.0)
    assert model.n_effective_ == 3
    assert model.score_samples([[30.0, 30.0]])[0] > -6


def test_the_divergence_grows_with_the_data_and_is_zero_without():
    few, many = (VariationalGaussianMixture(3, random_state=0).fit(blobs(rows)) for rows in (60, 600))
    assert 0 < few.kl_ < many.kl_
    # Each row is worth less than its whole information: parameters take only logarithms of the rows.
    assert many.kl_ < 600


def test_the_bound_is_below_the_likelihood_of_the_rows():
    model = VariationalGaussianMixture(5, random_state=0).fit(blobs())
    assert model.lower_bound_ < model.score_samples(blobs()).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_the_predictive_density_integrates_to_one(kind):
    model = VariationalGaussianMixture(3, covariance_type=kind, random_state=0).fit(blobs(100, 1))
    grid = torch.linspace(-400, 400, 800_001, dtype=torch.float64)[:, None]
    assert model.log_prob(grid).exp().sum().item() * 0.001 == pytest.approx(1.0, abs=1e-3)


def test_with_many_rows_it_predicts_what_the_most_likely_mixture_does():
    x = blobs(6000)
    variational = VariationalGaussianMixture(3, random_state=0).fit(x)
    likely = GaussianMixture(3, random_state=0).fit(x)
    scores = [model.score_samples(blobs(seed=1)).mean() for model in (variational, likely)]
    assert scores[0] == pytest.approx(scores[1], abs=0.03)


def test_with_few_rows_it_is_less_sure_than_the_most_likely_mixture():
    x, far = blobs(12, clusters=1), torch.tensor([[6.0, 6.0]])
    variational = VariationalGaussianMixture(1).fit(x)
    assert variational.log_prob(far).item() > GaussianMixture(1).fit(x).log_prob(far).item() + 2


def test_samples_look_like_the_data():
    torch.manual_seed(0)
    x = ring(3000)
    model = VariationalGaussianMixture(20, random_state=0).fit(x)
    assert same_distribution(model.sample(500), x[:500], bandwidth=0.5) > 0.01
    assert same_distribution(VariationalGaussianMixture(1).fit(x).sample(500), x[:500], bandwidth=0.5) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_without_labels(kind):
    torch.manual_seed(0)
    x = ring(3000)
    model = VariationalGaussianMixture(20, covariance_type=kind, random_state=0).fit(x)
    rows, components = model.sample_joint(500)
    assert same_distribution(rows, x[:500], bandwidth=0.5) > 0.01
    assert (model.predict(rows) == components).float().mean() > 0.95
    given = VariationalGaussianMixture(20, covariance_type=kind, random_state=0).fit(x[:, 1:], context=x[:, :1])
    drawn, beside = given.sample_joint(500)
    assert same_distribution(torch.cat([beside, drawn], 1), x[:500], bandwidth=0.5) > 0.01
    assert same_distribution(torch.cat([beside.flip(0), drawn], 1), x[:500], bandwidth=0.5) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_conditional_form(kind):
    torch.manual_seed(0)
    y = torch.arange(2).repeat_interleave(300)
    x = torch.randn(600, 2) + 8.0 * y[:, None]
    model = VariationalGaussianMixture(4, covariance_type=kind, random_state=0).fit(x, y)
    drawn = model.sample(300, context=[0, 1])
    assert drawn.shape == (300, 2, 2)
    assert same_distribution(drawn[:, 1], x[300:]) > 0.01
    assert same_distribution(drawn[:, 0], x[300:]) < 0.01
    axis = torch.linspace(-20, 30, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    total = model.log_prob(grid, torch.ones(len(grid), dtype=torch.long)).exp().sum().item() * 0.125**2
    assert total == pytest.approx(1.0, abs=0.01)


def test_responsibilities_belong_to_the_clusters():
    x = blobs()
    model = VariationalGaussianMixture(6, random_state=0).fit(x)
    assert model.predict_proba(x).sum(1).numpy() == pytest.approx(np.ones(600))
    assert [len(set(model.predict(x[k::3]).tolist())) for k in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(("kind", "weights"), list(zip(KINDS, WEIGHTS, strict=True)))
def test_saved_and_loaded_it_says_the_same_and_goes_on(tmp_path, kind, weights):
    x = blobs()
    model = VariationalGaussianMixture(
        5, covariance_type=kind, weight_concentration_prior_type=weights, mean_prior=np.zeros(2), random_state=0
    ).fit(x)
    model.save(tmp_path / "model")
    loaded = GenerativeModel.load(tmp_path / "model")
    assert isinstance(loaded, VariationalGaussianMixture)
    assert (loaded.lower_bound_, loaded.n_iter_, loaded.converged_) == (model.lower_bound_, model.n_iter_, True)
    assert math.isfinite(loaded.lower_bound_)
    assert loaded.n_iter_ > 0
    assert loaded.hyperparameters() == model.hyperparameters()
    assert loaded.kl_ == model.kl_
    assert loaded.score_samples(x).tolist() == model.score_samples(x).tolist()
    more = blobs(seed=1)
    assert loaded.partial_fit(more).means_.tolist() == model.partial_fit(more).means_.tolist()


def test_priors_are_obeyed():
    x = blobs(30, clusters=1)
    sure = VariationalGaussianMixture(1, mean_prior=[5.0, 5.0], mean_precision_prior=1e6).fit(x)
    assert sure.means_[0].tolist() == pytest.approx([5.0, 5.0], abs=1e-3)
    wide = VariationalGaussianMixture(
        1, covariance_prior=[[1e6, 0.0], [0.0, 1e6]], degrees_of_freedom_prior=10.0, mean_prior=[0.0, 0.0]
    ).fit(x)
    assert wide.covariances_[0, 0, 0].item() == pytest.approx(1e6 / 40, rel=0.01)


def test_constant_columns_are_no_error():
    x = torch.cat([blobs(), torch.ones(600, 1)], 1)
    for kind in KINDS:
        model = VariationalGaussianMixture(4, covariance_type=kind, random_state=0).fit(x)
        assert torch.isfinite(model.log_prob(x)).all()


def test_restarts_keep_the_best():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"init_params": "random", "max_iter": 15, "merge_attempts": 0}
        alone = VariationalGaussianMixture(6, random_state=0, **settings).fit(ring())
        best = VariationalGaussianMixture(6, random_state=0, n_init=4, **settings).fit(ring())
    assert best.lower_bound_ > alone.lower_bound_


def test_progress_and_the_warning():
    numbers = []
    with pytest.warns(UserWarning, match="raise max_iter or tol"):
        VariationalGaussianMixture(6, max_iter=3, tol=0.0, merge_attempts=0, random_state=0).fit(
            ring(), progress=lambda epoch: numbers.append(epoch.number)
        )
    assert numbers == [1, 2, 3]


def test_abilities_shapes_and_dtypes():
    model = VariationalGaussianMixture(2, random_state=0).fit(blobs())
    assert isinstance(model, Density)
    assert isinstance(model, Sampler)
    assert model.log_prob(torch.zeros(5, 2)).dtype == torch.float32
    assert model.sample().shape == (2,)
    assert model.sample((2, 4)).shape == (2, 4, 2)
    asked = blobs(5).double().requires_grad_()
    assert torch.autograd.gradcheck(model.log_prob, asked)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: VariationalGaussianMixture(0), "n_components must be 1 or more"),
        (lambda: VariationalGaussianMixture(covariance_type="tied"), "covariance_type must be one of full, diag"),
        (lambda: VariationalGaussianMixture(weight_concentration_prior_type="x"), "weight_concentration_prior_type"),
        (lambda: VariationalGaussianMixture(weight_concentration_prior=0.0), "must be above 0"),
        (lambda: VariationalGaussianMixture(merge_attempts=-1), "merge_attempts must be 0 or more"),
        (lambda: VariationalGaussianMixture(degrees_of_freedom_prior=1.0).fit(blobs()), "must be above 1"),
        (lambda: VariationalGaussianMixture(mean_prior=[0.0]).fit(blobs()), "mean_prior must have the shape"),
        (lambda: VariationalGaussianMixture(9).fit(blobs(5)), "fewer than the 9 components"),
        (lambda: VariationalGaussianMixture().fit(torch.ones(4, 2, 2)), "flatten"),
        (lambda: VariationalGaussianMixture().fit([[math.inf], [1.0]]), "X must be finite"),
        (lambda: VariationalGaussianMixture().sample(2), "call fit first"),
        (lambda: VariationalGaussianMixture().partial_fit(blobs()).partial_fit(blobs(columns=3)), "have the shape"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
