"""A replay buffer that pays with a learned reward, at the moment of sampling."""

from __future__ import annotations

import time
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from genrl.errors import InputError, NotFiniteError
from genrl.finite import describe_not_finite, is_finite
from genrl.protocols import RewardModel
from genrl.transitions import Transitions

__all__ = ["LearnedRewardsReplay", "check_bounded", "require_finite_rewards"]


class LearnedRewardsReplay(ReplayBuffer):
    """Pays each sampled transition by the reward model as it is now; a reward that was stored is never read.

    A transition is used many times, long after it was stored, while the reward model goes on learning: a reward
    computed once would be one that the model has since taken back.

    Pass it as `replay_buffer_class`, with `replay_buffer_kwargs={"reward_model": ...}`.

    Args:
        *args: as of stable-baselines3's `ReplayBuffer`.
        reward_model: pays, on the buffer's device.
        **kwargs: likewise.

    Attributes:
        expert: mixed into every batch, as if the learner had lived it; None for none.
        expert_share: part of a batch, 0 to 1, that is drawn from it.
        paying_seconds: spent on computing rewards so far.

    Raises:
        InputError: the actions are no bounded vectors.

    >>> import numpy as np
    >>> class ActionAsReward:
    ...     def reward(self, transitions):
    ...         return transitions.actions[:, 0]
    ...
    ...     def update(self, expert, learner):
    ...         return {}
    >>> observations, actions = spaces.Box(-1, 1, (3,)), spaces.Box(-2, 2, (1,))
    >>> replay = LearnedRewardsReplay(10, observations, actions, "cpu", reward_model=ActionAsReward())
    >>> row = np.zeros((1, 3), np.float32)
    >>> replay.add(row, row, np.array([[0.5]]), reward=np.array([99.0]), done=np.array([False]), infos=[{}])
    >>> replay.sample(2).rewards.tolist()  # of the action as applied: the buffer holds it scaled to -1 .. 1
    [[1.0], [1.0]]
    """

    def __init__(self, *args: Any, reward_model: RewardModel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        space = check_bounded(self.action_space)
        self.reward_model = reward_model
        self.expert: Transitions | None = None
        self.expert_share = 0.0
        self.paying_seconds = 0.0
        self._low = torch.as_tensor(space.low, dtype=torch.float32, device=self.device)
        self._high = torch.as_tensor(space.high, dtype=torch.float32, device=self.device)

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """A random batch, paid now.

        Args:
            batch_size: rows, drawn with replacement.
            env: None; observations are standardised inside the networks.

        Raises:
            InputError: the environment is wrapped in a `VecNormalize`.
        """
        if env is not None:
            raise InputError("the networks standardise observations themselves: take VecNormalize off the environment")
        from_expert = 0 if self.expert is None else round(self.expert_share * batch_size)
        samples = super().sample(batch_size - from_expert)
        if self.expert is not None and from_expert:
            samples = _concatenate(samples, self._draw_expert(self.expert, from_expert))
        started = time.perf_counter()
        with torch.no_grad():
            rewards = self.reward_model.reward(self._transitions(samples))
            require_finite_rewards(self.reward_model, rewards)
        self.paying_seconds += time.perf_counter() - started
        return samples._replace(rewards=rewards.reshape(-1, 1).float())

    def draw_newest(self, rows: int, window: int) -> Transitions:
        """Rows drawn with replacement from the newest `window` transitions (or as many as there are).

        Raises:
            InputError: the buffer is empty.
        """
        if self.size() == 0:
            raise InputError("the replay buffer is empty: collect transitions first")
        steps = min(-(-window // self.n_envs), self.size())
        ages = torch.randint(steps, (rows,)).numpy()
        return self._transitions(self._get_samples((self.pos - 1 - ages) % self.buffer_size))

    def _draw_expert(self, expert: Transitions, rows: int) -> ReplayBufferSamples:
        drawn = expert[torch.randint(len(expert), (rows,), device=expert.observations.device)].to(self.device)
        return ReplayBufferSamples(
            observations=drawn.observations,
            actions=2.0 * (drawn.actions - self._low) / (self._high - self._low) - 1.0,
            next_observations=drawn.next_observations,
            dones=drawn.terminations[:, None].float(),
            rewards=torch.zeros(rows, 1, device=self.device),  # paid below, like the others
        )

    def _transitions(self, samples: ReplayBufferSamples) -> Transitions:
        scaled = samples.actions.float()
        actions = self._low + 0.5 * (scaled + 1.0) * (self._high - self._low)
        return Transitions(
            observations=samples.observations.float(),
            actions=torch.minimum(torch.maximum(actions, self._low), self._high),
            next_observations=samples.next_observations.float(),
            terminations=samples.dones.flatten() > 0.5,
        )


def require_finite_rewards(reward_model: RewardModel, rewards: Tensor, steps: int | None = None) -> Tensor:
    """The rewards, if all are finite.

    Raises:
        NotFiniteError: some are not; `steps` says when, in environment steps.
    """
    if not is_finite(rewards):
        when = "" if steps is None else f" after {steps:,} environment steps"
        what = f"is not finite ({describe_not_finite(rewards)})"
        raise NotFiniteError(
            f"the learned reward of {type(reward_model).__name__} {what}{when}: "
            "another reward form, or a smaller learning rate of the reward model, often helps"
        )
    return rewards


def check_bounded(space: spaces.Space[Any]) -> spaces.Box:
    """The action space, if an off-policy learner can act in it.

    Raises:
        InputError: it is no Box, or a bound is infinite.
    """
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        raise InputError(f"an off-policy learner takes actions from a bounded Box, not {space}: use PPO or TRPO")
    return space


def _concatenate(first: ReplayBufferSamples, second: ReplayBufferSamples) -> ReplayBufferSamples:
    fields = ("observations", "actions", "next_observations", "dones", "rewards")
    return first._replace(**{name: torch.cat([getattr(first, name), getattr(second, name)]) for name in fields})
