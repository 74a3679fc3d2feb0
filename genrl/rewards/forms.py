"""Rewards as functions of the discriminator's logit h = log D - log(1 - D); high logits mean "expert".

With an optimal discriminator h = log(expert density / learner density), so each form is a function of the
density ratio and makes the learner minimise one divergence. The sign decides what a form teaches about ending an
episode: a reward that is never negative pays for staying alive, one that is never positive pays for dying early.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["RewardForm", "airl", "fairl", "gail", "log_d"]

RewardForm = Callable[[Tensor], Tensor]


def gail(logits: Tensor) -> Tensor:
    """-log(1 - D) = softplus(h), never negative: for tasks whose episodes should last (Ho & Ermon 2016).

    Minimises the Jensen-Shannon divergence. Flat where D is sure that a step is the learner's.

    >>> gail(torch.tensor([0.0]))
    tensor([0.6931])
    """
    return F.softplus(logits)


def log_d(logits: Tensor) -> Tensor:
    """Log D = -softplus(-h), never positive: for tasks whose episodes should end soon (Ho & Ermon 2016)."""
    return -F.softplus(-logits)


def airl(logits: Tensor) -> Tensor:
    """Log D - log(1 - D) = h, of either sign: the sum of the two above (Fu et al. 2018, section 4).

    In expectation under the learner it is minus the reverse KL divergence to the expert.
    """
    return logits


def fairl(logits: Tensor) -> Tensor:
    """-h exp(h): the forward KL divergence, E_expert[-h] by importance weights (Ghasemipour et al. 2019, table 1).

    Positive where the learner goes too often (h < 0), steeply negative where the expert goes far more often than the
    learner; exp(h) is limited at h = 10, where a step would otherwise outweigh a whole batch.
    """
    return -logits * torch.exp(logits.clamp(max=10.0))
