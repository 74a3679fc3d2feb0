"""A body in the x-z plane that is paid for going forward while it stays upright: what Hopper and Walker2d share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrl.envs.task import BoolArray, FloatArray, State, uniform_noise

__all__ = ["PlanarWalker"]


@dataclass(frozen=True, kw_only=True)
class PlanarWalker:
    """A legged body in a plane, over many simulations at once."""

    xml_file: str
    frame_skip: int
    camera: Mapping[str, Any]
    forward_reward_weight: float
    ctrl_cost_weight: float
    healthy_reward: float
    pay_the_fall: bool
    """Whether the step that ends in a fall earns the healthy reward too, as version 4 has it."""
    terminate_when_unhealthy: bool
    is_healthy: Callable[[State], BoolArray]
    """Tells which simulations have not fallen, (num_sims,)."""
    reset_noise_scale: float
    skipped_positions: int
    derived: tuple[str, ...] = ()

    def initial_velocity(self, rng: np.random.Generator, qvel: FloatArray) -> FloatArray:
        """Draw evenly distributed velocities."""
        return uniform_noise(rng, qvel, self.reset_noise_scale)

    def position(self, state: State) -> FloatArray:
        """Return the x of the root joint."""
        return state.qpos[:, 0]

    def observe(self, state: State) -> FloatArray:
        """Positions, and velocities clipped at 10."""
        return np.concatenate((state.qpos[:, self.skipped_positions :], np.clip(state.qvel, -10, 10)), axis=1)

    def reward(self, state: State, velocity: FloatArray, actions: FloatArray) -> FloatArray:
        """Pay progress and health; charge effort, summed in the type of the actions as Gymnasium does."""
        healthy = self.is_healthy(state) | self.pay_the_fall
        gains = self.forward_reward_weight * velocity + healthy * self.healthy_reward
        return gains - self.ctrl_cost_weight * np.square(actions).sum(axis=1)

    def terminated(self, state: State) -> BoolArray:
        """End on a fall."""
        return ~self.is_healthy(state) & self.terminate_when_unhealthy
