"""An environment that must not give NaN or infinity, nor be given it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from genrl.errors import NotFiniteError
from genrl.finite import describe_not_finite

__all__ = ["FiniteEnv"]

LARGEST = float(np.finfo(np.float32).max)  # of what the networks can see


class FiniteEnv(VecEnvWrapper):
    """Passes everything on, and raises at the first action, observation or reward that is not finite in float32.

    stable-baselines3's `VecCheckNan` does the same, but names neither the environment nor the step.

    Args:
        venv: any.
        name: of the task, for the message; by default its Gymnasium id, or the name of its class.

    Raises:
        NotFiniteError: from `reset`, `step_async` and `step_wait`; the message has the index of the environment, and
            the number of steps since this object was made.

    >>> from genrl.envs import make_vec_env
    >>> env = FiniteEnv(make_vec_env("Hopper-v4", 2, seed=0))
    >>> env.reset().shape
    (2, 11)
    >>> env.step(np.full((2, 3), np.nan))
    Traceback (most recent call last):
        ...
    genrl.errors.NotFiniteError: Hopper-v4 was given an action that is not finite (NaN in 3 of 3 numbers) in step 1, \
environment 0 of 2
    """

    def __init__(self, venv: VecEnv, name: str | None = None) -> None:
        super().__init__(venv)
        self._task_name = name or _name_of(venv)
        self._steps_taken = 0

    def reset(self) -> VecEnvObs:
        """As usual."""
        observations = self.venv.reset()
        for part in _parts(observations):
            self._require(part, "gave an observation", "at its reset")
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """As usual."""
        self._steps_taken += 1
        self._require(np.asarray(actions), "was given an action")
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """As usual."""
        observations, rewards, dones, infos = self.venv.step_wait()
        for index in np.flatnonzero(dones).tolist():
            for part in _parts(infos[index].get("terminal_observation")):
                if not _is_finite(part):
                    self._refuse(part, "gave a last observation of an episode", self._this_step, index)
        self._require(np.asarray(rewards), "gave a reward")
        for part in _parts(observations):
            if not _is_finite(part):
                index = _first_bad(part)
                when = f"at its reset after {self._this_step.removeprefix('in ')}" if dones[index] else self._this_step
                self._refuse(part[index], "gave an observation", when, index)
        return observations, rewards, dones, infos

    @property
    def _this_step(self) -> str:
        return f"in step {self._steps_taken:,}"

    def _require(self, rows: NDArray[Any], what: str, when: str | None = None) -> None:
        if not _is_finite(rows):
            index = _first_bad(rows)
            self._refuse(rows[index], what, when or self._this_step, index)

    def _refuse(self, numbers: NDArray[Any], what: str, when: str, index: int) -> None:
        where = f", environment {index} of {self.num_envs}" if self.num_envs > 1 else ""
        with np.errstate(over="ignore"):
            described = describe_not_finite(np.asarray(numbers, dtype=np.float32))
        raise NotFiniteError(f"{self._task_name} {what} that is not finite ({described}) {when}{where}")


def _is_finite(numbers: NDArray[Any]) -> bool:
    return numbers.dtype.kind != "f" or not numbers.size or bool(np.abs(numbers).max() <= LARGEST)


def _first_bad(rows: NDArray[Any]) -> int:
    with np.errstate(over="ignore"):
        finite = np.isfinite(rows.astype(np.float32))
    return int(np.flatnonzero(~finite.reshape(len(rows), -1).all(axis=1))[0])


def _parts(observations: Any) -> list[NDArray[Any]]:
    """The arrays of an observation, which may be a dict or a tuple of them."""
    if observations is None:
        return []
    if isinstance(observations, dict):
        return [np.asarray(part) for part in observations.values()]
    if isinstance(observations, tuple):
        return [np.asarray(part) for part in observations]
    return [np.asarray(observations)]


def _name_of(venv: VecEnv) -> str:
    inner = venv.unwrapped
    task = inner.envs[0].unwrapped if isinstance(inner, DummyVecEnv) else inner
    spec = getattr(task, "spec", None)
    return spec.id if isinstance(spec, EnvSpec) else type(task).__name__
