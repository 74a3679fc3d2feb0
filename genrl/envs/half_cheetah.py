"""Gymnasium's HalfCheetah, version 4 and 5, over many simulations at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrl.envs.task import BoolArray, FloatArray, State, normal_noise

__all__ = ["HalfCheetah", "half_cheetah_v4", "half_cheetah_v5"]

_CAMERA: Mapping[str, Any] = {"distance": 4.0}


@dataclass(frozen=True, kw_only=True)
class HalfCheetah:
    """A two-legged runner in a plane that is paid for speed and cannot fall."""

    xml_file: str
    frame_skip: int
    camera: Mapping[str, Any]
    forward_reward_weight: float
    ctrl_cost_weight: float
    reset_noise_scale: float
    skipped_positions: int
    derived: tuple[str, ...] = ()

    def initial_velocity(self, rng: np.random.Generator, qvel: FloatArray) -> FloatArray:
        """Draw normal velocities."""
        return normal_noise(rng, qvel, self.reset_noise_scale)

    def position(self, state: State) -> FloatArray:
        """Return the x of the root joint."""
        return state.qpos[:, 0]

    def observe(self, state: State) -> FloatArray:
        """Positions and velocities."""
        return np.concatenate((state.qpos[:, self.skipped_positions :], state.qvel), axis=1)

    def reward(self, state: State, velocity: FloatArray, actions: FloatArray) -> FloatArray:
        """Pay speed; charge effort, summed in the type of the actions as Gymnasium does."""
        return self.forward_reward_weight * velocity - self.ctrl_cost_weight * np.square(actions).sum(axis=1)

    def terminated(self, state: State) -> BoolArray:
        """Never end before the time limit."""
        return np.zeros(len(state.qpos), dtype=bool)


def half_cheetah_v4(
    *,
    forward_reward_weight: float = 1.0,
    ctrl_cost_weight: float = 0.1,
    reset_noise_scale: float = 0.1,
    exclude_current_positions_from_observation: bool = True,
) -> HalfCheetah:
    """HalfCheetah-v4 with the keywords of its Gymnasium constructor."""
    return half_cheetah_v5(
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        reset_noise_scale=reset_noise_scale,
        exclude_current_positions_from_observation=exclude_current_positions_from_observation,
    )


def half_cheetah_v5(
    *,
    xml_file: str = "half_cheetah.xml",
    frame_skip: int = 5,
    default_camera_config: Mapping[str, Any] = _CAMERA,
    forward_reward_weight: float = 1.0,
    ctrl_cost_weight: float = 0.1,
    reset_noise_scale: float = 0.1,
    exclude_current_positions_from_observation: bool = True,
) -> HalfCheetah:
    """HalfCheetah-v5 with the keywords of its Gymnasium constructor."""
    return HalfCheetah(
        xml_file=xml_file,
        frame_skip=frame_skip,
        camera=default_camera_config,
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        reset_noise_scale=reset_noise_scale,
        skipped_positions=1 if exclude_current_positions_from_observation else 0,
    )
