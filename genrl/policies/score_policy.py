"""Diffusion policies: actions drawn by following a learned score from noise."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.policies.sampler_policy import SamplerPolicy
from genrl.score import ScoreModel, VarianceExploding
from genrl.score.distilled_score import DistilledScore
from genrl.score.sampling import SAMPLERS

__all__ = ["ActionScore", "ScorePolicy", "action_score", "action_score_student"]


class ActionScore(ScoreModel):
    """A score model that can also act without noise: its mode is what noise of 0 becomes.

    The probability flow from the middle of the noise is a function of the context: the mean at first, when noise drowns
    everything, and then the way that lies nearest; between two ways that are exactly as near it may stay there.

    Args:
        **kwargs: of `ScoreModel`, with the sampler "heun".

    >>> model = ActionScore(hidden=(8,)).build(2)
    >>> bool((model.mode() == model.mode()).all())
    True
    """

    def mode(self, context: Tensor | None = None) -> Tensor:
        """One row, or one for each row of the context.

        Raises:
            InputError: the context is wrong, or the sampler draws noise on the way.
        """
        if self.sampler != "heun":
            raise InputError(f"{self.sampler} draws noise on its way: take sampler='heun' to act without noise")
        event_shape, given = self.require_built(), self.encode_context(context)
        rows = () if given is None else (len(given),)
        known = given if given is None or self.context_units is None else self.context_units.remove(given)
        start = torch.zeros(prod(rows), prod(event_shape)).to(self.units.mean)
        with torch.no_grad():
            found = SAMPLERS["heun"](self.standard_score(known), self.noise, start, self.evaluations)
        return self.units.restore(found).reshape(*rows, *event_shape)


def action_score() -> GenerativeModel:
    """A score model, not fitted, that a policy's actions can be drawn from, in ten evaluations of its network."""
    return ActionScore(noise=VarianceExploding(least=0.03), evaluations=10, hidden=(256, 256, 256), context_dropout=0.0)


def action_score_student() -> GenerativeModel:
    """The same, not fitted, with a student of four steps that draws the actions: less than half of the evaluations."""
    teacher = ActionScore(noise=VarianceExploding(least=0.03), hidden=(256, 256, 256), context_dropout=0.0)
    return DistilledScore(teacher=teacher, steps=4, ways=5000)


class ScorePolicy(SamplerPolicy):
    """The diffusion policy of Chi et al. 2023: a `SamplerPolicy` with a score model over chunks of actions.

    Departures from the paper: one observation in place of the last few, a multilayer perceptron in place of a
    convolutional or attention network, and Heun's method on the probability flow in place of 100 denoising steps.

    Args:
        *args: of `SamplerPolicy`.
        sampler: another one than `action_score()`.
        chunk: actions that are drawn together.
        executed: of these, before the next are drawn.
        **kwargs: of `SamplerPolicy`.

    >>> from gymnasium import spaces
    >>> policy = ScorePolicy(spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (2,)), chunk=4, executed=2)
    >>> action, state = policy.predict(torch.zeros(5, 3).numpy())
    >>> action.shape, state[0].shape
    ((5, 2), (5, 4, 2))
    """

    def __init__(
        self, *args: Any, sampler: GenerativeModel | None = None, chunk: int = 4, executed: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(*args, sampler=sampler or action_score(), chunk=chunk, executed=executed, **kwargs)
