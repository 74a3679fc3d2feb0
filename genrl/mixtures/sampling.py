"""Draws from a mixture of Gaussians, of all its columns or of the later ones given the earlier ones."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.mixtures.covariances import FULL, CovarianceForm
from genrl.mixtures.em import Parameters, log_density

__all__ = ["context_parameters", "draw", "draw_given", "pick"]


def pick(chances: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(*shape, rows) numbers 0 .. K - 1, drawn by (rows, K) chances."""
    size = torch.Size(shape).numel()
    drawn = torch.multinomial(chances, max(1, size), replacement=True).T[:size]
    return drawn.reshape(*shape, len(chances))


def draw(parameters: Parameters, form: CovarianceForm, picked: Tensor) -> Tensor:
    """(*shape, d) rows of the components picked, which may be of any shape."""
    components, columns = parameters.means.shape
    lower = torch.linalg.cholesky(form.as_matrices(parameters.covariances, components, columns))
    noise = torch.randn(*picked.shape, columns, dtype=lower.dtype, device=lower.device)
    return parameters.means[picked] + (lower[picked] @ noise[..., None])[..., 0]


def context_parameters(parameters: Parameters, form: CovarianceForm, context_features: int) -> Parameters:
    """The marginal mixture of the first columns, with full covariances."""
    components, columns = parameters.means.shape
    covariances = form.as_matrices(parameters.covariances, components, columns)
    marginal = covariances[:, :context_features, :context_features]
    return Parameters(
        log_weights=parameters.log_weights,
        means=parameters.means[:, :context_features],
        covariances=marginal,
        factors=FULL.factorise(marginal),
    )


def draw_given(parameters: Parameters, form: CovarianceForm, context: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(*shape, rows, d - c): the later columns given the first c (Bishop 2006, equations 2.81 and 2.82).

    Args:
        parameters: of all d columns.
        form: of their covariances.
        context: (rows, c).
        shape: of the draws for each row.
    """
    components, columns = parameters.means.shape
    known = context.shape[1]
    covariances = form.as_matrices(parameters.covariances, components, columns)
    marginal = context_parameters(parameters, form, known)
    picked = pick(log_density(context, marginal, FULL).softmax(1), shape)
    cross, lower_right = covariances[:, known:, :known], covariances[:, known:, known:]
    slopes = torch.linalg.solve(marginal.covariances, cross.mT).mT  # (K, d - c, c)
    lower = torch.linalg.cholesky(lower_right - slopes @ cross.mT)
    means = parameters.means[picked, known:]
    means = means + (slopes[picked] @ (context - marginal.means[picked])[..., None])[..., 0]
    return means + (lower[picked] @ torch.randn_like(means)[..., None])[..., 0]
