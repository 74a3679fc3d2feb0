from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from genrl.errors import InputError
from genrl.mixtures import em
from genrl.mixtures.covariances import COVARIANCES

TYPES = ["full", "tied", "diag", "spherical"]


def made_up(kind, components=3, columns=2, offset=0.0):
    generator = torch.Generator().manual_seed(0)
    form = COVARIANCES[kind]
    root = torch.randn(components, columns, columns, generator=generator, dtype=torch.float64)
    full = root @ root.mT + 0.5 * torch.eye(columns, dtype=torch.float64)
    covariances = {
        "full": full,
        "tied": full[0],
        "diag": full.diagonal(dim1=-2, dim2=-1).contiguous(),
        "spherical": full[:, 0, 0].contiguous(),
    }[kind]
    parameters = em.Parameters(
        log_weights=torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log(),
        means=offset + 2.0 * torch.randn(components, columns, generator=generator, dtype=torch.float64),
        covariances=covariances,
        factors=form.factorise(covariances),
    )
    x = offset + 3.0 * torch.randn(200, columns, generator=generator, dtype=torch.float64)
    return x, parameters, form


def brute_force(x, parameters, form):
    """(rows, K) log p(component, x), by scipy."""
    matrices = form.as_matrices(parameters.covariances, *parameters.means.shape).numpy()
    each = [
        multivariate_normal(mean, matrix).logpdf(x.numpy())
        for mean, matrix in zip(parameters.means.numpy(), matrices, strict=True)
    ]
    return torch.from_numpy(np.stack(each, 1)) + parameters.log_weights


@pytest.mark.parametrize("kind", TYPES)
def test_density_of_each_component_is_scipys(kind):
    x, parameters, form = made_up(kind)
    torch.testing.assert_close(em.log_density(x, parameters, form), brute_force(x, parameters, form))


@pytest.mark.parametrize("kind", TYPES)
def test_the_expectation_step_by_brute_force(kind):
    x, parameters, form = made_up(kind)
    joint = brute_force(x, parameters, form)
    shares = joint.softmax(1)
    likelihood, moments = em.expect(x, parameters, form)
    assert likelihood == pytest.approx(joint.logsumexp(1).mean().item())
    differences = x[:, None] - parameters.means
    outer = torch.einsum("bk,bki,bkj->kij", shares, differences, differences)
    expected = {
        "full": lambda: outer,
        "tied": lambda: outer.sum(0),
        "diag": lambda: outer.diagonal(dim1=-2, dim2=-1),
        "spherical": lambda: outer.diagonal(dim1=-2, dim2=-1).sum(-1),
    }[kind]()
    torch.testing.assert_close(moments.counts, shares.sum(0))
    torch.testing.assert_close(moments.sums, torch.einsum("bk,bki->ki", shares, differences))
    torch.testing.assert_close(moments.scatter, expected)


@pytest.mark.parametrize("kind", TYPES)
def test_the_maximisation_step_leaves_no_slope(kind):
    """At the new parameters the expected log-likelihood under the old responsibilities is flat, or lower all around."""
    x, parameters, form = made_up(kind)
    shares = brute_force(x, parameters, form).softmax(1)
    _, moments = em.expect(x, parameters, form)
    found = em.maximise(moments, form, 0.0)

    def expected(means, covariances):
        tried = em.Parameters(
            log_weights=found.log_weights, means=means, covariances=covariances, factors=form.factorise(covariances)
        )
        return (shares * em.log_density(x, tried, form)).sum().item()

    best = expected(found.means, found.covariances)
    generator = torch.Generator().manual_seed(1)
    for _ in range(10):
        moved = 0.01 * torch.randn(found.means.shape, generator=generator, dtype=torch.float64)
        assert expected(found.means + moved, found.covariances) < best
    for factor in (0.97, 1.03):
        assert expected(found.means, factor * found.covariances) < best


@pytest.mark.parametrize("kind", TYPES)
def test_blocks_change_nothing(kind, monkeypatch):
    x, parameters, form = made_up(kind)
    density, (likelihood, moments) = em.log_density(x, parameters, form), em.expect(x, parameters, form)
    monkeypatch.setattr(em, "block_rows", lambda components, columns: 7)
    torch.testing.assert_close(em.log_density(x, parameters, form), density, rtol=1e-12, atol=1e-12)
    again, by_blocks = em.expect(x, parameters, form)
    assert again == pytest.approx(likelihood, rel=1e-12)
    torch.testing.assert_close(by_blocks.scatter, moments.scatter, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("distance", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("kind", ["diag", "spherical"])
def test_distant_components_keep_the_digits_of_their_own_shape(kind, distance):
    """Expanded squares lose them; beyond some distance they must not be expanded."""
    x, parameters, form = made_up(kind)
    apart = distance * torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, -1.0]], dtype=torch.float64)
    which = torch.arange(len(x)) % 3
    parameters = replace(parameters, means=apart)
    rows = apart[which] + x / 3
    torch.testing.assert_close(
        em.log_density(rows, parameters, form), brute_force(rows, parameters, form), rtol=1e-6, atol=1e-6
    )
    _, moments = em.expect(rows, parameters, form)
    own = torch.stack([(x[which == number] / 3).square().sum(0) for number in range(3)])
    torch.testing.assert_close(moments.scatter, own if kind == "diag" else own.sum(1), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", TYPES)
def test_far_from_zero_no_digits_are_lost(kind):
    near, far = made_up(kind), made_up(kind, offset=2.0**30)  # a shift that the numbers take without much rounding
    for a, b in zip(near[1:2], far[1:2], strict=True):
        torch.testing.assert_close(a.covariances, b.covariances)
    density, shifted = (em.log_density(*each) for each in (near, far))
    torch.testing.assert_close(shifted, density, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", TYPES)
def test_moments_of_given_responsibilities_are_about_their_own_means(kind):
    x, _, form = made_up(kind)
    shares = torch.rand(200, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = em.maximise(em.moments_of(x, shares, form), form, 0.1)
    torch.testing.assert_close(found.means, shares.T @ x / shares.sum(0)[:, None])
    torch.testing.assert_close(found.weights, shares.sum(0) / shares.sum())
    matrices = form.as_matrices(found.covariances, 3, 2)
    by_numpy = torch.stack(
        [torch.from_numpy(np.cov(x.numpy().T, aweights=shares[:, k].numpy(), ddof=0)) for k in range(3)]
    )
    if kind == "full":
        torch.testing.assert_close(matrices, by_numpy + 0.1 * torch.eye(2))
    elif kind == "diag":
        torch.testing.assert_close(found.covariances, by_numpy.diagonal(dim1=-2, dim2=-1) + 0.1)
    elif kind == "spherical":
        torch.testing.assert_close(found.covariances, by_numpy.diagonal(dim1=-2, dim2=-1).mean(-1) + 0.1)
    else:
        torch.testing.assert_close(matrices[0], (found.weights[:, None, None] * by_numpy).sum(0) + 0.1 * torch.eye(2))


@pytest.mark.parametrize("kind", TYPES)
def test_factors_and_sizes(kind):
    _, parameters, form = made_up(kind)
    assert parameters.covariances.shape == form.shape(3, 2)
    assert form.num_parameters(3, 2) == {"full": 9, "tied": 3, "diag": 6, "spherical": 3}[kind]
    matrices = form.as_matrices(parameters.covariances, 3, 2)
    log_det = form.log_det(parameters.factors, 2).expand(3)
    torch.testing.assert_close(log_det, -0.5 * torch.linalg.slogdet(matrices).logabsdet)
    inverse = {"full": torch.linalg.inv, "tied": torch.linalg.inv}.get(kind, torch.reciprocal)
    torch.testing.assert_close(form.from_precisions(inverse(parameters.covariances)), parameters.covariances)
    with pytest.raises(InputError, match="collapsed"):
        form.factorise(0.0 * parameters.covariances)
