"""Absorbing states: an episode that ends early goes on, forever, in a state of its own.

Without them the value of ending is 0 by convention, and the sign of the reward decides whether an imitator wants to
live or to die. With them the reward of having ended is learned like any other (Kostrikov et al. 2019, section 4.2).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.protocols import RewardModel
from genrl.transitions import Transitions

__all__ = ["AbsorbingReward", "absorbing_rows", "with_indicator"]


class AbsorbingReward(nn.Module):
    """Pays a terminal step what the absorbing state earns from then on: r(s, a) + gamma / (1 - gamma) r(absorbing).

    Args:
        inner: a model of observations with one more column, which is 1 in the absorbing state
            (`ExtraColumn` is its standardiser).
        gamma: the learner's discount, below 1.

    Raises:
        InputError: `gamma` is not in [0, 1).
    """

    def __init__(self, inner: RewardModel, *, gamma: float) -> None:
        super().__init__()
        if not 0 <= gamma < 1:
            raise InputError(f"absorbing states need a discount of at least 0 and below 1, not {gamma}")
        self.inner = inner
        self.gamma = gamma

    def reward(self, transitions: Transitions) -> Tensor:
        """(batch,); rows that did not terminate earn what the inner model says."""
        rewards = self.inner.reward(with_indicator(transitions))
        of_absorbing = self.inner.reward(absorbing_rows(transitions[:1]))
        return rewards + transitions.terminations * (self.gamma / (1 - self.gamma)) * of_absorbing

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        """Show the inner model both sides, each with one absorbing step for every termination."""
        return self.inner.update(_with_absorbing_steps(expert), _with_absorbing_steps(learner))


def with_indicator(transitions: Transitions) -> Transitions:
    """A last column of 0; the successor of a terminal step is the absorbing state."""
    ended = transitions.terminations[:, None]
    successors = torch.cat([transitions.next_observations * ~ended, ended.float()], dim=1)
    return Transitions(
        observations=F.pad(transitions.observations, (0, 1)),
        actions=transitions.actions,
        next_observations=successors,
        terminations=transitions.terminations,
    )


def absorbing_rows(like: Transitions) -> Transitions:
    """Steps from the absorbing state to itself, as many as `like` has rows: zeros, and an indicator of 1."""
    state = F.pad(torch.zeros_like(like.observations), (0, 1), value=1.0)
    return Transitions(
        observations=state,
        actions=torch.zeros_like(like.actions),
        next_observations=state,
        terminations=torch.zeros_like(like.terminations),
    )


def _with_absorbing_steps(transitions: Transitions) -> Transitions:
    terminal = transitions[transitions.terminations]
    return Transitions.concatenate([with_indicator(transitions), absorbing_rows(terminal)])
