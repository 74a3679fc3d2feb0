"""Bayes rule, and the posterior of a parameter after data where it has a closed form.

Ask a posterior for `mean()`, `median()`, `interval(0.95)`, `rvs()`: it is a frozen distribution of scipy.stats, or, for
the rates of several categories, what answers the same of each rate.
Each prior is conjugate, so a posterior's parameters are the prior's of the data to come (Gelman et al. 2013,
Bayesian Data Analysis, chapters 2 and 3).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy  # imports scipy.stats, which takes half a second, when it is first used
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from genrl.errors import InputError

__all__ = [
    "CategoryRates",
    "bayes_rule",
    "bernoulli_rate",
    "category_rates",
    "exponential_rate",
    "log_evidence",
    "normal_mean",
    "normal_mean_unknown_variance",
    "normal_variance",
    "poisson_rate",
]


def bayes_rule(log_prior: Tensor, log_likelihood: Tensor) -> Tensor:
    """(..., hypotheses) log-posterior of each hypothesis: prior times likelihood over the evidence.

    Where no hypothesis is possible, the posterior is NaN: the evidence is zero.

    Args:
        log_prior: (..., hypotheses), in nats.
        log_likelihood: (..., hypotheses) of the same data under each.

    >>> import torch
    >>> prior, likelihood = torch.tensor([0.01, 0.99]), torch.tensor([0.9, 0.05])  # ill or not, given a positive test
    >>> bayes_rule(prior.log(), likelihood.log()).exp()
    tensor([0.1538, 0.8462])
    """
    return (log_prior + log_likelihood).log_softmax(-1)


def log_evidence(log_prior: Tensor, log_likelihood: Tensor) -> Tensor:
    """(...,) log-probability of the data, whichever hypothesis holds, in nats."""
    return (log_prior + log_likelihood).logsumexp(-1)


def bernoulli_rate(data: ArrayLike, *, alpha: float = 1.0, beta: float = 1.0) -> Any:
    """Beta posterior of the chance of a 1.

    Args:
        data: zeros and ones.
        alpha: ones seen before, as it were.
        beta: zeros seen before, as it were.

    Raises:
        InputError: other data, or a parameter that is not positive.

    >>> posterior = bernoulli_rate([1, 1, 0, 1])
    >>> print(round(posterior.mean(), 3), round(posterior.median(), 3))
    0.667 0.686
    """
    x = _numbers(data, integers=True)
    if not np.isin(x, (0, 1)).all():
        raise InputError("data must hold zeros and ones")
    _check_positive(alpha=alpha, beta=beta)
    return scipy.stats.beta(alpha + x.sum(), beta + (1 - x).sum())


class CategoryRates:
    """A Dirichlet distribution of the chances of K categories, which sum to 1.

    Together they have no median; each of them has one, for its marginal is a beta distribution (Gelman et al. 2013,
    appendix A).

    Args:
        concentration: (K,) positive numbers, K at least 2.

    Attributes:
        joint: the Dirichlet distribution, of scipy.stats.
        marginals: the K beta distributions, of scipy.stats, as one that answers with arrays.
    """

    def __init__(self, concentration: NDArray[np.float64]) -> None:
        self.joint = scipy.stats.dirichlet(concentration)
        self.marginals = scipy.stats.beta(concentration, concentration.sum() - concentration)

    def mean(self) -> NDArray[np.float64]:
        """(K,), which sum to 1."""
        return self.marginals.mean()

    def median(self) -> NDArray[np.float64]:
        """(K,) of each rate alone; they need not sum to 1."""
        return self.marginals.median()

    def interval(self, confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(K,) lower and (K,) upper ends; each rate alone is between its own with this probability."""
        return self.marginals.interval(confidence)

    def rvs(self, size: int = 1, random_state: Any = None) -> NDArray[np.float64]:
        """(size, K) draws of all rates together."""
        return self.joint.rvs(size, random_state)


def category_rates(data: ArrayLike, *, concentration: ArrayLike) -> CategoryRates:
    """Dirichlet posterior of the chances of categories 0 .. K - 1.

    Args:
        data: integers below K.
        concentration: (K,) times each category was seen before, as it were.

    Raises:
        InputError: other data, or a concentration that is not positive.

    >>> posterior = category_rates([0, 2, 2, 2], concentration=[1, 1, 1])
    >>> print(posterior.mean().round(3), posterior.median().round(3))
    [0.286 0.143 0.571] [0.264 0.109 0.579]
    """
    x, prior = _numbers(data, integers=True), np.asarray(concentration, dtype=float)
    if prior.ndim != 1 or len(prior) < 2 or not (prior > 0).all():
        raise InputError("concentration must hold a positive number for each of two categories or more")
    if len(x) and (x.min() < 0 or x.max() >= len(prior)):
        raise InputError(f"data must hold integers from 0 to {len(prior) - 1}")
    return CategoryRates(prior + np.bincount(x.astype(int), minlength=len(prior)))


def poisson_rate(data: ArrayLike, *, shape: float = 1.0, rate: float = 1.0) -> Any:
    """Gamma posterior of the mean of Poisson counts.

    Args:
        data: counts.
        shape: of the gamma prior: events seen before, as it were.
        rate: of the gamma prior: observations they were seen in.

    Raises:
        InputError: other data, or a parameter that is not positive.
    """
    x = _numbers(data, integers=True)
    if (x < 0).any():
        raise InputError("data must hold counts, 0 or more")
    _check_positive(shape=shape, rate=rate)
    return scipy.stats.gamma(shape + x.sum(), scale=1 / (rate + len(x)))


def exponential_rate(data: ArrayLike, *, shape: float = 1.0, rate: float = 1.0) -> Any:
    """Gamma posterior of the rate of exponential waiting times.

    Args:
        data: times.
        shape: of the gamma prior: waits seen before, as it were.
        rate: of the gamma prior: their sum.

    Raises:
        InputError: other data, or a parameter that is not positive.
    """
    x = _numbers(data)
    if (x < 0).any():
        raise InputError("data must hold times, 0 or more")
    _check_positive(shape=shape, rate=rate)
    return scipy.stats.gamma(shape + len(x), scale=1 / (rate + x.sum()))


def normal_mean(data: ArrayLike, *, variance: float, prior_mean: float = 0.0, prior_variance: float = 1.0) -> Any:
    """Normal posterior of the mean of a normal whose variance is known (Bishop 2006, equations 2.141 and 2.142).

    Raises:
        InputError: data that are no numbers, or a variance that is not positive.

    >>> posterior = normal_mean([2.0, 4.0], variance=2.0, prior_variance=1.0)
    >>> print(round(posterior.mean(), 3), round(posterior.var(), 3))
    1.5 0.5
    """
    x = _numbers(data)
    _check_positive(variance=variance, prior_variance=prior_variance)
    precision = 1 / prior_variance + len(x) / variance
    mean = (prior_mean / prior_variance + x.sum() / variance) / precision
    return scipy.stats.norm(float(mean), math.sqrt(1 / precision))


def normal_variance(data: ArrayLike, *, mean: float, shape: float = 1.0, scale: float = 1.0) -> Any:
    """Inverse gamma posterior of the variance of a normal whose mean is known.

    Args:
        data: numbers.
        mean: of the normal.
        shape: of the inverse gamma prior: half the observations seen before, as it were.
        scale: of the inverse gamma prior: half the sum of their squares.

    Raises:
        InputError: data that are no numbers, or a parameter that is not positive.
    """
    x = _numbers(data)
    _check_positive(shape=shape, scale=scale)
    return scipy.stats.invgamma(shape + len(x) / 2, scale=scale + np.square(x - mean).sum() / 2)


def normal_mean_unknown_variance(
    data: ArrayLike, *, prior_mean: float = 0.0, prior_rows: float = 1.0, shape: float = 1.0, scale: float = 1.0
) -> Any:
    """Student-t posterior of the mean of a normal whose variance is unknown, too, and integrated out.

    The prior is normal-inverse-gamma: the mean varies by the normal's own variance over `prior_rows`.

    Args:
        data: numbers.
        prior_mean: of the mean.
        prior_rows: observations that the prior mean stands for.
        shape: of the variance's inverse gamma prior.
        scale: likewise.

    Raises:
        InputError: data that are no numbers, or a parameter that is not positive.
    """
    x = _numbers(data)
    _check_positive(prior_rows=prior_rows, shape=shape, scale=scale)
    count, centre = len(x), (x.mean() if len(x) else prior_mean)
    rows, halves = prior_rows + count, shape + count / 2
    mean = (prior_rows * prior_mean + count * centre) / rows
    spread = np.square(x - centre).sum() + prior_rows * count / rows * (centre - prior_mean) ** 2
    return scipy.stats.t(2 * halves, loc=mean, scale=math.sqrt((scale + spread / 2) / (halves * rows)))


def _numbers(data: ArrayLike, *, integers: bool = False) -> NDArray[np.float64]:
    x = np.asarray(data)
    if x.ndim != 1 or (x.size and x.dtype.kind not in "fiub") or not np.isfinite(x.astype(float)).all():
        raise InputError("data must be a list of finite numbers, one for each observation")
    x = x.astype(float)
    if integers and (x != np.round(x)).any():
        raise InputError("data must hold integers")
    return x


def _check_positive(**parameters: float) -> None:
    for name, value in parameters.items():
        if not value > 0:
            raise InputError(f"{name} must be above 0, not {value}")
