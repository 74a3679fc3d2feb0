"""What a discriminator is trained by, together with what its output then says about the density ratio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.gans.losses import (
    DiscriminatorLoss,
    cross_entropy_discriminator,
    hinge_discriminator,
    least_squares_discriminator,
    wasserstein_discriminator,
)

__all__ = ["CROSS_ENTROPY", "HINGE", "LEAST_SQUARES", "WASSERSTEIN", "Objective", "least_squares_log_ratio"]

SUREST = 0.99
"""Largest least-squares output that is told apart from 1: a difference of a hundredth there is the network's error."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A loss, and how the output of the network that minimises it is read.

    Attributes:
        loss: to be minimised.
        log_ratio: maps (batch,) outputs to log(real density / fake density), element by element; None where the
            output does not hold it.
    """

    loss: DiscriminatorLoss
    log_ratio: Callable[[Tensor], Tensor] | None


def least_squares_log_ratio(outputs: Tensor) -> Tensor:
    """Log(real density / fake density) = 2 artanh(f) of a least-squares output f, (batch,).

    The loss (Mao et al. 2017, equation 2, a = -1, b = 1) is least at f = (p - q) / (p + q), so that
    D = (1 + f) / 2. Outputs beyond +-0.99 count as that: the log ratio stays within +-5.3.

    >>> least_squares_log_ratio(torch.tensor([0.0, 0.5]))  # D = 1/2 and 3/4
    tensor([0.0000, 1.0986])
    """
    return 2 * torch.atanh(outputs.clamp(-SUREST, SUREST))


CROSS_ENTROPY = Objective(loss=cross_entropy_discriminator, log_ratio=lambda outputs: outputs)
"""The output is the logit of D, and at the optimum the log ratio itself (Goodfellow et al. 2014, proposition 1)."""

LEAST_SQUARES = Objective(loss=least_squares_discriminator, log_ratio=least_squares_log_ratio)
"""The output lies between -1 and 1, and is a bounded function of the log ratio."""

WASSERSTEIN = Objective(loss=wasserstein_discriminator, log_ratio=None)
"""The critic's output is a height, not a probability: its zero is anywhere, and its slope is what the Lipschitz
constraint allows. Only differences between outputs mean something."""

HINGE = Objective(loss=hinge_discriminator, log_ratio=None)
"""The output is a margin: at the optimum 1 where the real density is the greater and -1 where the fake one is. Its sign
says which, so that its zero means something, but by how much it does not say."""
