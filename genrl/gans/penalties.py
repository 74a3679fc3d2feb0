"""Penalties on a discriminator's gradient with respect to its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

__all__ = [
    "PENALTIES",
    "GradientPenalty",
    "PenaltyName",
    "fake_penalty",
    "interpolation_penalty",
    "one_sided_penalty",
    "real_and_fake_penalty",
    "real_penalty",
]

Critic = Callable[[Tensor], Tensor]
GradientPenalty = Callable[[Critic, Tensor, Tensor], Tensor]
"""(critic, real inputs, fake inputs) to a scalar; inputs (batch, features), critic gives (batch,) logits."""


def interpolation_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """E[(|grad critic(x)| - 1)^2] on segments between real and fake (Gulrajani et al. 2017, equation 3)."""
    return (_norm_between(critic, real, fake) - 1).square().mean()


def one_sided_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, |grad critic(x)| - 1)^2] on the same segments (Petzka et al. 2018).

    A Lipschitz function need not be steep everywhere: where real and fake rows lie among each other the best critic has
    ridges, which a penalty on flat places forbids.
    """
    return (_norm_between(critic, real, fake) - 1).clamp(min=0).square().mean()


def real_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """R1: E[|grad critic(x)|^2] / 2 at real inputs alone (Mescheder et al. 2018, equation 9)."""
    return 0.5 * _gradient(critic, real).square().sum(1).mean()


def fake_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """R2: E[|grad critic(x)|^2] / 2 at fake inputs alone (Mescheder et al. 2018, equation 10)."""
    return 0.5 * _gradient(critic, fake).square().sum(1).mean()


def real_and_fake_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """R1 + R2: half of E[|grad critic(x)|^2] at real inputs and half of it at fake ones, summed."""
    return real_penalty(critic, real, fake) + fake_penalty(critic, real, fake)


PenaltyName = Literal["interpolation", "one_sided", "r1", "r2", "r1_r2"]

PENALTIES: dict[PenaltyName, GradientPenalty] = {
    "interpolation": interpolation_penalty,
    "one_sided": one_sided_penalty,
    "r1": real_penalty,
    "r2": fake_penalty,
    "r1_r2": real_and_fake_penalty,
}


def _norm_between(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    share = torch.rand(len(real), 1, device=real.device)
    return _gradient(critic, share * real + (1 - share) * fake).norm(dim=1)


def _gradient(critic: Critic, inputs: Tensor) -> Tensor:
    inputs = inputs.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(inputs).sum(), inputs, create_graph=True)
    return gradient
