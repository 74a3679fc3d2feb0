"""The same work for GAIL of this package and of the `imitation` library, and how its speed is taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

DEMONSTRATIONS = 4

# What both sides do in an iteration: the numbers of `imitation`'s quickstart, with PPO's default rollout.
NUM_ENVS = 8
ROLLOUT = 2048 * NUM_ENVS
PPO_MINIBATCH = 64
PPO_EPOCHS = 5
PPO_LEARNING_RATE = 4e-4
GAMMA = 0.95
DISCRIMINATOR_STEPS = 8
DISCRIMINATOR_BATCH = 1024


def steps_per_second(train: Callable[[int], Any], rollout: int, env_steps: int) -> float:
    """Train for one iteration unseen, then for at least `env_steps` by the clock."""
    train(rollout)
    steps = -(-env_steps // rollout) * rollout
    start = time.perf_counter()
    train(steps)
    return steps / (time.perf_counter() - start)
