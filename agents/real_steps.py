"""Steps in the real environment, written down as a world model learns from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs.finite_env import FiniteEnv
from genrl.envs.generators import generators_from_array, generators_to_array
from genrl.errors import InputError
from genrl.protocols import Policy, ResumableEnv
from genrl.transitions import encode_actions
from genrl.world_models import Experience

__all__ = ["RealSteps"]

ROWS = ("before", "actions", "rewards", "after", "over", "ends")


class RealSteps:
    """Acts in one environment, whose episodes go on from call to call.

    Args:
        env: with one environment in it, and a Box observation of one dimension.
        seed: of its first episode and of random actions.

    Attributes:
        episode_returns: of the episodes that have ended.

    Raises:
        InputError: it has several environments.
    """

    def __init__(self, env: VecEnv, *, seed: int) -> None:
        if env.num_envs != 1:
            raise InputError(f"steps are taken in one environment at a time, not {env.num_envs}: make it with one")
        self.env = env
        self._checked = FiniteEnv(env)
        self.episode_returns: list[float] = []
        self._return = 0.0
        self._rows: dict[str, list[Any]] = {name: [] for name in ROWS}
        env.action_space.seed(seed)
        env.seed(seed)
        self._observation: Any = self._checked.reset()

    def collect(
        self, steps: int, policy: Policy | None, *, before_step: Callable[[], None] | None = None
    ) -> Experience:
        """Take some steps.

        Args:
            steps: how many, those counted in that a call before took without coming to its end.
            policy: acts with its exploration noise; None acts at random.
            before_step: called before each step, where the state is whole; may raise, to end the call there.

        Returns:
            The steps, to be put after those of the call before; nothing follows on across calls.
        """
        space = self.env.action_space
        while len(self._rows["before"]) < steps:
            if before_step is not None:
                before_step()
            before = np.asarray(self._observation, dtype=np.float32)
            if policy is None:
                actions = np.asarray(space.sample())[None]
            else:
                actions, _ = policy.predict(before, deterministic=False)
            self._observation, rewards, dones, infos = self._checked.step(actions)
            after = infos[0]["terminal_observation"][None] if dones[0] else self._observation
            self._note(
                before=before,
                actions=encode_actions(space, actions),
                rewards=rewards.copy(),
                after=np.asarray(after, dtype=np.float32),
                over=dones & (not infos[0].get("TimeLimit.truncated", False)),
                ends=dones.copy(),
            )
            self._return += float(rewards[0])
            if dones[0]:
                self.episode_returns.append(self._return)
                self._return = 0.0
        self._rows["ends"][-1] = np.ones(1, dtype=bool)
        joined = {name: torch.as_tensor(np.concatenate(values)) for name, values in self._rows.items()}
        self._rows = {name: [] for name in ROWS}
        return Experience(
            observations=joined["before"],
            actions=joined["actions"],
            rewards=joined["rewards"].float(),
            next_observations=joined["after"],
            terminations=joined["over"],
            ends=joined["ends"],
            action_space=space,
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """What the next step follows from, and the steps of a call that did not come to its end."""
        simulator = self.env.simulator_state() if isinstance(self.env, ResumableEnv) else {}
        rows = {name: np.concatenate(values) for name, values in self._rows.items() if values}
        return {
            "observation": np.asarray(self._observation),
            "return": np.array(self._return),
            "episode_returns": np.array(self.episode_returns, dtype=np.float64),
            "action_generator": generators_to_array([self.env.action_space.np_random]),
            **{f"row_{name}": array for name, array in rows.items()},
            **{f"simulator_{name}": array for name, array in simulator.items()},
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `state` gave.

        Raises:
            InputError: the environment cannot be brought back to where it was. The steps that were taken are put back
                all the same; the next one begins a new episode.
        """
        rows = _with_prefix(state, "row_")
        self._rows = {name: list(rows[name][:, None]) if rows else [] for name in ROWS}
        self.episode_returns = state["episode_returns"].tolist()
        (generator,) = generators_from_array(state["action_generator"])
        self.env.action_space.np_random.bit_generator.state = generator.bit_generator.state
        simulator = _with_prefix(state, "simulator_")
        try:
            if not isinstance(self.env, ResumableEnv) or not simulator:
                raise InputError("the state of the environment could not be saved (that of a ReplayedVecEnv can be)")
            self.env.restore_simulator_state(simulator)
        except InputError:
            if rows:
                self._rows["ends"][-1] = np.ones(1, dtype=bool)
            raise
        self._observation, self._return = state["observation"], float(state["return"])

    def _note(self, **row: NDArray[Any]) -> None:
        for name, values in row.items():
            self._rows[name].append(values)


def _with_prefix(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
