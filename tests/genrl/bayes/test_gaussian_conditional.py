import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from genrl.bayes import GaussianConditional
from genrl.errors import InputError
from genrl.evaluation.two_sample import same_distribution
from genrl.generative_model import GenerativeModel
from genrl.protocols import Density, Sampler

TYPES = ["full", "diag", "tied"]


def three_classes(rows=300, columns=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (rows,), generator=generator)
    mixing = torch.randn(3, columns, columns, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    return (mixing[y] @ noise[..., None])[..., 0] + 3.0 * y[:, None], y


def covariance_of(model, number):
    found = model.covariances_.numpy()
    return {"full": lambda: found[number], "tied": lambda: found, "diag": lambda: np.diag(found[number])}[
        model.covariance_type
    ]()


@pytest.mark.parametrize("kind", TYPES)
def test_density_is_that_of_the_classes_gaussian(kind):
    x, y = three_classes()
    model = GaussianConditional(covariance_type=kind, reg_covar=0.1).fit(x, y)
    for number in range(3):
        oracle = multivariate_normal(x[y == number].mean(0).numpy(), covariance_of(model, number))
        given_label = model.log_prob(x, torch.full((len(x),), number))
        assert given_label.numpy() == pytest.approx(oracle.logpdf(x.numpy()), rel=1e-9)
        torch.testing.assert_close(model.class_log_prob(x)[:, number], given_label)


def test_full_and_diagonal_covariances_are_each_class_own():
    x, y = three_classes()
    full = GaussianConditional(reg_covar=0.0).fit(x, y).covariances_
    diagonal = GaussianConditional(covariance_type="diag", reg_covar=0.0).fit(x, y).covariances_
    for number in range(3):
        oracle = np.cov(x[y == number].numpy().T, bias=True)
        assert full[number].numpy() == pytest.approx(oracle, rel=1e-9)
        assert diagonal[number].numpy() == pytest.approx(np.diag(oracle), rel=1e-9)


def test_the_tied_covariance_is_that_of_linear_discriminants():
    x, y = three_classes()
    oracle = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(x.numpy(), y.numpy())
    tied = GaussianConditional(covariance_type="tied", reg_covar=0.0).fit(x, y)
    assert tied.covariances_.numpy() == pytest.approx(oracle.covariance_, rel=1e-9)


def test_without_labels_it_is_a_single_gaussian():
    x, _ = three_classes()
    model = GaussianConditional(reg_covar=0.0).fit(x)
    oracle = multivariate_normal(x.numpy().mean(0), np.cov(x.numpy().T, bias=True))
    assert model.log_prob(x).numpy() == pytest.approx(oracle.logpdf(x.numpy()), rel=1e-9)
    assert model.sample((2, 3)).shape == (2, 3, 3)
    assert model.sample().shape == (3,)


@pytest.mark.parametrize("kind", TYPES)
def test_rows_in_parts_give_the_same_as_all_at_once(kind):
    x, y = three_classes()
    whole = GaussianConditional(covariance_type=kind).fit(x, y)
    parts = GaussianConditional(covariance_type=kind)
    for start in range(0, 300, 50):
        parts.partial_fit(x[start : start + 50], y[start : start + 50])
    torch.testing.assert_close(parts.means_, whole.means_, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(parts.covariances_, whole.covariances_, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(parts.class_log_prob(x), whole.class_log_prob(x), rtol=1e-8, atol=1e-8)


@given(cut=st.integers(1, 59), offset=st.sampled_from([0.0, 1e3, 1e7]))
def test_a_stream_is_exact_wherever_it_is_cut_and_however_far_from_zero(cut, offset):
    x, _ = three_classes(60)
    far = x + offset
    parts = GaussianConditional().partial_fit(far[:cut]).partial_fit(far[cut:])
    # About their own mean, which is how far the numbers themselves can be trusted.
    centred = far - far.mean(0)
    oracle = centred.T @ centred / 60 + 1e-6 * torch.eye(3)
    torch.testing.assert_close(parts.covariances_[0], oracle, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", TYPES)
def test_samples_are_of_the_class_asked_for(kind):
    torch.manual_seed(0)
    model = GaussianConditional(covariance_type=kind).fit(*three_classes())
    drawn = model.sample(20_000, context=[2, 0])
    assert drawn.shape == (20_000, 2, 3)
    for place, number in enumerate((2, 0)):
        rows, scale = drawn[:, place].double(), covariance_of(model, number)
        assert rows.mean(0).numpy() == pytest.approx(model.means_[number].numpy(), abs=0.05 * scale.max() ** 0.5)
        assert np.cov(rows.numpy().T) == pytest.approx(scale, abs=0.05 * scale.max())


def test_samples_look_like_the_rows_it_was_fitted_to():
    torch.manual_seed(0)
    x, y = three_classes(1500)
    model = GaussianConditional().fit(x, y)
    assert same_distribution(model.sample(400, context=[1])[:, 0], x[y == 1][:400]) > 0.01
    assert same_distribution(model.sample(400, context=[1])[:, 0], x[y == 2][:400]) < 0.01


@pytest.mark.parametrize("kind", TYPES)
def test_constant_and_repeated_columns_and_wild_scales_do_no_harm(kind):
    x, y = three_classes()
    wild = torch.cat([x * torch.tensor([1e-6, 1.0, 1e8]), torch.ones(300, 1), x[:, :1], x[:, :1], 1e9 * x[:, 2:]], 1)
    model = GaussianConditional(covariance_type=kind).fit(wild, y)
    found = model.class_log_prob(wild)
    assert torch.isfinite(found).all()
    assert torch.isfinite(model.sample(5, context=[0, 1, 2])).all()


def test_a_class_with_one_row_has_the_least_covariance():
    model = GaussianConditional(reg_covar=0.25).fit([[1.0, 2.0], [0.0, 1.0], [2.0, 4.0]], [0, 1, 1])
    assert model.covariances_[0].tolist() == [[0.25, 0.0], [0.0, 0.25]]
    assert model.log_prob(torch.tensor([[1.0, 2.0]]), torch.tensor([0])).item() == pytest.approx(-math.log(math.pi / 2))


@pytest.mark.parametrize("kind", TYPES)
def test_log_prob_has_the_gradient_of_a_gaussian(kind):
    x, y = three_classes(50)
    model = GaussianConditional(covariance_type=kind).fit(x, y)
    asked = x[:5].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda rows: model.log_prob(rows, y[:5]), asked)


def test_saved_and_loaded_it_says_the_same(tmp_path):
    x, y = three_classes()
    model = GaussianConditional(covariance_type="tied", reg_covar=0.5).fit(x, y + 10)
    model.save(tmp_path / "model")
    loaded = GenerativeModel.load(tmp_path / "model")
    assert isinstance(loaded, GaussianConditional)
    assert loaded.classes == (10, 11, 12)
    torch.testing.assert_close(loaded.log_prob(x, y + 10), model.log_prob(x, y + 10), rtol=0, atol=0)
    loaded.partial_fit(x, y + 10)
    assert loaded.counts_.sum() == 600


def test_abilities_and_dtypes():
    x, y = three_classes()
    model = GaussianConditional().fit(x.float(), y)
    assert isinstance(model, Density)
    assert isinstance(model, Sampler)
    assert model.log_prob(x.float(), y).dtype == torch.float32
    assert model.score_samples(x, y).shape == (300,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, y: GaussianConditional(covariance_type="round"), "covariance_type must be one of full, tied, diag"),
        (lambda x, y: GaussianConditional(reg_covar=-1.0), "reg_covar must be 0 or more"),
        (lambda x, y: GaussianConditional(reg_covar=0.0).fit(torch.ones(4, 2)), "raise reg_covar"),
        (lambda x, y: GaussianConditional().fit(torch.ones(4, 2, 2)), "flatten"),
        (lambda x, y: GaussianConditional().fit(x, context=x), "context must be a class"),
        (lambda x, y: GaussianConditional().partial_fit(x, y).partial_fit(x, y + 1), r"labels \[3\]"),
        (lambda x, y: GaussianConditional().fit(x, y).log_prob(x), "give context="),
        (lambda x, y: GaussianConditional().fit(x, y).sample(3), "give context="),
        (lambda x, y: GaussianConditional().fit(x).log_prob(x[:, :2]), "must have the shape"),
        (lambda x, y: GaussianConditional().sample(3), "call fit first"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call(*three_classes())
