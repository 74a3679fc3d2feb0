"""Variational Bayes for a mixture of Gaussians, as pure functions (Bishop 2006, section 10.2).

The E step is that of a plain mixture with expected log-densities in place of log-densities, and the M step adds the
moments to the prior. The bound on the log-evidence is what the E step sums less the posterior's divergence from its
prior; that holds because the responsibilities are then the best ones for the posterior they came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from genrl.mixtures import gaussian_wishart
from genrl.mixtures.climbing import Iterations, Watch
from genrl.mixtures.em import Moments, Parameters, expect
from genrl.mixtures.gaussian_wishart import GaussianWishart, Precision
from genrl.mixtures.student_mixture import StudentMixture
from genrl.mixtures.weight_posteriors import WeightPosterior

__all__ = [
    "Families",
    "Posterior",
    "Run",
    "absorb",
    "climb",
    "divergence",
    "evaluate",
    "expected_parameters",
    "predictive",
    "symmetric_prior",
]


@dataclass(frozen=True, kw_only=True)
class Families:
    """Which distributions the posterior is made of.

    Attributes:
        weights: of the components' weights.
        precision: of their precisions.
        reg_covar: added to the variances of the data.
    """

    weights: WeightPosterior
    precision: Precision
    reg_covar: float


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Over all parameters of the mixture; a prior has the same form.

    Attributes:
        concentration: parameters of the weights' distribution.
        components: of means and precisions.
    """

    concentration: Tensor
    components: GaussianWishart


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where the iterations came to.

    Attributes:
        posterior: the last.
        lower_bound: on the log-evidence of the rows under it, in nats.
        moments: of the rows under its responsibilities.
        iterations: done.
        converged: the bound settled.
    """

    posterior: Posterior
    lower_bound: float
    moments: Moments
    iterations: int
    converged: bool


def absorb(prior: Posterior, moments: Moments, families: Families) -> Posterior:
    """The M step: the posterior after rows with these moments."""
    return Posterior(
        concentration=families.weights.absorb(prior.concentration, moments.counts),
        components=gaussian_wishart.absorb(prior.components, moments, families.precision, families.reg_covar),
    )


def expected_parameters(posterior: Posterior, families: Families) -> Parameters:
    """The mixture whose log-densities are the expected ones; its weights do not sum to 1."""
    components, form = posterior.components, families.precision.covariance
    covariances = components.scales / families.precision.per_component(components.degrees)
    return Parameters(
        log_weights=families.weights.expected_log(posterior.concentration)
        + gaussian_wishart.expected_log_weights(components, families.precision),
        means=components.means,
        covariances=covariances,
        factors=form.factorise(covariances),
    )


def divergence(posterior: Posterior, prior: Posterior, families: Families) -> float:
    """KL divergence of all parameters' posterior from their prior, in nats."""
    weights = families.weights.divergence(posterior.concentration, prior.concentration)
    components = gaussian_wishart.divergence(posterior.components, prior.components, families.precision)
    return float(weights + components.sum())


def evaluate(x: Tensor, posterior: Posterior, prior: Posterior, families: Families) -> tuple[float, Moments]:
    """The E step: the bound on the log-evidence of x in nats, and the moments."""
    likelihood, moments = expect(x, expected_parameters(posterior, families), families.precision.covariance)
    return likelihood * len(x) - divergence(posterior, prior, families), moments


def climb(
    x: Tensor,
    prior: Posterior,
    start: Posterior,
    families: Families,
    *,
    tol: float,
    max_iter: int,
    watch: Watch | None = None,
) -> Run:
    """E and M steps in turn until the bound gains less than `tol`.

    Args:
        x: (rows, d).
        prior: of the parameters, before these rows.
        start: the first posterior.
        families: what both are made of.
        tol: in nats, of all rows together.
        max_iter: iterations at most.
        watch: told of each iteration; the loss is minus the bound, for each row.
    """
    iterations, goes_on = Iterations(watch or Watch(None), max_iter, start), True
    while goes_on:
        posterior = iterations.parameters
        bound, moments = evaluate(x, posterior, prior, families)
        settled = abs(bound - iterations.objective) < tol
        goes_on = iterations.follow(-bound / len(x), bound, absorb(prior, moments, families), settled=settled)
    return Run(posterior=posterior, lower_bound=bound, moments=moments, iterations=iterations.done, converged=settled)


def symmetric_prior(
    mean: Tensor,
    scale: Tensor,
    families: Families,
    components: int,
    concentration: float | None = None,
    rows: float | None = None,
    degrees: float | None = None,
) -> Posterior:
    """The same prior for every component.

    Args:
        mean: (d,).
        scale: of one component's precision.
        families: it is made of.
        components: K.
        concentration: of the weights; None is 1 / K.
        rows: that the mean stands for; None is 1.
        degrees: of freedom; None is d.
    """
    each, columns = mean.new_ones(components), len(mean)
    weights = families.weights.prior(1 / components if concentration is None else concentration, components)
    return Posterior(
        concentration=weights.to(mean.device),
        components=GaussianWishart(
            means=mean.expand(components, columns),
            rows=each * (1.0 if rows is None else rows),
            degrees=each * (float(columns) if degrees is None else degrees),
            scales=scale.expand(components, *scale.shape),
        ),
    )


def predictive(posterior: Posterior, families: Families) -> StudentMixture:
    """The density of one more row (Bishop 2006, equations 10.81 and 10.82)."""
    components, precision = posterior.components, families.precision
    degrees = components.degrees - precision.least_degrees(components.means.shape[1])
    widening = (1 + components.rows) / (components.rows * degrees)
    return StudentMixture(
        weights=families.weights.mean(posterior.concentration),
        means=components.means,
        scales=components.scales * precision.per_component(widening),
        degrees=degrees,
    )
