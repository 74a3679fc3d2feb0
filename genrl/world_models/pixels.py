"""Films as experience: frames become codes of a convolutional autoencoder, in which a world model can dream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from genrl.action_encoding import encode_actions
from genrl.autoencoders import VAE
from genrl.errors import InputError
from genrl.training.fit import FitEpoch
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models.experience import Experience

__all__ = ["Film", "PixelCodes"]

CHUNK = 256  # frames encoded or decoded at once


@dataclass(frozen=True, kw_only=True)
class Film:
    """Episodes as they look, with T + 1 frames for an episode of T actions.

    Attributes:
        frames: (steps + episodes, height, width, 3) uint8.
        actions: (steps, action_dim), or (steps,) integers for a Discrete space.
        rewards: (steps,).
        terminations: (steps,) bool.
        episode_lengths: (episodes,) integers T, each 1 or more.
        action_space: a Box of one dimension, or Discrete.

    Raises:
        InputError: the parts do not belong together.
    """

    frames: NDArray[np.uint8]
    actions: NDArray[Any]
    rewards: NDArray[Any]
    terminations: NDArray[np.bool_]
    episode_lengths: NDArray[np.int64]
    action_space: spaces.Space[Any]

    def __post_init__(self) -> None:
        steps, episodes = int(self.episode_lengths.sum()), len(self.episode_lengths)
        found = (len(self.frames), len(self.actions), len(self.rewards), len(self.terminations))
        if found != (steps + episodes, steps, steps, steps) or not episodes or self.episode_lengths.min() < 1:
            raise InputError(
                f"{episodes} episodes of {steps} steps in all need {steps + episodes} frames, and {steps} actions, "
                f"rewards and terminations, not {found}"
            )

    @property
    def rows(self) -> NDArray[np.int64]:
        """(steps,) the frame that each step starts from; the one that it leads to is the next."""
        steps = int(self.episode_lengths.sum())
        return np.arange(steps) + np.repeat(np.arange(len(self.episode_lengths)), self.episode_lengths)


class PixelCodes:
    """An observation for each frame: its code, and how the code has changed since the frame before.

    One frame does not show velocities, their difference does. The code is the mean of a convolutional variational
    autoencoder's posterior. What is dreamt is decoded from the code alone.

    Args:
        vae: of frames (3, height, width) with numbers within 0 .. 1.
    """

    def __init__(self, vae: VAE | None = None) -> None:
        self.vae = vae or VAE(
            16,
            decoder="bernoulli",
            hidden=(16, 32, 64),
            fitting=GradientFitting(updates=1500, batch_size=64, learning_rate=1e-3),
        )

    def fit(self, film: Film, progress: Callable[[FitEpoch], bool | None] | None = None) -> PixelCodes:
        """Learn the codes of frames like those of the film."""
        self.vae.fit(_images(film.frames), progress=progress)
        return self

    @torch.no_grad()
    def experience(self, film: Film) -> Experience:
        """The film's steps, observed in codes: (steps, 2 * latents)."""
        codes = torch.cat([self.vae.encode(part) for part in _images(film.frames).split(CHUNK)])
        first = np.cumsum(film.episode_lengths + 1) - film.episode_lengths - 1
        changes = codes.diff(dim=0, prepend=codes[:1])
        changes[torch.as_tensor(first)] = 0.0  # nothing is before it
        observed = torch.cat([codes, changes], 1)
        rows = torch.as_tensor(film.rows)
        ends = torch.zeros(len(rows), dtype=torch.bool)
        ends[torch.as_tensor(np.cumsum(film.episode_lengths) - 1)] = True
        return Experience(
            observations=observed[rows],
            actions=torch.as_tensor(encode_actions(film.action_space, film.actions)),
            rewards=torch.as_tensor(film.rewards, dtype=torch.float32),
            next_observations=observed[rows + 1],
            terminations=torch.as_tensor(film.terminations, dtype=torch.bool),
            ends=ends,
            action_space=film.action_space,
        )

    @torch.no_grad()
    def frames(self, observations: Tensor) -> NDArray[np.uint8]:
        """(rows, height, width, 3) what observations in codes look like."""
        codes = observations[:, : self.vae.latents].cpu()
        images = torch.cat([self.vae.decode(part) for part in codes.split(CHUNK)])
        return (255 * images.clamp(0, 1)).round().byte().permute(0, 2, 3, 1).numpy()


def _images(frames: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
