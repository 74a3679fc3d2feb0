"""Chunks of actions: what a policy plans ahead, and how far it follows a plan before it makes a new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genrl.errors import InputError

__all__ = ["PlanState", "action_chunks", "follow_plans"]

PlanState = tuple[NDArray[Any], ...]
"""(envs, chunk, columns) planned actions, and (envs,) how many of each plan have been taken."""


def action_chunks(actions: Tensor, episodes: Tensor, chunk: int) -> Tensor:
    """(rows, chunk, columns) the actions of each row and of those after it; the last of an episode is repeated.

    Args:
        actions: (rows, columns), episode by episode in the order of time.
        episodes: (rows,) the same number for all rows of one episode.
        chunk: actions of each plan.

    Raises:
        InputError: the rows of an episode lie apart.

    >>> action_chunks(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 0, 1]), 2).squeeze(2)
    tensor([[1., 2.],
            [2., 2.],
            [3., 3.]])
    """
    numbers, lengths = episodes.unique_consecutive(return_counts=True)
    if chunk > 1 and len(numbers) != len(episodes.unique()):
        raise InputError("chunks of actions are cut from whole episodes: put the rows of each one after the other")
    last = (lengths.cumsum(0) - 1).repeat_interleave(lengths)
    return actions[torch.minimum(torch.arange(len(actions))[:, None] + torch.arange(chunk), last[:, None])]


def follow_plans(
    make: Callable[[NDArray[np.bool_]], NDArray[Any]],
    state: PlanState | None,
    starts: NDArray[np.bool_],
    *,
    executed: int,
) -> tuple[NDArray[Any], PlanState]:
    """The next action of every environment, and the state after it (the receding horizon of Chi et al. 2023).

    Args:
        make: new plans (chosen, chunk, columns) for the environments that a mask (envs,) chooses.
        state: what the last call gave; None at first.
        starts: (envs,) where an episode begins, and a plan of the one before is worth nothing.
        executed: actions taken from a plan.

    Returns:
        (envs, columns), and the new state.
    """
    due = starts | np.ones_like(starts) if state is None else starts | (state[1] >= executed)
    if state is not None:
        plans, taken = state[0].copy(), np.where(due, 0, state[1])
    if due.any():
        made = make(due)
        if state is None:
            plans, taken = np.zeros((len(due), *made.shape[1:]), made.dtype), np.zeros(len(due), np.int64)
        plans[due] = made
    return plans[np.arange(len(due)), taken], (plans, taken + 1)
