"""Exploration: a bonus for states that a density has hardly counted."""

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
from genrl.rewards.pseudo_count import GradientRecorder, Recorder, pseudo_count
from genrl.rewards.reached import reached_observations

__all__ = ["Frames", "PseudoCountBonus", "binned"]

Frames = Callable[[NDArray[Any]], Tensor]
"""(envs, ...) observations to (envs, channels, height, width) integers from 0 upwards, float32."""


class PseudoCountBonus(VecEnvWrapper):
    """Adds weight / sqrt(N + 0.01) to the reward of each step, N the pseudo-count of the state that it leads to.

    A density learns every state as it is reached; how much surer it is of a state afterwards says how often the state
    has been seen (Bellemare et al. 2016). N is computed from the prediction gain, which is held above 0 and scaled by
    `gain` / steps^decay, since a network that learns at a constant rate gains more from a state than a count would
    (Ostrovski et al. 2017, section 3.2). With a gain of 1 and no decay, and a density that counts, N is the true count.

    `infos[i]["pseudo_count_bonus"]` is what was added.

    Args:
        env: one environment or several; of one, a `DummyVecEnv` is made.
        density: of integer images, such as `PixelCNN(levels=...)`; not fitted; or a `Recorder` of your own.
        weight: reward for a state that has been seen once.
        gain: of the prediction gain.
        decay: exponent of the steps taken, by which the gain shrinks.
        learning_rate: of the density.
        frames: makes integer images of observations; None for observations that are integers of shape (height, width)
            or (channels, height, width). `binned` makes them of numbers.

    Raises:
        InputError: the observations are of another kind and `frames` is missing, a number is out of its range, or the
            model cannot count.

    >>> from genrl.autoregressive import PixelCNN
    >>> env = gym.make("Pendulum-v1")
    >>> count = PixelCNN(levels=8, width=8, blocks=1, kernel=3)
    >>> venv = PseudoCountBonus(env, count, frames=binned(env.observation_space, 8))
    >>> _ = venv.reset()
    >>> _, _, _, infos = venv.step(np.zeros((1, 1)))
    >>> infos[0]["pseudo_count_bonus"] > 0
    True
    """

    def __init__(
        self,
        env: gym.Env[Any, Any] | VecEnv,
        density: GenerativeModel | Recorder,
        *,
        weight: float = 0.05,
        gain: float = 0.1,
        decay: float = 0.5,
        learning_rate: float = 1e-3,
        frames: Frames | None = None,
    ) -> None:
        if not gain > 0 or not decay >= 0:
            raise InputError(f"gain must be above 0 and decay 0 or more, not {gain} and {decay}")
        venv = env if isinstance(env, VecEnv) else DummyVecEnv([lambda: env])
        self.frames = frames or _as_they_are(venv.observation_space)
        super().__init__(venv)
        self.weight = weight
        self.gain = gain
        self.decay = decay
        self.steps = 0
        if isinstance(density, GenerativeModel):
            sample = np.asarray(venv.observation_space.sample())
            shape = tuple(self.frames(sample[None]).shape[1:])
            self.recorder: Recorder = GradientRecorder(density, shape, learning_rate=learning_rate)
        else:
            self.recorder = density

    def reset(self) -> NDArray[Any]:
        """As the environment does."""
        return self.venv.reset()  # type: ignore[return-value]

    def step_wait(self) -> VecEnvStepReturn:
        """As the environment does, with the bonus added to the rewards."""
        observations, rewards, dones, infos = self.venv.step_wait()
        bonuses = self._bonuses(self.frames(reached_observations(observations, dones, infos)))
        for info, bonus in zip(infos, bonuses, strict=True):
            info["pseudo_count_bonus"] = float(bonus)
        return observations, rewards + bonuses, dones, infos

    def _bonuses(self, states: Tensor) -> NDArray[np.float32]:
        before, after = self.recorder.record(states)
        self.steps += 1
        gained = (after - before).clamp(min=0) * self.gain / self.steps**self.decay
        # A gain so large that p' would be 1 or more leaves no count at all.
        count = pseudo_count(before, torch.minimum(before + gained, torch.zeros_like(before)))
        return (self.weight / (count.nan_to_num(nan=0.0) + 0.01).sqrt()).numpy().astype(np.float32)


def binned(space: spaces.Space[Any], bins: int) -> Frames:
    """Images (1, 1, columns) of observations between the bounds of a Box, each column cut into bins of one width.

    Raises:
        InputError: the space has no bounds or more than one dimension, or there are fewer than 2 bins.
    """
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or not space.is_bounded() or bins < 2:
        raise InputError(f"binned needs a bounded Box of one dimension and 2 or more bins, not {space} and {bins}")
    low, width = space.low.astype(np.float64), (space.high.astype(np.float64) - space.low) / bins

    def frames(observations: NDArray[Any]) -> Tensor:
        places = np.clip(np.floor((observations - low) / width), 0, bins - 1)
        return torch.from_numpy(places.astype(np.float32))[:, None, None]

    return frames


def _as_they_are(space: spaces.Space[Any]) -> Frames:
    is_box = isinstance(space, spaces.Box) and space.shape is not None and len(space.shape) in (2, 3)
    if not is_box or not np.issubdtype(space.dtype, np.integer):
        raise InputError(
            f"{space} holds no integer images: give frames=, such as genrl.rewards.pseudo_count_bonus.binned(space, 8)"
        )

    def frames(observations: NDArray[Any]) -> Tensor:
        images = torch.from_numpy(observations.astype(np.float32))
        return images[:, None] if images.ndim == 3 else images

    return frames
