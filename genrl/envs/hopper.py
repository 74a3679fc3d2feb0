"""Gymnasium's Hopper, version 4 and 5, over many simulations at once."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from genrl.envs.planar_walker import PlanarWalker
from genrl.envs.task import BoolArray, State, within

__all__ = ["hopper_v4", "hopper_v5"]

_CAMERA: Mapping[str, Any] = {
    "trackbodyid": 2,
    "distance": 3.0,
    "lookat": np.array((0.0, 0.0, 1.15)),
    "elevation": -20.0,
}


def _is_healthy(
    state: State,
    *,
    state_range: tuple[float, float],
    z_range: tuple[float, float],
    angle_range: tuple[float, float],
) -> BoolArray:
    """Height, angle and every other coordinate within their ranges."""
    return (
        within(state.qpos[:, 2:], state_range).all(axis=1)
        & within(state.qvel, state_range).all(axis=1)
        & within(state.qpos[:, 1], z_range)
        & within(state.qpos[:, 2], angle_range)
    )


def hopper_v4(
    *,
    forward_reward_weight: float = 1.0,
    ctrl_cost_weight: float = 1e-3,
    healthy_reward: float = 1.0,
    terminate_when_unhealthy: bool = True,
    healthy_state_range: tuple[float, float] = (-100.0, 100.0),
    healthy_z_range: tuple[float, float] = (0.7, float("inf")),
    healthy_angle_range: tuple[float, float] = (-0.2, 0.2),
    reset_noise_scale: float = 5e-3,
    exclude_current_positions_from_observation: bool = True,
) -> PlanarWalker:
    """Hopper-v4 with the keywords of its Gymnasium constructor."""
    return PlanarWalker(
        xml_file="hopper.xml",
        frame_skip=4,
        camera=_CAMERA,
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        healthy_reward=healthy_reward,
        pay_the_fall=terminate_when_unhealthy,
        terminate_when_unhealthy=terminate_when_unhealthy,
        is_healthy=partial(
            _is_healthy,
            state_range=healthy_state_range,
            z_range=healthy_z_range,
            angle_range=healthy_angle_range,
        ),
        reset_noise_scale=reset_noise_scale,
        skipped_positions=1 if exclude_current_positions_from_observation else 0,
    )


def hopper_v5(
    *,
    xml_file: str = "hopper.xml",
    frame_skip: int = 4,
    default_camera_config: Mapping[str, Any] = _CAMERA,
    forward_reward_weight: float = 1.0,
    ctrl_cost_weight: float = 1e-3,
    healthy_reward: float = 1.0,
    terminate_when_unhealthy: bool = True,
    healthy_state_range: tuple[float, float] = (-100.0, 100.0),
    healthy_z_range: tuple[float, float] = (0.7, float("inf")),
    healthy_angle_range: tuple[float, float] = (-0.2, 0.2),
    reset_noise_scale: float = 5e-3,
    exclude_current_positions_from_observation: bool = True,
) -> PlanarWalker:
    """Hopper-v5 with the keywords of its Gymnasium constructor."""
    return PlanarWalker(
        xml_file=xml_file,
        frame_skip=frame_skip,
        camera=default_camera_config,
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        healthy_reward=healthy_reward,
        pay_the_fall=False,
        terminate_when_unhealthy=terminate_when_unhealthy,
        is_healthy=partial(
            _is_healthy,
            state_range=healthy_state_range,
            z_range=healthy_z_range,
            angle_range=healthy_angle_range,
        ),
        reset_noise_scale=reset_noise_scale,
        skipped_positions=1 if exclude_current_positions_from_observation else 0,
    )
