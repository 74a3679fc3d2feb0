"""Asks an expert what it would do in the states that a mixture of it and an imitator visits."""

from __future__ import annotations

from collections.abc import Mapping
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

from .cloning import LabelledStates

__all__ = ["ExpertLabels"]


class ExpertLabels:
    """Plays episodes and has every state labelled; the episodes go on from one call to the next.

    Args:
        env: reset here.
        expert: its deterministic actions are the labels.
        seed: of the choice of who acts.
        first_episode: number of the first episode, so that those of several collectors differ.
    """

    def __init__(self, env: VecEnv, expert: Policy, *, seed: int, first_episode: int = 0) -> None:
        self._env = env
        self._checked = FiniteEnv(env)
        self._expert = expert
        self._rng = np.random.default_rng(seed)
        self._observations = _single_precision(self._checked.reset())
        self._starts = np.ones(env.num_envs, dtype=bool)
        self._episodes = first_episode + np.arange(env.num_envs)
        self._expert_state: tuple[NDArray[Any], ...] | None = None

    def collect(self, steps: int, imitator: Policy | None, beta: float) -> LabelledStates:
        """At least `steps` labelled states: the steps of all environments, in whole.

        Args:
            steps: how many.
            imitator: acts, by its mode, where the expert does not; not asked if `beta` is 1.
            beta: the probability that the expert acts, drawn anew at each step of each environment.

        Raises:
            InputError: the expert does not fit the environment.
        """
        env = self._env
        observations, labels, episodes = [], [], []
        for _ in range(-(-steps // env.num_envs)):
            advice = self._ask()
            observations.append(self._observations)
            labels.append(encode_actions(env.action_space, advice))
            episodes.append(self._episodes.copy())
            actions = advice
            if beta < 1:
                assert imitator is not None
                own, _ = imitator.predict(self._observations, deterministic=True)
                actions = np.where(self._experts_turn(beta, advice.ndim), advice, own)
            reached, _, self._starts, _ = self._checked.step(actions)
            self._observations = _single_precision(reached)
            ended = np.flatnonzero(self._starts)
            self._episodes[ended] = self._episodes.max() + 1 + np.arange(len(ended))
        return LabelledStates(
            observations=torch.from_numpy(np.concatenate(observations)),
            actions=torch.from_numpy(np.concatenate(labels)),
            episodes=torch.from_numpy(np.concatenate(episodes)),
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """What the next call of `collect` follows from; empty if the environment cannot be saved (`ResumableEnv`)."""
        simulator = self._env.simulator_state() if isinstance(self._env, ResumableEnv) else {}
        if not simulator:
            return {}
        return {
            "observations": self._observations,
            "starts": self._starts,
            "episodes": self._episodes,
            "generator": generators_to_array([self._rng]),
            **{f"simulator_{name}": array for name, array in simulator.items()},
            **{f"expert_{number}": array for number, array in enumerate(self._expert_state or ())},
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` gave, with the episodes that were running.

        Raises:
            InputError: the environment is another one, or cannot be brought back to where it was.
        """
        if not isinstance(self._env, ResumableEnv):
            raise InputError("the environment cannot be brought back to where it was")
        try:
            self._env.restore_simulator_state(_with_prefix(state, "simulator_"))
            self._observations, self._starts = state["observations"], state["starts"]
            self._episodes = state["episodes"]
            (self._rng,) = generators_from_array(state["generator"])
        except (KeyError, ValueError) as error:
            raise InputError(f"the saved episodes do not fit this environment: {error}") from error
        expert = _with_prefix(state, "expert_")
        self._expert_state = tuple(expert[str(number)] for number in range(len(expert))) or None

    def _ask(self) -> NDArray[Any]:
        advice, self._expert_state = self._expert.predict(
            self._observations, state=self._expert_state, episode_start=self._starts, deterministic=True
        )
        expected = (self._env.num_envs, *(self._env.action_space.shape or ()))
        if np.shape(advice) != expected:
            raise InputError(
                f"the expert gives actions of shape {np.shape(advice)}, the environment takes {expected}: "
                "it is of another task or version"
            )
        return np.asarray(advice)

    def _experts_turn(self, beta: float, dimensions: int) -> NDArray[np.bool_]:
        turn = self._rng.random(self._env.num_envs) < beta
        return turn.reshape(-1, *[1] * (dimensions - 1))


def _with_prefix(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _single_precision(observations: Any) -> NDArray[np.float32]:
    return np.asarray(observations, dtype=np.float32)
