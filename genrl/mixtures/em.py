"""One iteration of expectation-maximisation for a mixture of Gaussians, as pure functions.

Both steps share one pass over the rows in blocks that stay in the processor's cache: the differences from the means,
which the densities need, are what the scatter matrices are summed from.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.mixtures.covariances import CovarianceForm

__all__ = ["Moments", "Parameters", "expect", "log_density", "maximise", "moments_of"]

BLOCK = 1024  # rows


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """A mixture of K Gaussians in d columns, float64.

    Attributes:
        weights: (K,), which sum to 1.
        means: (K, d).
        covariances: in the layout of their form.
        factors: of the inverse covariances, likewise.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor
    factors: Tensor


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sums over rows, weighted by responsibilities.

    Attributes:
        counts: (K,) of the responsibilities.
        sums: (K, d) of r (x - centre).
        scatter: of r (x - centre)(x - centre)^T, as much as the form of covariance needs.
        centres: (K, d).
    """

    counts: Tensor
    sums: Tensor
    scatter: Tensor
    centres: Tensor


def joint_log_density(x: Tensor, parameters: Parameters, form: CovarianceForm) -> tuple[Tensor, Tensor]:
    """(B, K) log p(component, x), and the (K, B, d) differences from the means."""
    differences = x[None] - parameters.means[:, None]
    return form.log_gaussian(differences, parameters.factors) + parameters.weights.log(), differences


def log_density(x: Tensor, parameters: Parameters, form: CovarianceForm) -> Tensor:
    """(rows, K) log p(component, x), in blocks."""
    return torch.cat([joint_log_density(block, parameters, form)[0] for block in x.split(BLOCK)])


def expect(x: Tensor, parameters: Parameters, form: CovarianceForm) -> tuple[float, Moments]:
    """The E step: the mean log-likelihood, and the moments under the posterior of the component.

    Bishop 2006, equation 9.23 for the responsibilities.
    """
    components, columns = parameters.means.shape
    counts, sums = x.new_zeros(components), x.new_zeros(components, columns)
    scatter: Tensor | None = None
    likelihood = x.new_zeros(())
    for block in x.split(BLOCK):
        joint, differences = joint_log_density(block, parameters, form)
        evidence = joint.logsumexp(1, keepdim=True)
        responsibilities = (joint - evidence).exp()
        likelihood += evidence.sum()
        counts += responsibilities.sum(0)
        sums += torch.einsum("bk,kbi->ki", responsibilities, differences)
        scattered = form.scatter(differences, responsibilities)
        scatter = scattered if scatter is None else scatter + scattered
    assert scatter is not None
    return float(likelihood) / len(x), Moments(counts=counts, sums=sums, scatter=scatter, centres=parameters.means)


def moments_of(x: Tensor, responsibilities: Tensor, form: CovarianceForm) -> Moments:
    """The moments under responsibilities that are given, (rows, K)."""
    counts = responsibilities.sum(0)
    centres = (responsibilities.T @ x) / counts.clamp(min=_least(x))[:, None]
    scatter: Tensor | None = None
    for block, weights in zip(x.split(BLOCK), responsibilities.split(BLOCK), strict=True):
        scattered = form.scatter(block[None] - centres[:, None], weights)
        scatter = scattered if scatter is None else scatter + scattered
    assert scatter is not None
    return Moments(counts=counts, sums=torch.zeros_like(centres), scatter=scatter, centres=centres)


def maximise(moments: Moments, form: CovarianceForm, reg_covar: float) -> Parameters:
    """The M step: the parameters that make the expected log-likelihood largest (Bishop 2006, equations 9.24 to 9.26).

    Raises:
        InputError: a covariance has no inverse.
    """
    counts = moments.counts + 10 * _least(moments.counts)  # an empty component stays where it is
    shift = moments.sums / counts[:, None]
    covariances = form.estimate(moments.scatter, shift, counts, reg_covar)
    return Parameters(
        weights=counts / counts.sum(),
        means=moments.centres + shift,
        covariances=covariances,
        factors=form.factorise(covariances),
    )


def _least(x: Tensor) -> float:
    return torch.finfo(x.dtype).eps
