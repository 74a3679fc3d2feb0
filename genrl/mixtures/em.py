"""One iteration of expectation-maximisation for a mixture of Gaussians, as pure functions.

Rows are met in blocks whose temporaries stay in the processor's cache. They and the means are taken relative to the
mixture's own mean, so that data far from zero lose no digits in the matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.mixtures.covariances import CovarianceForm

__all__ = ["Moments", "Parameters", "block_rows", "expect", "log_density", "maximise", "moments_of"]

BLOCK = 262_144  # numbers in a block's largest temporary: 2 MiB


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """A mixture of K Gaussians in d columns, float64.

    Attributes:
        log_weights: (K,) added to the log-densities of the components.
        means: (K, d).
        covariances: in the layout of their form.
        factors: of the inverse covariances, likewise.
    """

    log_weights: Tensor
    means: Tensor
    covariances: Tensor
    factors: Tensor

    @property
    def weights(self) -> Tensor:
        """(K,)."""
        return self.log_weights.exp()


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


def block_rows(components: int, columns: int) -> int:
    """Rows of a block."""
    return min(4096, max(64, BLOCK // (components * columns)))


def log_density(x: Tensor, parameters: Parameters, form: CovarianceForm) -> Tensor:
    """(rows, K) log p(component, x)."""
    origin, of_block = _joint_log_density(parameters, form)
    return torch.cat([of_block(block - origin) for block in x.split(block_rows(*parameters.means.shape))])


def expect(x: Tensor, parameters: Parameters, form: CovarianceForm) -> tuple[float, Moments]:
    """The E step: the mean log-likelihood, and the moments under the posterior of the component.

    Bishop 2006, equation 9.23 for the responsibilities.
    """
    origin, of_block = _joint_log_density(parameters, form)
    likelihood, counts = x.new_zeros(()), torch.zeros_like(parameters.log_weights)
    sums, scatter = torch.zeros_like(parameters.means), torch.zeros_like(parameters.covariances)
    for block in x.split(block_rows(*parameters.means.shape)):
        rows = block - origin
        joint = of_block(rows)
        highest = joint.amax(1, keepdim=True)
        shares = (joint - highest).exp_()  # one exponential serves evidence and responsibilities
        totals = shares.sum(1, keepdim=True)
        responsibilities = shares.div_(totals)
        likelihood += (highest + totals.log()).sum()
        counts += responsibilities.sum(0)
        more_sums, more_scatter = form.moments(rows, parameters.means - origin, responsibilities)
        sums += more_sums
        scatter += more_scatter
    return float(likelihood) / len(x), Moments(counts=counts, sums=sums, scatter=scatter, centres=parameters.means)


def moments_of(x: Tensor, responsibilities: Tensor, form: CovarianceForm) -> Moments:
    """The moments under responsibilities that are given, (rows, K)."""
    counts, origin = responsibilities.sum(0), x.mean(0)
    components, columns = len(counts), x.shape[1]
    centres = (responsibilities.T @ (x - origin)) / counts.clamp(min=_least(x))[:, None]
    sums, scatter = torch.zeros_like(centres), x.new_zeros(form.shape(components, columns))
    size = block_rows(components, columns)
    for block, weights in zip(x.split(size), responsibilities.split(size), strict=True):
        more_sums, more_scatter = form.moments(block - origin, centres, weights)
        sums += more_sums
        scatter += more_scatter
    return Moments(counts=counts, sums=sums, scatter=scatter, centres=centres + origin)


def maximise(moments: Moments, form: CovarianceForm, reg_covar: float) -> Parameters:
    """The M step: the parameters that make the expected log-likelihood largest (Bishop 2006, equations 9.24 to 9.26).

    Raises:
        InputError: a covariance has no inverse.
    """
    counts = moments.counts + 10 * _least(moments.counts)  # an empty component stays where it is
    shift = moments.sums / counts[:, None]
    covariances = form.estimate(moments.scatter, shift, counts, reg_covar)
    return Parameters(
        log_weights=(counts / counts.sum()).log(),
        means=moments.centres + shift,
        covariances=covariances,
        factors=form.factorise(covariances),
    )


def _joint_log_density(parameters: Parameters, form: CovarianceForm) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """An origin amid the means, and the function from rows relative to it to (B, K) log p(component, x)."""
    origin = parameters.log_weights.softmax(0) @ parameters.means
    columns = parameters.means.shape[1]
    squares = form.squares(parameters.means - origin, parameters.factors)
    constants = parameters.log_weights + form.log_det(parameters.factors, columns) - columns / 2 * math.log(2 * math.pi)
    return origin, lambda rows: torch.add(constants, squares(rows), alpha=-0.5)


def _least(x: Tensor) -> float:
    return torch.finfo(x.dtype).eps
