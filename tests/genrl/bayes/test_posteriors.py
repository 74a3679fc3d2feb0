import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from genrl.bayes import posteriors
from genrl.errors import InputError


def test_bayes_rule_by_hand():
    # One in a hundred is ill; the test finds 9 of 10 of them and is wrong about 1 of 20 others.
    posterior = posteriors.bayes_rule(torch.tensor([0.01, 0.99]).log(), torch.tensor([0.9, 0.05]).log()).exp()
    assert posterior[0].item() == pytest.approx(0.009 / (0.009 + 0.0495), rel=1e-5)
    evidence = posteriors.log_evidence(torch.tensor([0.01, 0.99]).log(), torch.tensor([0.9, 0.05]).log())
    assert evidence.exp().item() == pytest.approx(0.0585, rel=1e-5)


def test_bayes_rule_holds_for_likelihoods_that_underflow():
    posterior = posteriors.bayes_rule(torch.tensor([0.5, 0.5]).log(), torch.tensor([-10_000.0, -10_001.0])).exp()
    assert posterior[0].item() == pytest.approx(1 / (1 + np.exp(-1)), rel=1e-5)


def test_data_in_two_parts_give_the_posterior_of_both_together():
    prior, first, second = torch.randn(3, 4).log_softmax(1)
    in_turn = posteriors.bayes_rule(posteriors.bayes_rule(prior, first), second)
    torch.testing.assert_close(in_turn, posteriors.bayes_rule(prior, first + second))


def on_a_grid(log_prior, log_likelihood, grid):
    """Mean, median and 95% interval of a posterior, by brute force."""
    density = np.exp(log_prior + log_likelihood - (log_prior + log_likelihood).max())
    cumulative = np.cumsum(density) / density.sum()
    quantiles = [grid[np.searchsorted(cumulative, q)] for q in (0.5, 0.025, 0.975)]
    return [(grid * density).sum() / density.sum(), *quantiles]


COUNTS, TIMES, NUMBERS = np.array([3, 1, 4, 1, 5]), np.array([0.5, 2.0, 0.25]), np.array([1.5, 2.5, 0.5, 2.0])
UNIT, POSITIVE, LINE = (
    np.linspace(1e-6, 1 - 1e-6, 100_001),
    np.linspace(1e-5, 30, 300_001),
    np.linspace(-20, 20, 200_001),
)


@pytest.mark.parametrize(
    ("posterior", "log_prior", "log_likelihood", "grid"),
    [
        (
            posteriors.bernoulli_rate([1, 0, 1, 1], alpha=2.0, beta=3.0),
            stats.beta(2, 3).logpdf(UNIT),
            3 * np.log(UNIT) + np.log1p(-UNIT),
            UNIT,
        ),
        (
            posteriors.poisson_rate(COUNTS, shape=2.0, rate=0.5),
            stats.gamma(2, scale=2).logpdf(POSITIVE),
            stats.poisson(POSITIVE[:, None]).logpmf(COUNTS).sum(1),
            POSITIVE,
        ),
        (
            posteriors.exponential_rate(TIMES, shape=2.0, rate=0.5),
            stats.gamma(2, scale=2).logpdf(POSITIVE),
            stats.expon(scale=1 / POSITIVE[:, None]).logpdf(TIMES).sum(1),
            POSITIVE,
        ),
        (
            posteriors.normal_mean(NUMBERS, variance=2.0, prior_mean=-1.0, prior_variance=3.0),
            stats.norm(-1, 3**0.5).logpdf(LINE),
            stats.norm(LINE[:, None], 2**0.5).logpdf(NUMBERS).sum(1),
            LINE,
        ),
        (
            posteriors.normal_variance(NUMBERS, mean=1.0, shape=3.0, scale=2.0),
            stats.invgamma(3, scale=2).logpdf(POSITIVE),
            stats.norm(1, POSITIVE[:, None] ** 0.5).logpdf(NUMBERS).sum(1),
            POSITIVE,
        ),
    ],
    ids=["bernoulli", "poisson", "exponential", "normal mean", "normal variance"],
)
def test_mean_median_and_interval_by_brute_force(posterior, log_prior, log_likelihood, grid):
    found = [posterior.mean(), posterior.median(), *posterior.interval(0.95)]
    assert found == pytest.approx(on_a_grid(log_prior, log_likelihood, grid), abs=2e-3)


def test_a_mean_under_unknown_variance_by_brute_force():
    settings = {"prior_mean": -1.0, "prior_rows": 2.0, "shape": 3.0, "scale": 2.0}
    posterior = posteriors.normal_mean_unknown_variance(NUMBERS, **settings)
    means, variances = np.linspace(-6, 6, 1201), np.exp(np.linspace(-6, 5, 1501))
    log_joint = stats.invgamma(3, scale=2).logpdf(variances) + np.log(variances)  # the grid is even in log variance
    log_joint = log_joint + stats.norm(-1, np.sqrt(variances / 2)).logpdf(means[:, None])
    for number in NUMBERS:
        log_joint = log_joint + stats.norm(means[:, None], np.sqrt(variances)).logpdf(number)
    log_marginal = np.log(np.exp(log_joint - log_joint.max()).sum(1))
    found = [posterior.mean(), posterior.median(), *posterior.interval(0.95)]
    assert found == pytest.approx(on_a_grid(log_marginal, 0.0, means), abs=0.011)


def test_category_rates_by_hand():
    posterior = posteriors.category_rates([0, 2, 2, 2], concentration=[1.0, 1.0, 2.0])
    assert posterior.mean() == pytest.approx(np.array([2, 1, 5]) / 8)


def test_category_rates_in_closed_form():
    """Alone the rate that was seen is beta(5, 2), whose distribution function is a polynomial."""
    posterior = posteriors.category_rates([0, 0, 0, 0], concentration=[1.0, 1.0, 1.0])
    low, high = posterior.interval(0.9)
    for quantile, rate in ((0.5, posterior.median()[0]), (0.05, low[0]), (0.95, high[0])):
        assert 6 * rate**5 - 5 * rate**6 == pytest.approx(quantile)
    assert posterior.median()[1] == pytest.approx(1 - 0.5 ** (1 / 6))  # beta(1, 6)
    assert posterior.mean() == pytest.approx(np.array([5, 1, 1]) / 7)


def test_two_category_rates_are_a_bernoulli_rate_and_its_rest():
    both = posteriors.category_rates([1, 0, 1, 1], concentration=[2.0, 3.0])
    one = posteriors.bernoulli_rate([1, 0, 1, 1], alpha=3.0, beta=2.0)
    assert both.median() == pytest.approx([1 - one.median(), one.median()])
    assert both.interval(0.8)[0][1] == pytest.approx(one.interval(0.8)[0])


def test_draws_of_category_rates_belong_together():
    posterior = posteriors.category_rates([0, 2, 2, 2], concentration=[1.0, 1.0, 2.0])
    drawn = posterior.rvs(4000, np.random.default_rng(0))
    assert drawn.sum(1) == pytest.approx(np.ones(4000))
    assert np.median(drawn, 0) == pytest.approx(posterior.median(), abs=0.02)
    assert np.quantile(drawn, 0.05, axis=0) == pytest.approx(posterior.interval(0.9)[0], abs=0.02)


@given(st.lists(st.integers(0, 1), max_size=20))
def test_ones_and_zeros_mirror_each_other(data):
    ones, zeros = posteriors.bernoulli_rate(data), posteriors.bernoulli_rate([1 - x for x in data])
    assert ones.mean() == pytest.approx(1 - zeros.mean())
    assert ones.median() == pytest.approx(1 - zeros.median())


def test_without_data_the_posterior_is_the_prior():
    assert posteriors.bernoulli_rate([], alpha=2.0, beta=6.0).mean() == pytest.approx(0.25)
    assert posteriors.normal_mean([], variance=1.0, prior_mean=3.0).mean() == pytest.approx(3.0)
    assert posteriors.normal_mean_unknown_variance([], prior_mean=3.0).mean() == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: posteriors.bernoulli_rate([0, 2]), "zeros and ones"),
        (lambda: posteriors.bernoulli_rate([0.5]), "integers"),
        (lambda: posteriors.bernoulli_rate([1], alpha=0.0), "alpha must be above 0"),
        (lambda: posteriors.poisson_rate([-1]), "counts"),
        (lambda: posteriors.exponential_rate([-0.1]), "times"),
        (lambda: posteriors.category_rates([3], concentration=[1, 1, 1]), "from 0 to 2"),
        (lambda: posteriors.category_rates([0], concentration=[1, 0]), "concentration"),
        (lambda: posteriors.category_rates([0], concentration=[1]), "two categories or more"),
        (lambda: posteriors.normal_mean([1.0], variance=-1.0), "variance must be above 0"),
        (lambda: posteriors.normal_mean([np.nan], variance=1.0), "finite"),
        (lambda: posteriors.normal_mean([[1.0]], variance=1.0), "list of finite numbers"),
        (lambda: posteriors.normal_mean(["a"], variance=1.0), "list of finite numbers"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
