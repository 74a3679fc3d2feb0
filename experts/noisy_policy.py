"""A policy that strays from its way, so that recordings show what lies beside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from genrl.argument_checks import at_least
from genrl.protocols import Policy

__all__ = ["NoisyPolicy"]

Array = NDArray[Any]


class NoisyPolicy:
    """Another policy's actions with Gaussian noise, which visits what lies beside the policy's way.

    Noise that lasts leads further than noise that is another one in each step, whose pushes cancel each other out. It
    is kept in the state, as stable-baselines3's recurrent policies keep theirs.

    Args:
        policy: acts deterministically, and remembers nothing.
        action_space: a Box, whose half range the noise is measured in.
        deviation: of the noise.
        lasting: steps after which its correlation has fallen to 1 / e; 0 for noise that is independent in each step.
        seed: of the noise.

    Raises:
        InputError: a number below 0.
    """

    def __init__(
        self, policy: Policy, action_space: spaces.Box, deviation: float, *, lasting: float = 0.0, seed: int = 0
    ) -> None:
        at_least(0, deviation=deviation, lasting=lasting)
        self.policy = policy
        self.low, self.high = action_space.low, action_space.high
        self.scale = deviation * (self.high - self.low) / 2
        self.correlation = math.exp(-1 / lasting) if lasting else 0.0
        self.rng = np.random.default_rng(seed)

    def predict(
        self,
        observation: Array,
        state: tuple[Array, ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, tuple[Array, ...] | None]:
        """Within the bounds of the action space, and without noise if deterministic; the state is the noise."""
        actions, _ = self.policy.predict(observation, None, episode_start, True)
        if deterministic:
            return actions, state
        fresh = self.rng.standard_normal(np.shape(actions))
        noise = fresh
        if state is not None:
            noise = self.correlation * state[0] + math.sqrt(1 - self.correlation**2) * fresh
            if episode_start is not None:
                begins = np.asarray(episode_start, dtype=bool).reshape(-1, *(1,) * (noise.ndim - 1))
                noise = np.where(begins, fresh, noise)
        noisy = actions + self.scale * noise
        return np.clip(noisy, self.low, self.high).astype(np.float32), (noise,)
