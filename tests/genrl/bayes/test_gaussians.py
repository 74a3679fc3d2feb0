import pytest
import torch

from genrl.bayes.gaussians import FORMS, ClassMoments, merge
from genrl.errors import InputError


def rows(n, seed, columns=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, columns, generator=generator, dtype=torch.float64) + seed


def moments_of(parts, form):
    means = torch.stack([part.sum(0) / max(1, len(part)) for part in parts])
    centred = [part - mean for part, mean in zip(parts, means, strict=True)]
    counts = torch.tensor([float(len(part)) for part in parts], dtype=torch.float64)
    return ClassMoments(counts=counts, means=means, scatter=form.scatter(centred))


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("sizes", [(5, 7, 3, 4), (5, 0, 0, 4), (0, 0, 6, 2), (0, 0, 0, 0)])
def test_merged_moments_are_those_of_all_rows(kind, sizes):
    form, parts = FORMS[kind], [rows(size, seed) for seed, size in enumerate(sizes)]
    merged = merge(moments_of(parts[:2], form), moments_of(parts[2:], form), form)
    together = moments_of([torch.cat([parts[0], parts[2]]), torch.cat([parts[1], parts[3]])], form)
    for name in ("counts", "means", "scatter"):
        torch.testing.assert_close(getattr(merged, name), getattr(together, name), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", FORMS)
def test_factors_are_of_the_covariance_and_of_its_inverse(kind):
    form = FORMS[kind]
    covariances = form.covariances(moments_of([rows(50, 0), rows(40, 1)], form), 0.1)
    spread = form.factorise(covariances)
    if kind == "diag":
        torch.testing.assert_close(spread.roots.square(), covariances)
        torch.testing.assert_close(spread.factors.square(), 1 / covariances)
    else:
        torch.testing.assert_close(spread.roots @ spread.roots.mT, covariances)
        torch.testing.assert_close(spread.factors @ spread.factors.mT, torch.linalg.inv(covariances))


@pytest.mark.parametrize("kind", FORMS)
def test_white_noise_takes_the_covariance_of_its_class(kind):
    form = FORMS[kind]
    covariances = form.covariances(moments_of([rows(50, 0), 3 * rows(40, 1)], form), 0.1)
    noise = torch.randn(2, 20_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.arange(20_000) % 2
    drawn = form.spread(noise, classes, form.factorise(covariances).roots)
    matrices = {"full": lambda: covariances, "tied": lambda: covariances.expand(2, 3, 3)}
    matrices["diag"] = lambda: torch.diag_embed(covariances)
    for number, wanted in enumerate(matrices[kind]()):
        found = torch.cov(drawn[:, classes == number].flatten(0, 1).T)
        torch.testing.assert_close(found, wanted, rtol=0.05, atol=0.05 * wanted.max().item())


def test_copied_columns_are_factorised_where_cholesky_fails():
    x = 1e6 * rows(100, 0, 1).expand(100, 3)
    form = FORMS["full"]
    covariances = form.covariances(moments_of([x], form), 1e-6)
    assert torch.linalg.cholesky_ex(covariances).info.any()
    spread = form.factorise(covariances)
    assert torch.isfinite(spread.factors).all()
    torch.testing.assert_close(spread.roots @ spread.roots.mT, covariances, rtol=1e-9, atol=0)


@pytest.mark.parametrize("kind", FORMS)
def test_no_variance_is_an_error_that_says_what_to_do(kind):
    with pytest.raises(InputError, match="raise reg_covar"):
        FORMS[kind].factorise(torch.zeros(FORMS[kind].shape(2, 3), dtype=torch.float64))
