"""The losses of world models, as pure functions."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["balanced_kl", "bounded_log_variance", "gaussian_kl", "gaussian_nll"]


def gaussian_nll(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """-log N(x; mean, exp(log_variance)) summed over the columns, (...,) nats (Chua et al. 2018, equation 1).

    >>> round(float(gaussian_nll(torch.zeros(1), torch.zeros(1), torch.zeros(1))), 4)
    0.9189
    """
    squared = (x - mean).square() * (-log_variance).exp()
    return 0.5 * (squared + log_variance + math.log(2 * math.pi)).sum(-1)


def bounded_log_variance(raw: Tensor, least: Tensor, greatest: Tensor) -> Tensor:
    """A log-variance between two bounds that are learned with it (Chua et al. 2018, appendix A.1).

    The bounds are approached smoothly, so that gradients reach them: a variance far from any data would otherwise be
    anything.
    """
    below = greatest - F.softplus(greatest - raw)
    return least + F.softplus(below - least)


def gaussian_kl(mean: Tensor, std: Tensor, other_mean: Tensor, other_std: Tensor) -> Tensor:
    """KL(N(mean, std^2) | N(other_mean, other_std^2)) summed over the columns, (...,) nats."""
    ratio = (std / other_std).square()
    shift = ((mean - other_mean) / other_std).square()
    return 0.5 * (ratio + shift - 1 - ratio.log()).sum(-1)


def balanced_kl(
    posterior: tuple[Tensor, Tensor], prior: tuple[Tensor, Tensor], *, balance: float, free_nats: float
) -> Tensor:
    """The divergence of a posterior from a prior that is to be learned faster than it (Hafner et al. 2021, equation 2).

    Its value is the divergence, or `free_nats` where that is less; of its gradient, `balance` goes to the prior and
    the rest to the posterior. The two halves are limited by themselves and on average over rows, as in the paper's
    code.

    Args:
        posterior: mean and standard deviation, (..., columns) each.
        prior: likewise.
        balance: within 0 .. 1.
        free_nats: divergence that costs nothing more.
    """
    to_prior = gaussian_kl(posterior[0].detach(), posterior[1].detach(), *prior).mean()
    to_posterior = gaussian_kl(*posterior, prior[0].detach(), prior[1].detach()).mean()
    free = torch.as_tensor(free_nats, dtype=to_prior.dtype, device=to_prior.device)
    return balance * torch.maximum(to_prior, free) + (1 - balance) * torch.maximum(to_posterior, free)
