"""What a world model learns from: steps in the order in which they were taken, with the rewards that they earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from genrl.data_digest import data_digest
from genrl.errors import InputError
from genrl.transitions import Demonstrations, encode_actions

__all__ = ["Experience"]

SEGMENT = 100  # steps that are held out together: neighbours are too alike to lie on both sides


@dataclass(frozen=True, kw_only=True)
class Experience:
    """Steps of an environment, in order.

    Attributes:
        observations: (steps, observation_dim) float32.
        actions: (steps, action_dim) float32, encoded (see `genrl.transitions.encode_actions`).
        rewards: (steps,) float32, the task's own.
        next_observations: (steps, observation_dim) float32; the terminal one at an episode's end.
        terminations: (steps,) bool, true where the task itself ended the episode.
        ends: (steps,) bool, true where the row below does not follow on from this one.
        action_space: a Box of one dimension, or Discrete.

    Raises:
        InputError: there are no steps, the rows do not belong together, or a number is not finite.

    >>> rows = torch.arange(6.0)[:, None]
    >>> walk = Experience(
    ...     observations=rows, actions=torch.ones(6, 1), rewards=torch.zeros(6), next_observations=rows + 1,
    ...     terminations=torch.zeros(6, dtype=torch.bool), ends=torch.tensor([0, 0, 1, 0, 0, 1]).bool(),
    ...     action_space=spaces.Box(-1, 1, (1,)),
    ... )
    >>> walk.windows(2).tolist()
    [0, 1, 3, 4]
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminations: Tensor
    ends: Tensor
    action_space: spaces.Space[Any]

    def __post_init__(self) -> None:
        steps = len(self.observations)
        if steps == 0:
            raise InputError("the experience is empty: a world model needs steps to learn from")
        for name, tensor in self.to_tensors().items():
            if len(tensor) != steps:
                raise InputError(f"{name} has {len(tensor)} rows where observations has {steps}: one row a step")
            if not torch.isfinite(tensor.float()).all():
                raise InputError(f"{name} must be finite: it holds NaN or infinity")
        if self.next_observations.shape != self.observations.shape or self.observations.ndim != 2:
            raise InputError(
                "observations and next_observations must both be (steps, columns), not "
                f"{tuple(self.observations.shape)} and {tuple(self.next_observations.shape)}"
            )

    def __len__(self) -> int:
        return len(self.observations)

    @classmethod
    def from_demonstrations(cls, demonstrations: Demonstrations, action_space: spaces.Space[Any]) -> Experience:
        """All steps of recorded episodes.

        Raises:
            InputError: the demonstrations hold no actions, or some of another space.
        """
        actions = demonstrations.require_actions("a world model")
        rows = np.arange(demonstrations.num_steps) + np.repeat(
            np.arange(demonstrations.num_episodes), demonstrations.episode_lengths
        )
        ends = np.zeros(demonstrations.num_steps, dtype=bool)
        ends[np.cumsum(demonstrations.episode_lengths) - 1] = True
        return cls(
            observations=torch.as_tensor(demonstrations.observations[rows], dtype=torch.float32),
            actions=torch.as_tensor(encode_actions(action_space, actions)),
            rewards=torch.as_tensor(demonstrations.rewards, dtype=torch.float32),
            next_observations=torch.as_tensor(demonstrations.observations[rows + 1], dtype=torch.float32),
            terminations=torch.as_tensor(demonstrations.terminations, dtype=torch.bool),
            ends=torch.as_tensor(ends),
            action_space=action_space,
        )

    @staticmethod
    def concatenate(parts: Sequence[Experience]) -> Experience:
        """One record from several, in order; nothing follows on from one part to the next."""
        cut = [part._ended() for part in parts]
        return Experience(
            **{name: torch.cat([tensors[name] for tensors in cut]) for name in cut[0]},
            action_space=parts[0].action_space,
        )

    def to_tensors(self) -> dict[str, Tensor]:
        """The fields by name, without the action space."""
        return {
            "observations": self.observations,
            "actions": self.actions,
            "rewards": self.rewards,
            "next_observations": self.next_observations,
            "terminations": self.terminations,
            "ends": self.ends,
        }

    def digest(self) -> str:
        """SHA-256 of all fields: equal for what a world model learns equally from."""
        return data_digest(self.to_tensors())

    def windows(self, length: int) -> Tensor:
        """The first row of each run of `length` steps that follow on from each other, (windows,) int64."""
        last = len(self) - length
        if length < 1 or last < 0:
            return torch.zeros(0, dtype=torch.int64)
        # Among the rows of a window only the last may be an end.
        ends_before = torch.cat([torch.zeros(1, dtype=torch.int64), self.ends.cpu().long().cumsum(0)])
        starts = torch.arange(last + 1)
        inside = ends_before[starts + length - 1] == ends_before[starts]
        return starts[inside]

    def split(self, fraction: float, seed: int = 0) -> tuple[Experience, Experience]:
        """Two records: some to learn from, and about `fraction` of the steps held out.

        Whole pieces of up to 100 steps in a row are held out, drawn at random, so that forecasts of several steps
        can be judged by them.

        Raises:
            InputError: the fraction is not between 0 and 1, or there are too few steps for two sides.
        """
        if not 0 < fraction < 1:
            raise InputError(f"the fraction to hold out must be between 0 and 1, not {fraction}")
        size = min(SEGMENT, max(1, round(fraction * len(self))))
        pieces = (torch.arange(len(self)) // size).unique_consecutive(return_inverse=True)[1]
        count = int(pieces.max()) + 1
        if count < 2:
            raise InputError(f"{len(self)} steps are too few to hold any out: collect more")
        held = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        held_out = torch.isin(pieces, held[: max(1, round(fraction * count))])
        return self._where(~held_out), self._where(held_out)

    def _where(self, kept: Tensor) -> Experience:
        following = torch.cat([kept[1:], kept.new_zeros(1)])
        tensors = {**self.to_tensors(), "ends": self.ends.cpu() | ~following}
        return Experience(**{name: tensor[kept] for name, tensor in tensors.items()}, action_space=self.action_space)

    def _ended(self) -> dict[str, Tensor]:
        ends = self.ends.clone()
        ends[-1] = True
        return {**self.to_tensors(), "ends": ends}
