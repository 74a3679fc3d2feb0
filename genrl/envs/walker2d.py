"""Gymnasium's Walker2d, version 4 and 5, over many simulations at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrl.envs.task import BoolArray, FloatArray, State, uniform_noise, within

__all__ = ["Walker2d", "walker2d_v4", "walker2d_v5"]

_CAMERA: Mapping[str, Any] = {
    "trackbodyid": 2,
    "distance": 4.0,
    "lookat": np.array((0.0, 0.0, 1.15)),
    "elevation": -20.0,
}


@dataclass(frozen=True, kw_only=True)
class Walker2d:
    """A two-legged body in a plane that is paid for moving along x while it stays upright."""

    xml_file: str
    frame_skip: int
    camera: Mapping[str, Any]
    forward_reward_weight: float
    ctrl_cost_weight: float
    healthy_reward: float
    pay_the_fall: bool
    """Whether the step that ends in a fall earns the healthy reward too, as version 4 has it."""
    terminate_when_unhealthy: bool
    healthy_z_range: tuple[float, float]
    healthy_angle_range: tuple[float, float]
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
        healthy = self._is_healthy(state) | self.pay_the_fall
        gains = self.forward_reward_weight * velocity + healthy * self.healthy_reward
        return gains - self.ctrl_cost_weight * np.square(actions).sum(axis=1)

    def terminated(self, state: State) -> BoolArray:
        """End on a height or an angle outside its range."""
        return ~self._is_healthy(state) & self.terminate_when_unhealthy

    def _is_healthy(self, state: State) -> BoolArray:
        height, angle = state.qpos[:, 1], state.qpos[:, 2]
        return within(height, self.healthy_z_range) & within(angle, self.healthy_angle_range)


def walker2d_v4(
    *,
    forward_reward_weight: float = 1.0,
    ctrl_cost_weight: float = 1e-3,
    healthy_reward: float = 1.0,
    terminate_when_unhealthy: bool = True,
    healthy_z_range: tuple[float, float] = (0.8, 2.0),
    healthy_angle_range: tuple[float, float] = (-1.0, 1.0),
    reset_noise_scale: float = 5e-3,
    exclude_current_positions_from_observation: bool = True,
) -> Walker2d:
    """Walker2d-v4 with the keywords of its Gymnasium constructor."""
    return Walker2d(
        xml_file="walker2d.xml",
        frame_skip=4,
        camera=_CAMERA,
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        healthy_reward=healthy_reward,
        pay_the_fall=terminate_when_unhealthy,
        terminate_when_unhealthy=terminate_when_unhealthy,
        healthy_z_range=healthy_z_range,
        healthy_angle_range=healthy_angle_range,
        reset_noise_scale=reset_noise_scale,
        skipped_positions=1 if exclude_current_positions_from_observation else 0,
    )


def walker2d_v5(
    *,
    xml_file: str = "walker2d_v5.xml",
    frame_skip: int = 4,
    default_camera_config: Mapping[str, Any] = _CAMERA,
    forward_reward_weight: float = 1.0,
    ctrl_cost_weight: float = 1e-3,
    healthy_reward: float = 1.0,
    terminate_when_unhealthy: bool = True,
    healthy_z_range: tuple[float, float] = (0.8, 2.0),
    healthy_angle_range: tuple[float, float] = (-1.0, 1.0),
    reset_noise_scale: float = 5e-3,
    exclude_current_positions_from_observation: bool = True,
) -> Walker2d:
    """Walker2d-v5 with the keywords of its Gymnasium constructor."""
    return Walker2d(
        xml_file=xml_file,
        frame_skip=frame_skip,
        camera=default_camera_config,
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        healthy_reward=healthy_reward,
        pay_the_fall=False,
        terminate_when_unhealthy=terminate_when_unhealthy,
        healthy_z_range=healthy_z_range,
        healthy_angle_range=healthy_angle_range,
        reset_noise_scale=reset_noise_scale,
        skipped_positions=1 if exclude_current_positions_from_observation else 0,
    )
