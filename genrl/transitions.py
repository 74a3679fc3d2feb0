"""Frozen records of experience: one batch, one episode, a set of demonstrations. Shapes are stated once, here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from genrl.action_encoding import action_columns, encode_actions
from genrl.data_digest import data_digest
from genrl.demonstration_checks import check_action_space, check_actions, check_env_id, check_episode, check_layout
from genrl.errors import InputError

__all__ = ["Demonstrations", "Trajectory", "Transitions", "encode_actions"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """A batch of environment steps as tensors, the one form that reward models see.

    Attributes:
        observations: (batch, observation_dim) float32, what the policy saw.
        actions: (batch, action_dim) float32, as applied: clipped to the bounds; one-hot for Discrete spaces.
        next_observations: (batch, observation_dim) float32; the terminal observation at an episode's end,
            never the first one of the episode that follows.
        terminations: (batch,) bool, true where the task itself ended the episode (not a time limit).
    """

    observations: Tensor
    actions: Tensor
    next_observations: Tensor
    terminations: Tensor

    def __len__(self) -> int:
        return len(self.observations)

    def __getitem__(self, index: Tensor | slice) -> Transitions:
        return self.map(lambda tensor: tensor[index])

    def map(self, function: Any) -> Transitions:
        """The same record with `function` applied to each tensor."""
        return Transitions(
            observations=function(self.observations),
            actions=function(self.actions),
            next_observations=function(self.next_observations),
            terminations=function(self.terminations),
        )

    def to(self, device: torch.device | str) -> Transitions:
        """The same record on `device`."""
        return self.map(lambda tensor: tensor.to(device))

    @staticmethod
    def concatenate(parts: Sequence[Transitions]) -> Transitions:
        """One batch from several."""
        return Transitions(
            observations=torch.cat([part.observations for part in parts]),
            actions=torch.cat([part.actions for part in parts]),
            next_observations=torch.cat([part.next_observations for part in parts]),
            terminations=torch.cat([part.terminations for part in parts]),
        )


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """One episode of T steps.

    Attributes:
        observations: (T + 1, observation_dim); the last row is the observation after the last action.
        actions: (T, action_dim), or (T,) integers for a Discrete space; None where they were not observed.
        rewards: (T,), the task's own reward; never shown to an imitator.
        terminated: the task ended the episode.
        truncated: a time limit ended it.
    """

    observations: Array
    actions: Array | None
    rewards: Array
    terminated: bool
    truncated: bool

    def __len__(self) -> int:
        return len(self.rewards)


@dataclass(frozen=True, kw_only=True)
class Demonstrations:
    """Expert episodes, concatenated in order, with T + 1 observations for an episode of T actions.

    Attributes:
        observations: (steps + episodes, observation_dim).
        actions: (steps, action_dim), or (steps,) integers for a Discrete space; None where the expert was watched
            and its actions are unknown (see `has_actions`).
        rewards: (steps,), the task's own reward; used for reporting only.
        terminations: (steps,) bool.
        truncations: (steps,) bool.
        episode_lengths: (episodes,) integers T.
        env_id: the Gymnasium task that they were recorded on, if known.
        expert_return: mean return of the policy that made them, if known; otherwise of these episodes.
        kept_pairs: indices of the steps that an imitator may see; None for all of them.

    Raises:
        InputError: a field has a wrong shape, holds a number that is not finite or that float32 cannot hold, or ends
            an episode too early.
    """

    observations: Array
    actions: Array | None
    rewards: Array
    terminations: Array
    truncations: Array
    episode_lengths: Array
    env_id: str | None = None
    expert_return: float | None = None
    kept_pairs: Array | None = None

    def __post_init__(self) -> None:
        check_layout(
            observations=self.observations,
            actions=self.actions,
            rewards=self.rewards,
            terminations=self.terminations,
            truncations=self.truncations,
            episode_lengths=self.episode_lengths,
        )
        if self.env_id is not None:
            check_env_id(self.env_id)
        object.__setattr__(self, "terminations", self.terminations.astype(bool))
        object.__setattr__(self, "truncations", self.truncations.astype(bool))
        object.__setattr__(self, "episode_lengths", self.episode_lengths.astype(np.int64))
        if self.expert_return is None:
            object.__setattr__(self, "expert_return", float(self.returns.mean()))

    @classmethod
    def from_trajectories(cls, trajectories: Sequence[Trajectory], **fields: Any) -> Demonstrations:
        """Join episodes; `fields` are the remaining attributes (`env_id`, `expert_return`)."""
        if not trajectories:
            raise InputError("no demonstrations: at least one episode is needed")
        actions = [t.actions for t in trajectories if t.actions is not None]
        if len(actions) not in (0, len(trajectories)):
            raise InputError("some of the episodes hold actions and some do not: leave them out of all, or of none")
        first = {"observations": trajectories[0].observations, "actions": trajectories[0].actions}
        for number, t in enumerate(trajectories):
            check_episode(number, observations=t.observations, actions=t.actions, rewards=t.rewards, first=first)
        ends = [np.arange(len(t)) == len(t) - 1 for t in trajectories]
        return cls(
            observations=np.concatenate([t.observations for t in trajectories]),
            actions=np.concatenate(actions) if actions else None,
            rewards=np.concatenate([t.rewards for t in trajectories]),
            terminations=np.concatenate([e & t.terminated for e, t in zip(ends, trajectories, strict=True)]),
            truncations=np.concatenate([e & t.truncated for e, t in zip(ends, trajectories, strict=True)]),
            episode_lengths=np.array([len(t) for t in trajectories], dtype=np.int64),
            **fields,
        )

    @property
    def num_episodes(self) -> int:
        """How many episodes."""
        return len(self.episode_lengths)

    @property
    def num_steps(self) -> int:
        """How many steps the episodes have together, those too that `subsample` dropped."""
        return len(self.rewards)

    @property
    def has_actions(self) -> bool:
        """Whether it is known what the expert did, and not only what it saw."""
        return self.actions is not None

    def require_actions(self, what: str) -> Array:
        """The actions, for a purpose that cannot do without them.

        Args:
            what: needs them; the subject of the message.

        Raises:
            InputError: there are none.
        """
        if self.actions is None:
            raise InputError(
                f"{what} needs the expert's actions, and these demonstrations hold observations alone: "
                "imitate them with train_gail.py --state-only"
            )
        return self.actions

    def __len__(self) -> int:
        """How many pairs an imitator may see."""
        return self.num_steps if self.kept_pairs is None else len(self.kept_pairs)

    @cached_property
    def returns(self) -> Array:
        """(episodes,) undiscounted true return of each episode."""
        starts = np.cumsum(self.episode_lengths) - self.episode_lengths
        return np.add.reduceat(self.rewards.astype(np.float64), starts)

    def trajectories(self) -> Iterator[Trajectory]:
        """The episodes in order, whole (subsampling does not cut them)."""
        start = 0
        for episode, length in enumerate(self.episode_lengths.tolist()):
            steps = slice(start, start + length)
            first_row = start + episode  # one extra observation for each episode before
            yield Trajectory(
                observations=self.observations[first_row : first_row + length + 1],
                actions=None if self.actions is None else self.actions[steps],
                rewards=self.rewards[steps],
                terminated=bool(self.terminations[start + length - 1]),
                truncated=bool(self.truncations[start + length - 1]),
            )
            start += length

    def transitions(self, action_space: spaces.Space[Any]) -> Transitions:
        """The pairs that an imitator may see, as tensors; `action_space` tells how actions are encoded.

        Without actions their columns are zeros, to be looked at by nobody (see `require_actions`).
        """
        rows = np.arange(self.num_steps) + np.repeat(np.arange(self.num_episodes), self.episode_lengths)
        kept = slice(None) if self.kept_pairs is None else self.kept_pairs
        rows = rows[kept]
        return Transitions(
            observations=torch.as_tensor(self.observations[rows], dtype=torch.float32),
            actions=torch.as_tensor(
                np.zeros((len(rows), action_columns(action_space)), np.float32)
                if self.actions is None
                else encode_actions(action_space, self.actions[kept])
            ),
            next_observations=torch.as_tensor(self.observations[rows + 1], dtype=torch.float32),
            terminations=torch.as_tensor(self.terminations[kept], dtype=torch.bool),
        )

    def first(self, episodes: int) -> Demonstrations:
        """Only the first `episodes` episodes, all their pairs.

        Raises:
            InputError: fewer are there, or `episodes` is below one.
        """
        if not 1 <= episodes <= self.num_episodes:
            raise InputError(f"{episodes} episodes asked for, but there are {self.num_episodes} (ask for 1 or more)")
        steps = int(self.episode_lengths[:episodes].sum())
        return replace(
            self,
            observations=self.observations[: steps + episodes],
            actions=None if self.actions is None else self.actions[:steps],
            rewards=self.rewards[:steps],
            terminations=self.terminations[:steps],
            truncations=self.truncations[:steps],
            episode_lengths=self.episode_lengths[:episodes],
            kept_pairs=None,
        )

    def subsample(self, every: int, rng: np.random.Generator) -> Demonstrations:
        """Keep every `every`-th pair of each episode from a random offset (Ho & Ermon 2016, section 6).

        The episodes stay whole, so that returns can be reported; only `transitions` gives fewer pairs.
        """
        if every < 1:
            raise InputError(f"subsample must be 1 or more, not {every}")
        starts = np.cumsum(self.episode_lengths) - self.episode_lengths
        # The offset stays inside a short episode, so that every episode gives at least one pair.
        kept = [
            start + np.arange(rng.integers(min(every, length)), length, every)
            for start, length in zip(starts.tolist(), self.episode_lengths.tolist(), strict=True)
        ]
        return replace(self, kept_pairs=np.concatenate(kept))

    def digest(self) -> str:
        """SHA-256 of all arrays, `kept_pairs` among them: equal for what trains an imitator equally."""
        names = ("observations", "actions", "rewards", "terminations", "truncations", "episode_lengths", "kept_pairs")
        return data_digest({name: getattr(self, name) for name in names})

    def check_spaces(
        self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any], env_id: str | None = None
    ) -> None:
        """Refuse demonstrations of another task.

        Args:
            observation_space: of the environment that will imitate.
            action_space: likewise.
            env_id: its id, if it has one.

        Raises:
            InputError: other id (another version too), other observation or action size, actions out of bounds.
        """
        if env_id and self.env_id and env_id != self.env_id:
            # A name with a module in it may come from anywhere, and its module would be imported.
            same_task = "" if ":" in self.env_id else f"train with --env {self.env_id} or "
            raise InputError(
                f"the demonstrations are of {self.env_id}, the environment is {env_id}: observations and physics "
                f"differ between tasks and versions; {same_task}record new demonstrations"
            )
        if not isinstance(observation_space, spaces.Box) or len(observation_space.shape) != 1:
            raise InputError(f"the observation space must be a Box of one dimension, not {observation_space}")
        if self.observations.shape[1:] != observation_space.shape:
            raise InputError(
                f"the demonstrations have {self.observations.shape[1]} observation columns, the environment has "
                f"{observation_space.shape[0]}: they come from another task, version or constructor option"
            )
        check_action_space(action_space)
        if self.actions is not None:
            check_actions(self.actions, action_space)
