"""Gymnasium's Ant, version 4 and 5, over many simulations at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrl.envs.task import BoolArray, FloatArray, State, normal_noise

__all__ = ["Ant", "ant_v4", "ant_v5"]

_CAMERA: Mapping[str, Any] = {"distance": 4.0}


@dataclass(frozen=True, kw_only=True)
class Ant:
    """A four-legged body that is paid for moving along x, and for staying within a band of heights."""

    xml_file: str
    frame_skip: int
    camera: Mapping[str, Any]
    main_body: int | str
    forward_reward_weight: float
    ctrl_cost_weight: float
    contact_cost_weight: float | None
    """None where contact forces cost nothing."""
    contact_force_range: tuple[float, float]
    healthy_reward: float
    pay_the_fall: bool
    """Whether the step that ends in a fall earns the healthy reward too, as version 4 has it."""
    terminate_when_unhealthy: bool
    healthy_z_range: tuple[float, float]
    reset_noise_scale: float
    skipped_positions: int
    first_observed_body: int | None
    """The first body whose contact force is observed; None where none is."""

    @property
    def derived(self) -> tuple[str, ...]:
        """Positions of the bodies and, only where they are used, contact forces."""
        uses_forces = self.contact_cost_weight is not None or self.first_observed_body is not None
        return ("xpos", "cfrc_ext") if uses_forces else ("xpos",)

    def initial_velocity(self, rng: np.random.Generator, qvel: FloatArray) -> FloatArray:
        """Draw normal velocities."""
        return normal_noise(rng, qvel, self.reset_noise_scale)

    def position(self, state: State) -> FloatArray:
        """Return the x of the torso, as it was one substep ago."""
        return state.derived["xpos"][:, state.model.body(self.main_body).id, 0]

    def observe(self, state: State) -> FloatArray:
        """Positions, velocities and, where asked for, clipped contact forces."""
        parts = [state.qpos[:, self.skipped_positions :], state.qvel]
        if self.first_observed_body is not None:
            forces = self._contact_forces(state)[:, self.first_observed_body :]
            parts.append(forces.reshape(len(forces), -1))
        return np.concatenate(parts, axis=1)

    def reward(self, state: State, velocity: FloatArray, actions: FloatArray) -> FloatArray:
        """Pay progress and health; charge effort and contact."""
        healthy = self._is_healthy(state) | self.pay_the_fall
        gains = self.forward_reward_weight * velocity + healthy * self.healthy_reward
        # Summed in the type of the actions: float32 actions cost what they cost in Gymnasium, to the bit.
        costs = self.ctrl_cost_weight * np.square(actions).sum(axis=1)
        if self.contact_cost_weight is not None:
            forces = self._contact_forces(state)
            squares = np.square(forces).reshape(len(forces), -1)
            costs = costs + self.contact_cost_weight * squares.sum(axis=1)
        return gains - costs

    def terminated(self, state: State) -> BoolArray:
        """End on a height outside the band, or on a state that is not finite."""
        return ~self._is_healthy(state) & self.terminate_when_unhealthy

    def _is_healthy(self, state: State) -> BoolArray:
        low, high = self.healthy_z_range
        height = state.qpos[:, 2]
        finite = np.isfinite(state.qpos).all(axis=1) & np.isfinite(state.qvel).all(axis=1)
        return finite & (low <= height) & (height <= high)

    def _contact_forces(self, state: State) -> FloatArray:
        return np.clip(state.derived["cfrc_ext"], *self.contact_force_range)


def ant_v4(
    *,
    xml_file: str = "ant.xml",
    ctrl_cost_weight: float = 0.5,
    use_contact_forces: bool = False,
    contact_cost_weight: float = 5e-4,
    healthy_reward: float = 1.0,
    terminate_when_unhealthy: bool = True,
    healthy_z_range: tuple[float, float] = (0.2, 1.0),
    contact_force_range: tuple[float, float] = (-1.0, 1.0),
    reset_noise_scale: float = 0.1,
    exclude_current_positions_from_observation: bool = True,
) -> Ant:
    """Ant-v4 with the keywords of its Gymnasium constructor."""
    return Ant(
        xml_file=xml_file,
        frame_skip=5,
        camera=_CAMERA,
        main_body="torso",
        forward_reward_weight=1.0,
        ctrl_cost_weight=ctrl_cost_weight,
        contact_cost_weight=contact_cost_weight if use_contact_forces else None,
        contact_force_range=contact_force_range,
        healthy_reward=healthy_reward,
        pay_the_fall=terminate_when_unhealthy,
        terminate_when_unhealthy=terminate_when_unhealthy,
        healthy_z_range=healthy_z_range,
        reset_noise_scale=reset_noise_scale,
        skipped_positions=2 if exclude_current_positions_from_observation else 0,
        first_observed_body=0 if use_contact_forces else None,
    )


def ant_v5(
    *,
    xml_file: str = "ant.xml",
    frame_skip: int = 5,
    default_camera_config: Mapping[str, Any] = _CAMERA,
    forward_reward_weight: float = 1,
    ctrl_cost_weight: float = 0.5,
    contact_cost_weight: float = 5e-4,
    healthy_reward: float = 1.0,
    main_body: int | str = 1,
    terminate_when_unhealthy: bool = True,
    healthy_z_range: tuple[float, float] = (0.2, 1.0),
    contact_force_range: tuple[float, float] = (-1.0, 1.0),
    reset_noise_scale: float = 0.1,
    exclude_current_positions_from_observation: bool = True,
    include_cfrc_ext_in_observation: bool = True,
) -> Ant:
    """Ant-v5 with the keywords of its Gymnasium constructor."""
    return Ant(
        xml_file=xml_file,
        frame_skip=frame_skip,
        camera=default_camera_config,
        main_body=main_body,
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        contact_cost_weight=contact_cost_weight,
        contact_force_range=contact_force_range,
        healthy_reward=healthy_reward,
        pay_the_fall=False,
        terminate_when_unhealthy=terminate_when_unhealthy,
        healthy_z_range=healthy_z_range,
        reset_noise_scale=reset_noise_scale,
        skipped_positions=2 if exclude_current_positions_from_observation else 0,
        first_observed_body=1 if include_cfrc_ext_in_observation else None,
    )
