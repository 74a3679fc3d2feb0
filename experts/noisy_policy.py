"""A policy that strays from its way, so that recordings show what lies beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from genrl.protocols import Policy

__all__ = ["NoisyPolicy"]


class NoisyPolicy:
    """Another policy's actions with Gaussian noise, which visits what lies beside the policy's way.

    Args:
        policy: acts deterministically.
        action_space: a Box, whose half range the noise is measured in.
        deviation: of the noise.
        seed: of the noise.
    """

    def __init__(self, policy: Policy, action_space: spaces.Box, deviation: float, seed: int = 0) -> None:
        self.policy = policy
        self.low, self.high = action_space.low, action_space.high
        self.scale = deviation * (self.high - self.low) / 2
        self.rng = np.random.default_rng(seed)

    def predict(
        self,
        observation: NDArray[Any],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Within the bounds of the action space."""
        actions, state = self.policy.predict(observation, state, episode_start, True)
        noisy = actions + self.scale * self.rng.standard_normal(np.shape(actions))
        return np.clip(noisy, self.low, self.high).astype(np.float32), state
