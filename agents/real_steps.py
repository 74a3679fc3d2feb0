"""Steps in the real environment, written down as a world model learns from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.protocols import Policy
from genrl.transitions import encode_actions
from genrl.world_models import Experience

__all__ = ["RealSteps"]


class RealSteps:
    """Acts in one environment, whose episodes go on from call to call.

    Args:
        env: with one environment in it, and a Box observation of one dimension.
        seed: of its first episode and of random actions.

    Raises:
        InputError: it has several environments.
    """

    def __init__(self, env: VecEnv, *, seed: int) -> None:
        if env.num_envs != 1:
            raise InputError(f"steps are taken in one environment at a time, not {env.num_envs}: make it with one")
        self.env = env
        self.episode_returns: list[float] = []
        self._return = 0.0
        env.action_space.seed(seed)
        env.seed(seed)
        self._observation: Any = env.reset()

    def collect(self, steps: int, policy: Policy | None) -> Experience:
        """Take some steps.

        Args:
            steps: how many.
            policy: acts with its exploration noise; None acts at random.

        Returns:
            The steps, to be put after those of the call before; nothing follows on across calls.
        """
        space = self.env.action_space
        rows: dict[str, list[Any]] = {name: [] for name in ("before", "actions", "rewards", "after", "over", "ends")}
        for _ in range(steps):
            before = np.asarray(self._observation, dtype=np.float32)
            if policy is None:
                actions = np.asarray(space.sample())[None]
            else:
                actions, _ = policy.predict(before, deterministic=False)
            self._observation, rewards, dones, infos = self.env.step(actions)
            after = infos[0]["terminal_observation"][None] if dones[0] else self._observation
            rows["before"].append(before)
            rows["actions"].append(encode_actions(space, actions))
            rows["rewards"].append(rewards.copy())
            rows["after"].append(np.asarray(after, dtype=np.float32))
            rows["over"].append(dones & (not infos[0].get("TimeLimit.truncated", False)))
            rows["ends"].append(dones.copy())
            self._return += float(rewards[0])
            if dones[0]:
                self.episode_returns.append(self._return)
                self._return = 0.0
        rows["ends"][-1] = np.ones(1, dtype=bool)
        joined = {name: torch.as_tensor(np.concatenate(values)) for name, values in rows.items()}
        return Experience(
            observations=joined["before"],
            actions=joined["actions"],
            rewards=joined["rewards"].float(),
            next_observations=joined["after"],
            terminations=joined["over"],
            ends=joined["ends"],
            action_space=space,
        )
