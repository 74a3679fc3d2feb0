"""A teacher from a handful of demonstrations, and what it says about states that none of them shows.

A network cloned from few demonstrations errs by more than the expert's own noise, and a strong gait does not survive
that. A Gaussian process errs by less, and it can be asked anywhere: about the states that its own mistakes lead to, and
those of the network that is cloned from it (DAgger, Ross et al. 2011, with a learned expert).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.bayes import GaussianProcess

from .cloning import CloningConfig, LabelledStates, clone

__all__ = ["SmoothTeacher", "clone_by_teacher", "visited_states"]

Array = NDArray[Any]

STEPS = 200  # of each environment, in which a gait begins or fails
ROWS_AT_ONCE = 2000  # asked about together, so that the covariances stay small


class SmoothTeacher:
    """The demonstrators' actions as smooth functions of the state.

    Args:
        states: the demonstrations' pairs; thousands of them are enough.
        action_space: a Box; answers are clipped to it.
        seed: of the pairs that are learned from if there are too many.
    """

    def __init__(self, states: LabelledStates, action_space: spaces.Space, *, seed: int) -> None:
        assert isinstance(action_space, spaces.Box)
        self._process = GaussianProcess().fit(states.observations.cpu(), states.actions.cpu(), seed=seed)
        self._low, self._high = action_space.low, action_space.high

    def act(self, observations: Array) -> Array:
        """Actions (rows, action_dim) float32, without noise."""
        rows = torch.as_tensor(observations).split(ROWS_AT_ONCE)
        actions = torch.cat([self._process.predict(part) for part in rows]).numpy()
        return np.clip(actions, self._low, self._high).astype(np.float32)


def clone_by_teacher(
    policy: ActorCriticPolicy,
    env: VecEnv,
    states: LabelledStates,
    teacher: SmoothTeacher,
    config: CloningConfig,
    *,
    noise: Array,
    seed: int,
) -> None:
    """Clone the demonstrations together with what their teacher says about the states on the way.

    Those are, first, the states that the teacher comes to, undisturbed in some environments and under noise in others;
    then those that the clone of all this comes to.

    Args:
        policy: with a Gaussian over a Box; fitted in place.
        env: reset, and stepped; rewards are not looked at.
        states: the demonstrations' pairs.
        teacher: fitted to them.
        config: of both fits.
        noise: (action_dim,) the greatest standard deviation of the disturbances, in the actions' units.
        seed: of everything random.
    """
    space = policy.action_space
    assert isinstance(space, spaces.Box)
    generator = np.random.default_rng(seed)
    disturbance = np.linspace(0, 1, env.num_envs)[:, None] * noise

    def disturbed(observations: Array) -> Array:
        actions = teacher.act(observations) + disturbance * generator.standard_normal(disturbance.shape)
        return np.clip(actions, space.low, space.high).astype(np.float32)

    def undisturbed(observations: Array) -> Array:
        return policy.predict(observations, deterministic=True)[0]

    for act in (disturbed, undisturbed):
        visited = visited_states(env, act, first_episode=int(states.episodes.max()) + 1, label=teacher.act)
        states = LabelledStates.concatenate([states, visited])
        clone(policy, states, config, seed=seed)


def visited_states(
    env: VecEnv, act: Callable[[Array], Array], *, first_episode: int, label: Callable[[Array], Array]
) -> LabelledStates:
    """States that `act` comes to from the task's own starts, each with the action that `label` gives.

    Rows of one environment count as one episode.
    """
    observations: Any = env.reset()
    seen = []
    for _ in range(STEPS):
        seen.append(np.array(observations, dtype=np.float32))
        observations, *_ = env.step(act(observations))
    rows = np.concatenate(seen)
    return LabelledStates(
        observations=torch.from_numpy(rows),
        actions=torch.from_numpy(label(rows)),
        episodes=torch.arange(first_episode, first_episode + env.num_envs).repeat(STEPS),
    )
