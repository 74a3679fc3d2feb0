"""Rewards from densities: how likely a transition is under the expert's, alone or against the learner's."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.nn import Standardise
from genrl.rewards.following_density import DensityTraining, FollowingDensity
from genrl.rewards.inputs import InputParts, TransitionInputs, rows_of
from genrl.transitions import Transitions

__all__ = ["DensityRatioReward", "DensityReward"]


class DensityReward(nn.Module):
    """log p(transition) under the expert's density, which is fitted once and never changes.

    No game is played, so nothing can become unstable; but where the learner is, the density has seen nothing, and what
    it says there is extrapolation.

    A bound does in place of the density: a `VAE` pays its evidence lower bound. That is an average over draws of the
    code, but of draws that are the same for every row and every time, so that the reward is still a function of the
    row; only a posterior bent by a flow draws for each place in the batch, and is not for rewards.

    Args:
        density: a model with `log_prob`, not fitted yet.
        parts: what of a transition it sees.
        training: how it is fitted.

    Raises:
        InputError: the model does not know its density, or cannot do without labels or a context.
    """

    unscaled: Literal[True] = True
    fitted: Tensor

    def __init__(
        self,
        density: GenerativeModel,
        *,
        parts: InputParts = "state-action",
        training: DensityTraining | None = None,
    ) -> None:
        super().__init__()
        self.parts: InputParts = parts
        self.expert = FollowingDensity(density, training or DensityTraining())
        self.inputs: TransitionInputs | None = None
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def take_standardisers(self, observations: Standardise, actions: Standardise) -> None:
        """See transitions in these units from now on; the density's shape follows."""
        self.inputs = TransitionInputs(self.parts, observations, actions)
        self.expert.build(self.inputs.out_features)

    @torch.no_grad()
    def reward(self, transitions: Transitions) -> Tensor:
        """(batch,) in nats."""
        return self.expert.log_prob(rows_of(self.inputs, transitions))

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        """Fit the density to the expert, once."""
        if self.fitted:
            return {}
        rows = rows_of(self.inputs, expert)
        loss = self.expert.update(rows, steps=self.expert.training_config.first_steps)
        self.fitted.fill_(True)
        return {"nll_expert": loss}


class DensityRatioReward(nn.Module):
    """log p_expert(transition) - log p_learner(transition), of two densities that are fitted side by side.

    What an optimal discriminator's logit tends to, without a discriminator (the coupled flows of Freund et al. 2023,
    section 4). The expert's density is fitted once, the learner's follows the learner.

    Between distributions whose supports are disjoint the ratio, and the divergence that is its mean, would be infinite.
    Here it is not: noise gives both densities all of space, and a log-density below `training.limit` nats a column is
    held there. Where one of both is at that limit the reward says which side a transition is on, and has no slope.

    Args:
        expert: a model with `log_prob`, not fitted yet.
        learner: another one.
        parts: what of a transition they see.
        training: how they are fitted.

    Raises:
        InputError: a model does not know its density or cannot do without labels, or both are one.
    """

    unscaled: Literal[True] = True
    fitted: Tensor

    def __init__(
        self,
        *,
        expert: GenerativeModel,
        learner: GenerativeModel,
        parts: InputParts = "state-action",
        training: DensityTraining | None = None,
    ) -> None:
        super().__init__()
        if expert is learner:
            raise InputError("expert and learner need a density each: pass two models, not one twice")
        settings = training or DensityTraining()
        self.parts: InputParts = parts
        self.expert = FollowingDensity(expert, settings)
        self.learner = FollowingDensity(learner, settings)
        self.inputs: TransitionInputs | None = None
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def take_standardisers(self, observations: Standardise, actions: Standardise) -> None:
        """See transitions in these units from now on; the densities' shapes follow."""
        self.inputs = TransitionInputs(self.parts, observations, actions)
        for density in (self.expert, self.learner):
            density.build(self.inputs.out_features)

    @torch.no_grad()
    def reward(self, transitions: Transitions) -> Tensor:
        """(batch,) in nats."""
        rows = rows_of(self.inputs, transitions)
        return self.expert.log_prob(rows) - self.learner.log_prob(rows)

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        """Fit the expert's density if it has not been, and let the learner's follow."""
        metrics = {}
        if not self.fitted:
            steps = self.expert.training_config.first_steps
            metrics["nll_expert"] = self.expert.update(rows_of(self.inputs, expert), steps=steps)
            self.fitted.fill_(True)
        metrics["nll_learner"] = self.learner.update(rows_of(self.inputs, learner))
        metrics["logit_expert"] = float(self.reward(expert).mean())
        metrics["logit_learner"] = float(self.reward(learner).mean())
        return metrics
