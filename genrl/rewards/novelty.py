"""Exploration: a bonus for states that a density of the states visited so far finds rare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.nn.units import Units
from genrl.rewards.following_density import DensityTraining, FollowingDensity
from genrl.rewards.reached import reached_observations

__all__ = ["NoveltyBonus", "Rows"]

Rows = Callable[[NDArray[Any]], NDArray[Any]]
"""(envs, ...) observations to (envs, columns) numbers."""


class NoveltyBonus(VecEnvWrapper):
    """Adds to the reward of each step what the state that it leads to is worth as news.

    The bonus is -log p(state), standardised by the states in memory, and cut off at 0: a state rarer than most is paid
    for, a common one costs nothing. p is a density of all states visited so far, of which a random part is kept in
    memory; it follows them every `update_every` steps. Until the first update there is no bonus.

    Every column counts, also one that has never changed: the day it does is news. The columns' units are measured anew
    at each update, because what is visited spreads.

    `infos[i]["novelty_bonus"]` is what was added.

    Args:
        env: one environment or several; of one, a `DummyVecEnv` is made.
        density: a model with `log_prob`, not fitted yet.
        weight: reward for a state one standard deviation rarer than the average.
        update_every: steps over all environments between two updates of the density.
        memory: states kept.
        limit: of the standardised rarity.
        training: how the density follows.
        rows: makes (envs, columns) numbers of observations, which then are the states; None for observations that are
            a Box of one dimension.
        seed: of what is kept in memory.

    Raises:
        InputError: the observations are of another kind and `rows` is missing or gives something else, a number is
            below 1, or the model has no density of its own.

    >>> from genrl.envs import make_vec_env
    >>> from genrl.mixtures import GaussianMixture
    >>> venv = NoveltyBonus(make_vec_env("Pendulum-v1", 4), GaussianMixture(3), update_every=100)
    >>> _ = venv.reset()
    >>> for _ in range(26):
    ...     _, rewards, _, infos = venv.step(np.stack([venv.action_space.sample() for _ in range(4)]))
    >>> min(info["novelty_bonus"] for info in infos) >= 0
    True
    """

    def __init__(
        self,
        env: gym.Env[Any, Any] | VecEnv,
        density: GenerativeModel,
        *,
        weight: float = 0.1,
        update_every: int = 8192,
        memory: int = 65_536,
        limit: float = 5.0,
        training: DensityTraining | None = None,
        rows: Rows | None = None,
        seed: int = 0,
    ) -> None:
        venv = env if isinstance(env, VecEnv) else DummyVecEnv([lambda: env])
        if min(update_every, memory) < 1:
            raise InputError(f"update_every and memory must be 1 or more, not {update_every} and {memory}")
        super().__init__(venv)
        self.rows = rows or _as_they_are(venv.observation_space)
        columns = _columns_of(self.rows, venv.observation_space)
        self.density = FollowingDensity(density, training or DensityTraining())
        self.density.build(columns)
        self.weight = weight
        self.update_every = update_every
        self.limit = limit
        self._states = np.zeros((memory, columns), np.float32)
        self._seen = 0
        self._waiting = 0
        self._random = np.random.default_rng(seed)
        self._units = Units((columns,))
        self._scale: tuple[float, float] | None = None  # mean and deviation of -log p; None before the first update

    def reset(self) -> NDArray[Any]:
        """As the environment does."""
        return self.venv.reset()  # type: ignore[return-value]

    def step_wait(self) -> VecEnvStepReturn:
        """As the environment does, with the bonus added to the rewards."""
        observations, rewards, dones, infos = self.venv.step_wait()
        reached = self.rows(reached_observations(observations, dones, infos)).astype(np.float32)
        bonuses = self._bonuses(reached)
        for info, bonus in zip(infos, bonuses, strict=True):
            info["novelty_bonus"] = float(bonus)
        self._remember(reached)
        self._waiting += len(reached)
        if self._waiting >= self.update_every:
            self._waiting = 0
            self._follow()
        return observations, rewards + bonuses, dones, infos

    def _bonuses(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._scale is None:
            return np.zeros(len(states), np.float32)
        mean, deviation = self._scale
        standardised = ((self._rarity(torch.from_numpy(states)) - mean) / deviation).clamp(0.0, self.limit)
        return self.weight * standardised.numpy().astype(np.float32)

    @torch.no_grad()
    def _rarity(self, states: Tensor) -> Tensor:
        """(states,) -log p in nats."""
        return -self.density.log_prob(self._units.remove(states))

    def _remember(self, states: NDArray[np.float32]) -> None:
        """Keep each state seen so far with equal chances (Vitter 1985, algorithm R)."""
        for state in states:
            place = self._seen if self._seen < len(self._states) else int(self._random.integers(self._seen + 1))
            if place < len(self._states):
                self._states[place] = state
            self._seen += 1

    def _follow(self) -> None:
        states = torch.from_numpy(self._states[: min(self._seen, len(self._states))])
        self._units.measure(states)
        self.density.update(self._units.remove(states))
        rarity = self._rarity(states)
        self._scale = float(rarity.mean()), max(float(rarity.std(correction=0)), 1e-6)


def _as_they_are(space: spaces.Space[Any]) -> Rows:
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise InputError(
            f"a novelty bonus needs Box observations of one dimension, not {space}: give rows=, a function that makes "
            "rows of numbers of them"
        )
    return lambda observations: observations


def _columns_of(rows: Rows, space: spaces.Space[Any]) -> int:
    made = rows(np.asarray(space.sample())[None])
    if not isinstance(made, np.ndarray) or made.ndim != 2 or len(made) != 1:
        raise InputError(f"rows must make (envs, columns) of observations, not {np.shape(made)} of one of them")
    return made.shape[1]
