import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import BayesianGaussianMixture

from genrl.mixtures import variational
from genrl.mixtures.climbing import Watch
from genrl.mixtures.em import log_density, moments_of
from genrl.mixtures.gaussian_wishart import PRECISIONS, GaussianWishart, divergence
from genrl.mixtures.merging import join_moments, merge_components
from genrl.mixtures.weight_posteriors import WEIGHT_POSTERIORS

KINDS = ["full", "diag"]
WEIGHTS = ["dirichlet_process", "dirichlet_distribution"]


def rows(n=300, columns=2, seed=0):
    rng = np.random.default_rng(seed)
    which = rng.integers(3, size=n)
    mixing = np.eye(columns) + 0.4 * rng.normal(size=(3, columns, columns))
    return torch.from_numpy(4.0 * which[:, None] + (mixing[which] @ rng.normal(size=(n, columns, 1)))[..., 0])


def responsibilities(x, components, seed=0):
    shares = torch.rand(len(x), components, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
    return shares / shares.sum(1, keepdim=True)


def setting(x, kind="full", weights="dirichlet_process", components=4, **prior):
    families = variational.Families(weights=WEIGHT_POSTERIORS[weights], precision=PRECISIONS[kind], reg_covar=0.0)
    scale = families.precision.default_scale(x, 0.0)
    return families, variational.symmetric_prior(x.mean(0), scale, families, components, **prior)


def begin(x, families, prior, components=4, seed=0):
    moments = moments_of(x, responsibilities(x, components, seed), families.precision.covariance)
    return variational.absorb(prior, moments, families)


class FromThere(BayesianGaussianMixture):
    """scikit-learn's, begun from the responsibilities given."""

    def _initialize_parameters(self, X, *arguments, **named):
        self._initialize(X, responsibilities(torch.from_numpy(X), self.n_components, self.random_state).numpy())


def peer_and_ours(weights, seed, iterations=400, components=4):
    x = rows()
    oracle = FromThere(
        n_components=components,
        weight_concentration_prior_type=weights,
        reg_covar=0.0,
        max_iter=iterations,
        tol=1e-9,
        random_state=seed,
    ).fit(x.numpy())
    families, prior = setting(x, weights=weights, components=components)
    start = begin(x, families, prior, components, seed)
    return x, oracle, families, variational.climb(x, prior, start, families, tol=1e-9, max_iter=iterations)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_same_start_same_end_as_scikit_learn(weights):
    x, oracle, families, run = peer_and_ours(weights, seed=0)
    posterior, components = run.posterior, run.posterior.components
    assert families.weights.mean(posterior.concentration).numpy() == pytest.approx(oracle.weights_, abs=1e-5)
    assert components.means.numpy() == pytest.approx(oracle.means_, abs=1e-4)
    assert components.degrees.numpy() == pytest.approx(oracle.degrees_of_freedom_, abs=1e-3)
    expected = variational.expected_parameters(posterior, families)
    assert expected.covariances.numpy() == pytest.approx(oracle.covariances_, abs=1e-3)
    shares = log_density(x, expected, families.precision.covariance).softmax(1)
    assert shares.numpy() == pytest.approx(oracle.predict_proba(x.numpy()), abs=1e-4)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_bound_differs_from_scikit_learns_by_a_constant_of_the_prior(weights):
    """It leaves out what does not change; between two ends from different starts the difference is the same."""
    gaps, ends = [], []
    for seed in range(3):
        _, oracle, _, run = peer_and_ours(weights, seed, iterations=2000, components=6)
        gaps.append(run.lower_bound - oracle.lower_bound_)
        ends.append(run.lower_bound)
    assert max(ends) - min(ends) > 0.1
    assert max(gaps) - min(gaps) < 1e-3


@pytest.mark.parametrize(("kind", "weights"), itertools.product(KINDS, WEIGHTS))
def test_the_bound_never_falls(kind, weights):
    x, bounds = rows(), []
    families, prior = setting(x, kind, weights, components=6)
    variational.climb(
        x,
        prior,
        begin(x, families, prior, 6),
        families,
        tol=0.0,
        max_iter=150,
        watch=Watch(lambda epoch: bounds.append(-epoch.train["loss"] * len(x))),
    )
    assert bounds[-1] > bounds[0] + 10
    assert min(after - before for before, after in itertools.pairwise(bounds)) > -1e-8


@pytest.mark.parametrize("kind", KINDS)
def test_with_one_component_the_bound_is_the_evidence(kind):
    """Then nothing is approximated: the bound equals log p(x), in closed form by the chain of predictions."""
    x = rows(12)
    families, prior = setting(x, kind, "dirichlet_distribution", components=1)
    everything = moments_of(x, torch.ones(12, 1, dtype=x.dtype), families.precision.covariance)
    posterior = variational.absorb(prior, everything, families)
    bound, _ = variational.evaluate(x, posterior, prior, families)
    evidence, so_far = 0.0, prior
    for row in x[:, None]:
        predictive = variational.predictive(so_far, families)
        evidence += families.precision.student.log_density(row, predictive).item()
        one = moments_of(row, torch.ones(1, 1, dtype=x.dtype), families.precision.covariance)
        so_far = variational.absorb(so_far, one, families)
    assert bound == pytest.approx(evidence, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_absorbed_in_parts_are_absorbed(kind):
    x = rows()
    families, prior = setting(x, kind)
    shares, form = responsibilities(x, 4), families.precision.covariance
    whole = variational.absorb(prior, moments_of(x, shares, form), families)
    parts = prior
    for part, some in zip(x.split(70), shares.split(70), strict=True):
        parts = variational.absorb(parts, moments_of(part, some, form), families)
    torch.testing.assert_close(parts.concentration, whole.concentration)
    for name in ("means", "rows", "degrees", "scales"):
        torch.testing.assert_close(getattr(parts.components, name), getattr(whole.components, name))


def some_posterior(seed, kind, columns=2):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(3, columns, columns, generator=generator, dtype=torch.float64)
    scales = root @ root.mT + torch.eye(columns)
    return GaussianWishart(
        means=torch.randn(3, columns, generator=generator, dtype=torch.float64),
        rows=1.0 + 3 * torch.rand(3, generator=generator, dtype=torch.float64),
        degrees=4.0 + 5 * torch.rand(3, generator=generator, dtype=torch.float64),
        scales=scales if kind == "full" else scales.diagonal(dim1=-2, dim2=-1).contiguous(),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_divergence_is_zero_only_from_itself(kind):
    q, p = some_posterior(0, kind), some_posterior(1, kind)
    assert divergence(q, q, PRECISIONS[kind]).abs().max() < 1e-12
    assert (divergence(q, p, PRECISIONS[kind]) > 0.01).all()


def log_density_of(posterior, component, precisions, means):
    """log p(mean, precision) of a Gaussian-Wishart, by scipy."""
    degrees, scale = posterior.degrees[component].item(), np.linalg.inv(posterior.scales[component].numpy())
    wishart = stats.wishart(degrees, scale)
    centre, count = posterior.means[component].numpy(), posterior.rows[component].item()
    gaussians = [
        stats.multivariate_normal(centre, np.linalg.inv(count * precision)).logpdf(mean)
        for precision, mean in zip(precisions, means, strict=True)
    ]
    return wishart.logpdf(np.moveaxis(precisions, 0, -1)) + np.array(gaussians)


def test_divergence_by_simulation():
    q, p = some_posterior(0, "full"), some_posterior(1, "full")
    rng = np.random.default_rng(0)
    precisions = stats.wishart(q.degrees[0].item(), np.linalg.inv(q.scales[0].numpy())).rvs(1000, random_state=rng)
    noise = rng.normal(size=(1000, 2, 1))
    roots = np.linalg.cholesky(np.linalg.inv(q.rows[0].item() * precisions))
    means = q.means[0].numpy() + (roots @ noise)[..., 0]
    ratios = log_density_of(q, 0, precisions, means) - log_density_of(p, 0, precisions, means)
    error = ratios.std() / len(ratios) ** 0.5
    assert divergence(q, p, PRECISIONS["full"])[0].item() == pytest.approx(ratios.mean(), abs=4 * error)


def test_diagonal_is_the_full_form_of_each_column_alone():
    q, p = some_posterior(0, "diag"), some_posterior(1, "diag")

    def column(posterior, j):
        return GaussianWishart(
            means=posterior.means[:, j : j + 1],
            rows=posterior.rows,
            degrees=posterior.degrees,
            scales=posterior.scales[:, j, None, None],
        )

    each = sum(divergence(column(q, j), column(p, j), PRECISIONS["full"]) for j in range(2))
    torch.testing.assert_close(divergence(q, p, PRECISIONS["diag"]), each)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_expected_logarithms_and_means_of_the_weights_by_simulation(kind):
    family = WEIGHT_POSTERIORS[kind]
    concentration = family.absorb(family.prior(0.7, 4), torch.tensor([5.0, 2.0, 0.5, 1.0], dtype=torch.float64))
    rng = np.random.default_rng(0)
    if kind == "dirichlet_distribution":
        drawn = rng.dirichlet(concentration.numpy(), 200_000)
        assert family.mean(concentration).numpy() == pytest.approx(drawn.mean(0), abs=5e-3)
    else:
        assert concentration[1].tolist() == pytest.approx([4.2, 2.2, 1.7, 0.7])  # rows of later components
        broken = rng.beta(*concentration.numpy()[:, None], size=(200_000, 4))
        drawn = broken * np.cumprod(np.concatenate([np.ones((200_000, 1)), 1 - broken[:, :-1]], 1), 1)
        mean = drawn.mean(0)
        assert family.mean(concentration).numpy() == pytest.approx(mean / mean.sum(), abs=5e-3)
    assert family.expected_log(concentration).numpy() == pytest.approx(np.log(drawn).mean(0), abs=0.02)
    assert family.divergence(concentration, concentration).item() == pytest.approx(0.0, abs=1e-12)
    assert family.divergence(concentration, family.prior(0.7, 4)).item() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_joined_moments_are_those_of_summed_responsibilities(kind):
    x, shares = rows(), responsibilities(rows(), 4)
    precision = PRECISIONS[kind]
    families, prior = setting(x, kind)
    joined = join_moments(moments_of(x, shares, precision.covariance), 1, 3, precision)
    summed = torch.stack([shares[:, 0], shares[:, 1] + shares[:, 3], shares[:, 2], 0 * shares[:, 3]], 1)
    found = variational.absorb(prior, joined, families).components
    expected = variational.absorb(prior, moments_of(x, summed, precision.covariance), families).components
    for name in ("means", "rows", "degrees", "scales"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


def test_joining_raises_the_bound_or_leaves_the_run_alone():
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    families, prior = setting(x)
    settings = {"tol": 1e-3, "max_iter": 100}
    run = variational.climb(x, prior, begin(x, families, prior), families, **settings)
    joined = merge_components(x, prior, run, families, attempts=5)
    assert joined.lower_bound > run.lower_bound
    again = variational.climb(x, prior, joined.posterior, families, **settings)
    assert again.lower_bound >= joined.lower_bound
    assert merge_components(x, prior, run, families, attempts=0) is run
    assert (again.moments.counts > 1).sum() == 1
    assert merge_components(x, prior, again, families, attempts=5) is again
