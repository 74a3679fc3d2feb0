"""The rules by which Gymnasium's tasks end an episode, as functions of the observation that a step led to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

__all__ = ["TerminationRule", "known_termination", "never"]

TerminationRule = Callable[[Tensor], Tensor]
"""From (rows, observation_dim) next observations to (rows,) bool: which episodes end there."""


def known_termination(env_id: str) -> TerminationRule | None:
    """The rule of a task with its usual keywords; None where none is known, so that it has to be learned.

    >>> rule = known_termination("Hopper-v4")
    >>> rule(torch.tensor([[1.2, 0.0, 0.0], [0.5, 0.0, 0.0]])).tolist()
    [False, True]
    """
    task = env_id.split(":")[-1].split("-v")[0]
    return RULES.get(task)


def never(observations: Tensor) -> Tensor:
    """Only a time limit ends an episode."""
    return torch.zeros(len(observations), dtype=torch.bool, device=observations.device)


def _outside(observations: Tensor, *, limits: dict[int, tuple[float, float]], rest: float = float("inf")) -> Tensor:
    """A column is not strictly within its limits, or one of those from the third on is `rest` or more in size."""
    inside = observations[:, 2:].abs().lt(rest).all(1)
    for column, (low, high) in limits.items():
        inside = inside & (low < observations[:, column]) & (observations[:, column] < high)
    return ~inside


RULES: dict[str, TerminationRule] = {
    "Ant": partial(_outside, limits={0: (0.2, 1.0)}),
    "HalfCheetah": never,
    "Hopper": partial(_outside, limits={0: (0.7, float("inf")), 1: (-0.2, 0.2)}, rest=100.0),
    "Humanoid": partial(_outside, limits={0: (1.0, 2.0)}),
    "InvertedPendulum": partial(_outside, limits={1: (-0.2, 0.2)}),
    "Pendulum": never,
    "Reacher": never,
    "Swimmer": never,
    "Walker2d": partial(_outside, limits={0: (0.8, 2.0), 1: (-1.0, 1.0)}),
}
