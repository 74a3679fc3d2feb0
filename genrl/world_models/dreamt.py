"""What is dreamt in one step, and who can dream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from gymnasium import spaces
from torch import Tensor

from genrl.world_models.terminations import TerminationRule

__all__ = ["DreamState", "Dreamer", "Dreamt", "Rollout", "ended"]

DreamState = dict[str, Tensor]
"""All that a dream carries from step to step; each tensor has one row a dream."""


@dataclass(frozen=True, kw_only=True)
class Dreamt:
    """One step of many dreams.

    Attributes:
        state: after the step.
        observations: (rows, observation_dim) that the step led to.
        rewards: (rows,).
        termination_logits: (rows,) log-odds that the episode ends there; None if that is not learned.
        disagreement: (rows,) how far the model is from being sure, at least 0.
    """

    state: DreamState
    observations: Tensor
    rewards: Tensor
    termination_logits: Tensor | None
    disagreement: Tensor


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Dreams of `horizon` steps under a policy.

    Attributes:
        observations: (rows, horizon + 1, observation_dim); the first is the one that it started from.
        actions: (rows, horizon, action_dim), encoded.
        rewards: (rows, horizon).
        disagreement: (rows, horizon).
        alive: (rows, horizon) bool, true for the steps up to the one that ended the episode.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    disagreement: Tensor
    alive: Tensor


class Dreamer(Protocol):
    """What an environment of dreams asks of a model."""

    starts: Tensor
    observation_features: int

    @property
    def device(self) -> torch.device:
        """Where the model works."""
        ...

    def require_built(self) -> spaces.Space[Any]:
        """The action space."""
        ...

    def disagreement_quantile(self, level: float) -> float:
        """The disagreement that a fraction `level` of the held-out steps stays below."""
        ...

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        """The state of dreams that start from (rows, observation_dim) observations."""
        ...

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        """One step of each dream."""
        ...


def ended(dreamt: Dreamt, termination: TerminationRule | None, generator: torch.Generator | None) -> Tensor:
    """(rows,) bool, which episodes end with this step: by the rule if there is one, else drawn as it was learned."""
    if termination is not None:
        return termination(dreamt.observations)
    if dreamt.termination_logits is None:
        return torch.zeros_like(dreamt.rewards, dtype=torch.bool)
    probability = dreamt.termination_logits.sigmoid()
    drawn = torch.rand(probability.shape, generator=generator, device=probability.device)
    return drawn < probability
