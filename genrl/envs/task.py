"""What the simulator asks of a task: how a batch of simulations becomes observations, rewards and ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

__all__ = ["BoolArray", "FloatArray", "State", "Task", "normal_noise", "uniform_noise", "within"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class State:
    """Simulations of one model, seen as arrays of (num_sims, ...)."""

    model: mujoco.MjModel
    """The model that they share."""
    qpos: FloatArray
    """Generalised positions, (num_sims, nq)."""
    qvel: FloatArray
    """Generalised velocities, (num_sims, nv)."""
    ctrl: FloatArray
    """Actuator controls as the last step left them, (num_sims, nu)."""
    derived: Mapping[str, FloatArray]
    """The `mujoco.MjData` fields that the task asked for, each (num_sims, ...)."""

    def take(self, ids: NDArray[np.integer]) -> "State":
        """Return a copy of the simulations `ids` alone."""
        derived = {name: values[ids] for name, values in self.derived.items()}
        return State(self.model, self.qpos[ids], self.qvel[ids], self.ctrl[ids], derived)


class Task(Protocol):
    """A Gymnasium MuJoCo task over many simulations at once, as pure functions of a `State`."""

    @property
    def xml_file(self) -> str:
        """The model: a file among Gymnasium's assets, or a path."""

    @property
    def frame_skip(self) -> int:
        """Substeps a step."""

    @property
    def derived(self) -> tuple[str, ...]:
        """The `mujoco.MjData` fields that the functions below read."""

    @property
    def camera(self) -> Mapping[str, Any]:
        """Where the camera of a video stands, in `gymnasium`'s terms."""

    def initial_velocity(self, rng: np.random.Generator, qvel: FloatArray) -> FloatArray:
        """Draw the velocities that an episode starts from, around the model's own, (nv,)."""

    @property
    def reset_noise_scale(self) -> float:
        """Half the width of the noise on the positions that an episode starts from."""

    def position(self, state: State) -> FloatArray:
        """Return the coordinate whose rate of change is rewarded, (num_sims,)."""

    def observe(self, state: State) -> FloatArray:
        """Return a new array of observations, (num_sims, size)."""

    def reward(self, state: State, velocity: FloatArray, actions: FloatArray) -> FloatArray:
        """Return a new array of rewards, (num_sims,), for the step that led to `state`.

        Args:
            state: the simulations after the step.
            velocity: rate of change of `position` over the step, (num_sims,), in metres a second.
            actions: the actions of the step, (num_sims, nu), in the type in which they were given.
        """

    def terminated(self, state: State) -> BoolArray:
        """Tell which episodes end in `state`, (num_sims,)."""


def uniform_noise(rng: np.random.Generator, mean: FloatArray, scale: float) -> FloatArray:
    """Draw around `mean`, evenly within `scale` on either side."""
    return mean + rng.uniform(low=-scale, high=scale, size=len(mean))


def normal_noise(rng: np.random.Generator, mean: FloatArray, scale: float) -> FloatArray:
    """Draw around `mean` with standard deviation `scale`."""
    return mean + scale * rng.standard_normal(len(mean))


def within(values: FloatArray, bounds: tuple[float, float]) -> BoolArray:
    """Tell which values lie strictly between the two bounds; NaN never does."""
    return (bounds[0] < values) & (values < bounds[1])
