"""Past transitions of the learner, kept as negatives so that the discriminator does not forget them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.transitions import Transitions

__all__ = ["TransitionReplay"]


class TransitionReplay(nn.Module):
    """A random sample of earlier transitions, the newer the likelier; buffers, so that a checkpoint holds them.

    Args:
        capacity: rows kept; 0 keeps none.
        observation_dim: columns of an observation.
        action_dim: columns of an action.
    """

    observations: Tensor
    actions: Tensor
    next_observations: Tensor
    terminations: Tensor
    count: Tensor

    def __init__(self, capacity: int, observation_dim: int, action_dim: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.register_buffer("observations", torch.zeros(capacity, observation_dim))
        self.register_buffer("actions", torch.zeros(capacity, action_dim))
        self.register_buffer("next_observations", torch.zeros(capacity, observation_dim))
        self.register_buffer("terminations", torch.zeros(capacity, dtype=torch.bool))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def extend(self, newest: Transitions) -> Transitions:
        """Past and newest rows together; afterwards a random part of them, at most `capacity`, is the past."""
        if self.capacity == 0:
            return newest
        past = Transitions(
            observations=self.observations,
            actions=self.actions,
            next_observations=self.next_observations,
            terminations=self.terminations,
        )[: int(self.count)]
        together = Transitions.concatenate([past, newest])
        # A random part, not the tail: the rows of a rollout are in the order of time.
        kept = together[torch.randperm(len(together), device=newest.observations.device)[: self.capacity]]
        self.observations[: len(kept)] = kept.observations
        self.actions[: len(kept)] = kept.actions
        self.next_observations[: len(kept)] = kept.next_observations
        self.terminations[: len(kept)] = kept.terminations
        self.count.fill_(len(kept))
        return together
