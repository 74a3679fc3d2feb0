"""The plainest density of codes: one Gaussian, whose mean moves linearly with the context."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress

__all__ = ["CodeGaussian"]

LEAST_VARIANCE = 1e-6  # relative to the mean variance, so that directions in which codes do not vary have a density


class CodeGaussian(GenerativeModel):
    """A Gaussian with a full covariance matrix, fitted by maximum likelihood in closed form.

    Given a context its mean is the least-squares prediction from it, and its covariance that of what is left.
    Computes in float64.

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> density = CodeGaussian().fit(torch.randn(2000, 2) * torch.tensor([1.0, 3.0]))
    >>> density.sample(1000).std(0).round()
    tensor([1., 3.])
    """

    architecture = "one Gaussian, no network"
    log_prob_kind: Literal["exact"] = "exact"

    coefficients: Tensor
    cholesky: Tensor

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) in nats.

        Raises:
            InputError: wrong shapes.
        """
        given = self.check_rows(x, context)
        return self._gaussian(given).log_prob(x.to(self.cholesky)).to(x.dtype)

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + (columns,)`, or `sample_shape + (rows, columns)` with a context."""
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        with torch.no_grad():
            return self._gaussian(self.encode_context(context)).sample(torch.Size(shape)).float()

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if len(event_shape) != 1:
            raise InputError(f"codes are rows of columns, not of shape {event_shape}: flatten them")
        columns = event_shape[0]
        self.register_buffer("coefficients", torch.zeros(1 + context_features, columns, dtype=torch.float64))
        self.register_buffer("cholesky", torch.eye(columns, dtype=torch.float64))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        rows = x.to(self.cholesky)
        design = self._design(None if context is None else context.to(rows), len(x))
        coefficients = torch.linalg.pinv(design) @ rows
        left = rows - design @ coefficients
        covariance = left.T @ left / len(rows)
        floor = LEAST_VARIANCE * covariance.diagonal().mean() + 1e-12
        self.coefficients.copy_(coefficients)
        self.cholesky.copy_(torch.linalg.cholesky(covariance + floor * torch.eye(len(covariance)).to(covariance)))

    def _design(self, context: Tensor | None, rows: int) -> Tensor:
        ones = self.cholesky.new_ones(rows, 1)
        return ones if context is None else torch.cat([ones, context.to(ones)], 1)

    def _gaussian(self, context: Tensor | None) -> MultivariateNormal:
        """One, or one for each row of the context."""
        mean = self._design(context, 1 if context is None else len(context)) @ self.coefficients
        return MultivariateNormal(mean[0] if context is None else mean, scale_tril=self.cholesky)
