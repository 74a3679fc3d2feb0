"""Objectives of the adversarial game as pure functions of logits; high logits mean "real".

D = sigmoid(logit) is the probability that an input is real (in imitation: the expert's). Every function
maps (batch,) logits to a scalar to be minimised, averaged over the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "DiscriminatorLoss",
    "GeneratorLoss",
    "bernoulli_entropy",
    "cross_entropy_discriminator",
    "hinge_discriminator",
    "hinge_generator",
    "least_squares_discriminator",
    "least_squares_generator",
    "minimax_generator",
    "non_saturating_generator",
    "wasserstein_discriminator",
    "wasserstein_generator",
]

DiscriminatorLoss = Callable[[Tensor, Tensor], Tensor]
"""A loss for logits and targets in [0, 1], both (batch,); 1 is real. Soft targets come from
label smoothing and Mixup, which is why every objective is written for targets instead of two batches."""

GeneratorLoss = Callable[[Tensor], Tensor]
"""A loss for the logits of generated rows, (batch,)."""


def cross_entropy_discriminator(logits: Tensor, targets: Tensor) -> Tensor:
    """-E[t log D + (1 - t) log(1 - D)] (Goodfellow et al. 2014, equation 1; both minimax and non-saturating).

    A balanced batch gives minus half of the paper's value, whose two expectations are summed: log 2
    where D cannot tell.
    """
    return F.binary_cross_entropy_with_logits(logits, targets)


def least_squares_discriminator(logits: Tensor, targets: Tensor) -> Tensor:
    """E[(logit - (2t - 1))^2] / 2: real is drawn to 1, fake to -1 (Mao et al. 2017, equation 2, a = -1, b = 1).

    Half of the paper's value for a balanced batch, which is averaged here and not summed over its two sides.
    Targets of plus and minus one, not one and zero, so that the logit's sign keeps its meaning.
    """
    return 0.5 * (logits - (2 * targets - 1)).square().mean()


def wasserstein_discriminator(logits: Tensor, targets: Tensor) -> Tensor:
    """E_fake[logit] - E_real[logit] for a balanced batch (Arjovsky et al. 2017, equation 2).

    Bounded only if the critic is Lipschitz: use it with a gradient penalty or spectral norm.
    """
    return -2 * ((2 * targets - 1) * logits).mean()


def hinge_discriminator(logits: Tensor, targets: Tensor) -> Tensor:
    """E[t max(0, 1 - logit) + (1 - t) max(0, 1 + logit)] (Miyato et al. 2018, equation 16, negated).

    A row whose logit has the right sign and is beyond 1 pulls no more. Half of the paper's value for a balanced batch,
    whose two expectations are summed there.
    """
    return (targets * F.relu(1 - logits) + (1 - targets) * F.relu(1 + logits)).mean()


def minimax_generator(fake_logits: Tensor) -> Tensor:
    """E[log(1 - D)], the zero-sum game; its gradient vanishes where D is sure (Goodfellow et al. 2014)."""
    return -F.softplus(fake_logits).mean()


def non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """-E[log D]: same fixed point, no vanishing gradient (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake_logits).mean()


def least_squares_generator(fake_logits: Tensor) -> Tensor:
    """E[(logit - 1)^2] / 2 (Mao et al. 2017, equation 2, c = 1)."""
    return 0.5 * (fake_logits - 1).square().mean()


def wasserstein_generator(fake_logits: Tensor) -> Tensor:
    """-E[logit] (Arjovsky et al. 2017)."""
    return -fake_logits.mean()


def hinge_generator(fake_logits: Tensor) -> Tensor:
    """-E[logit], that of Wasserstein: only the discriminator has a margin (Miyato et al. 2018, equation 17)."""
    return wasserstein_generator(fake_logits)


def bernoulli_entropy(logits: Tensor) -> Tensor:
    """Mean entropy in nats of Bernoulli(sigmoid(logit)); log 2 where D cannot tell.

    >>> round(bernoulli_entropy(torch.zeros(4)).item(), 4)
    0.6931
    """
    probability = torch.sigmoid(logits)
    return (F.softplus(logits) - probability * logits).mean()
