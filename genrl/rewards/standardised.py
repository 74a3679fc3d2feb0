"""Puts the rewards of another model on a scale that every learner and task can live with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.protocols import RewardModel
from genrl.transitions import Transitions

__all__ = ["StandardisedReward"]


class StandardisedReward(nn.Module):
    """((reward - mean) / max(std, floor) + offset) * scale, with the statistics of what the learner earned last.

    The statistics move in `update` alone, so `reward` remains a function of a row. A linear map keeps the order of
    rewards; a positive offset makes an average step worth living for, without paying a bad step for being alive.

    Args:
        inner: the model whose rewards are standardised.
        offset: mean of the standardised rewards.
        momentum: weight of the newest statistics, after the first, which are taken whole; 1 forgets the earlier ones,
            as suits whole rollouts.
        floor: smallest deviation divided by. Before a discriminator has learned anything its rewards differ by
            rounding only, and without a floor that noise would be scaled up to the size of a signal.
        scale: of the result. The value function learns sums of 1 / (1 - gamma) rewards, and is slow to reach hundreds;
            while it is far off, its gradients drown the policy's where the two are clipped together.

    Raises:
        InputError: `momentum` is not in (0, 1], or `floor` is not positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        inner: RewardModel,
        *,
        offset: float = 1.0,
        momentum: float = 1.0,
        floor: float = 0.1,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 < momentum <= 1 or not floor > 0:
            raise InputError(f"momentum must be in (0, 1] and floor above 0, not {momentum} and {floor}")
        self.inner = inner
        self.offset = offset
        self.momentum = momentum
        self.floor = floor
        self.scale = scale
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    def reward(self, transitions: Transitions) -> Tensor:
        """(batch,) standardised rewards."""
        standardised = (self.inner.reward(transitions) - self.mean) / self.std.clamp(min=self.floor)
        return (standardised + self.offset) * self.scale

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        """Update the inner model, then the statistics on all of the learner's rows."""
        metrics = self.inner.update(expert, learner)
        earned = self.inner.reward(learner).detach()
        # The initial statistics are of no reward ever earned, and an average with them would be biased for long.
        untouched = self.mean.item() == 0.0 and self.std.item() == 1.0
        weight = 1.0 if untouched else self.momentum
        self.mean.lerp_(earned.mean(), weight)
        self.std.lerp_(earned.std(correction=0), weight)
        return metrics
