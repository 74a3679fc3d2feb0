"""Penalties on a discriminator's gradient with respect to its input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["GradientPenalty", "interpolation_penalty", "real_penalty"]

Critic = Callable[[Tensor], Tensor]
GradientPenalty = Callable[[Critic, Tensor, Tensor], Tensor]
"""(critic, real inputs, fake inputs) to a scalar; inputs (batch, features), critic gives (batch,) logits."""


def interpolation_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """E[(|grad critic(x)| - 1)^2] on segments between real and fake (Gulrajani et al. 2017, equation 3)."""
    share = torch.rand(len(real), 1, device=real.device)
    norm = _gradient(critic, share * real + (1 - share) * fake).norm(dim=1)
    return (norm - 1).square().mean()


def real_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """R1: E[|grad critic(x)|^2] / 2 at real inputs alone (Mescheder et al. 2018, equation 9)."""
    return 0.5 * _gradient(critic, real).square().sum(1).mean()


def _gradient(critic: Critic, inputs: Tensor) -> Tensor:
    inputs = inputs.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(inputs).sum(), inputs, create_graph=True)
    return gradient
