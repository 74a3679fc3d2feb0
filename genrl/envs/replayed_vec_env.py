"""Any Gymnasium environments whose state can be saved: their running episodes are replayed to where they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv

from genrl.envs.generators import generators_from_array, generators_to_array, seeds_from_array, seeds_to_array
from genrl.errors import InputError

__all__ = ["EpisodeRecorder", "ReplayedVecEnv"]

LONGEST = 100_000
"""Steps of an episode that are remembered; longer ones cannot be replayed."""
UNSEEDED = -1


class EpisodeRecorder(gym.Wrapper[Any, Any, Any, Any]):
    """Remembers what an episode follows from: the random state at its reset, and the actions since.

    Gymnasium gives no access to the state of an environment. An episode is repeated bit for bit from these two if the
    environment draws from its `np_random` alone and `reset` leaves nothing of earlier episodes behind, as Gymnasium
    asks of an environment. Whether the repetition was exact is checked by the observation that it ends in.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._seed: int | None = None
        self._generator: NDArray[np.uint64] | None = None
        self._actions: NDArray[Any] = np.zeros(0)
        self._steps = 0
        self._observation: Any = None
        self._repeatable = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin to remember a new episode."""
        self._seed, self._steps = seed, 0
        self._repeatable = not options
        if seed is None:
            self._generator = self._random_state()
            self._repeatable &= self._generator is not None
        self._observation, info = self.env.reset(seed=seed, options=options)
        return self._observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Remember the action, too."""
        if self._repeatable:
            self._remember(np.asarray(action))
        outcome = self.env.step(action)
        self._observation = outcome[0]
        return outcome

    def episode(self) -> dict[str, NDArray[Any]] | None:
        """What the running episode follows from, and its newest observation; None if it cannot be repeated."""
        if not self._repeatable:
            return None
        generator = np.zeros((1, 6), np.uint64) if self._seed is not None else self._generator
        assert generator is not None
        return {
            "seed": np.array(UNSEEDED if self._seed is None else self._seed),
            "generator": generator,
            "actions": self._actions[: self._steps].copy(),
            "observation": np.array(self._observation),
        }

    def repeat(self, episode: Mapping[str, NDArray[Any]]) -> None:
        """Take the steps of a remembered episode again.

        Raises:
            InputError: the episode has another outcome this time.
        """
        seed = int(episode["seed"])
        if seed == UNSEEDED:
            (generator,) = generators_from_array(episode["generator"])
            # In place: parts of the environment may hold on to the same generator.
            self.np_random.bit_generator.state = generator.bit_generator.state
        self.reset(seed=None if seed == UNSEEDED else seed)
        for action in episode["actions"]:
            self.step(action)
        if not np.array_equal(np.asarray(self._observation), episode["observation"], equal_nan=True):
            raise InputError(
                "an environment that was replayed from its random state and its actions did not come back to where it "
                "was: it is not deterministic, or has changed"
            )

    def _remember(self, action: NDArray[Any]) -> None:
        if self._steps == 0:
            self._actions = np.zeros((16, *action.shape), action.dtype)
        if (action.shape, action.dtype) != (self._actions.shape[1:], self._actions.dtype) or self._steps == LONGEST:
            self._repeatable = False
            return
        if self._steps == len(self._actions):
            self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)])
        self._actions[self._steps] = action
        self._steps += 1

    def _random_state(self) -> NDArray[np.uint64] | None:
        generator = getattr(self.env, "np_random", None)
        if isinstance(generator, np.random.Generator) and isinstance(generator.bit_generator, np.random.PCG64):
            return generators_to_array([generator])
        return None


class ReplayedVecEnv(DummyVecEnv):
    """A `DummyVecEnv` that can be saved between two steps, and goes on to the bit in another process.

    Args:
        make: functions that make the environments.
    """

    envs: Sequence[EpisodeRecorder]  # type: ignore[assignment]

    def __init__(self, make: Sequence[Callable[[], gym.Env[Any, Any]]]) -> None:
        super().__init__([lambda make_one=make_one: EpisodeRecorder(make_one()) for make_one in make])  # type: ignore[misc]

    def simulator_state(self) -> dict[str, NDArray[Any]]:
        """What the running episodes follow from; nothing if one of them cannot be repeated."""
        state = {"seeds": seeds_to_array(self._seeds)}
        for index, env in enumerate(self.envs):
            episode = env.episode()
            if episode is None:
                return {}
            state |= {f"{name}_{index}": array for name, array in episode.items()}
        return state

    def restore_simulator_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Replay the episodes of `simulator_state`, which takes as long as they took.

        Raises:
            InputError: the state is of another number of environments, or the episodes cannot be repeated.
        """
        names = ("seed", "generator", "actions", "observation")
        if {"seeds", *(f"{name}_{index}" for name in names for index in range(self.num_envs))} != set(state):
            raise InputError(
                "the episodes of these environments were not saved, or are of another number of environments"
            )
        for index, env in enumerate(self.envs):
            env.repeat({name: state[f"{name}_{index}"] for name in names})
            self._save_obs(index, env._observation)
        self._seeds = seeds_from_array(state["seeds"])
        self._reset_options()
