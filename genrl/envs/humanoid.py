"""Gymnasium's Humanoid, version 4 and 5, over many simulations at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrl.envs.task import BoolArray, FloatArray, State, uniform_noise, within

__all__ = ["Humanoid", "humanoid_v4", "humanoid_v5"]

_CAMERA: Mapping[str, Any] = {
    "trackbodyid": 1,
    "distance": 4.0,
    "lookat": np.array((0.0, 0.0, 2.0)),
    "elevation": -20.0,
}
_PARTS = ("cinert", "cvel", "qfrc_actuator", "cfrc_ext")


@dataclass(frozen=True, kw_only=True)
class Humanoid:
    """A body of 17 joints that is paid for moving its centre of mass along x, and for not falling."""

    xml_file: str
    frame_skip: int
    camera: Mapping[str, Any]
    forward_reward_weight: float
    ctrl_cost_weight: float
    contact_cost_weight: float | None
    """None where contact forces cost nothing."""
    contact_cost_range: tuple[float, float]
    healthy_reward: float
    pay_the_fall: bool
    """Whether the step that ends in a fall earns the healthy reward too, as version 4 has it."""
    terminate_when_unhealthy: bool
    healthy_z_range: tuple[float, float]
    reset_noise_scale: float
    skipped_positions: int
    observed: tuple[tuple[str, int], ...]
    """The derived fields observed after positions and velocities, each with how many rows to leave out."""

    @property
    def derived(self) -> tuple[str, ...]:
        """Centres of mass, what is observed, and contact forces where they cost."""
        forces = () if self.contact_cost_weight is None else ("cfrc_ext",)
        return tuple(dict.fromkeys(("xipos", *(name for name, _ in self.observed), *forces)))

    def initial_velocity(self, rng: np.random.Generator, qvel: FloatArray) -> FloatArray:
        """Draw evenly distributed velocities."""
        return uniform_noise(rng, qvel, self.reset_noise_scale)

    def position(self, state: State) -> FloatArray:
        """Return the x of the centre of mass, as it was one substep ago."""
        masses = state.model.body_mass
        # All three coordinates are summed, though one is used: Gymnasium's order of summation.
        moments = np.einsum("b,nbj->nj", masses, state.derived["xipos"])
        return moments[:, 0] / masses.sum()

    def observe(self, state: State) -> FloatArray:
        """Positions, velocities and the derived fields asked for."""
        parts = [state.qpos[:, self.skipped_positions :], state.qvel]
        for name, left_out in self.observed:
            values = state.derived[name][:, left_out:]
            parts.append(values.reshape(len(values), -1))
        return np.concatenate(parts, axis=1)

    def reward(self, state: State, velocity: FloatArray, actions: FloatArray) -> FloatArray:
        """Pay progress and health; charge effort and contact."""
        healthy = self._is_healthy(state) | self.pay_the_fall
        gains = self.forward_reward_weight * velocity + healthy * self.healthy_reward
        # Not the actions but what the simulation holds, which a diverged one has set back to zero.
        costs = self.ctrl_cost_weight * np.square(state.ctrl).sum(axis=1)
        if self.contact_cost_weight is not None:
            forces = state.derived["cfrc_ext"]
            squares = np.square(forces).reshape(len(forces), -1)
            contact = self.contact_cost_weight * squares.sum(axis=1)
            costs = costs + np.clip(contact, *self.contact_cost_range)
        return gains - costs

    def terminated(self, state: State) -> BoolArray:
        """End on a height outside the band."""
        return ~self._is_healthy(state) & self.terminate_when_unhealthy

    def _is_healthy(self, state: State) -> BoolArray:
        return within(state.qpos[:, 2], self.healthy_z_range)


def humanoid_v4(
    *,
    forward_reward_weight: float = 1.25,
    ctrl_cost_weight: float = 0.1,
    healthy_reward: float = 5.0,
    terminate_when_unhealthy: bool = True,
    healthy_z_range: tuple[float, float] = (1.0, 2.0),
    reset_noise_scale: float = 1e-2,
    exclude_current_positions_from_observation: bool = True,
) -> Humanoid:
    """Humanoid-v4 with the keywords of its Gymnasium constructor."""
    return Humanoid(
        xml_file="humanoid.xml",
        frame_skip=5,
        camera=_CAMERA,
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        contact_cost_weight=None,
        contact_cost_range=(-np.inf, np.inf),
        healthy_reward=healthy_reward,
        pay_the_fall=terminate_when_unhealthy,
        terminate_when_unhealthy=terminate_when_unhealthy,
        healthy_z_range=healthy_z_range,
        reset_noise_scale=reset_noise_scale,
        skipped_positions=2 if exclude_current_positions_from_observation else 0,
        observed=tuple((name, 0) for name in _PARTS),
    )


def humanoid_v5(
    *,
    xml_file: str = "humanoid.xml",
    frame_skip: int = 5,
    default_camera_config: Mapping[str, Any] = _CAMERA,
    forward_reward_weight: float = 1.25,
    ctrl_cost_weight: float = 0.1,
    contact_cost_weight: float = 5e-7,
    contact_cost_range: tuple[float, float] = (-np.inf, 10.0),
    healthy_reward: float = 5.0,
    terminate_when_unhealthy: bool = True,
    healthy_z_range: tuple[float, float] = (1.0, 2.0),
    reset_noise_scale: float = 1e-2,
    exclude_current_positions_from_observation: bool = True,
    include_cinert_in_observation: bool = True,
    include_cvel_in_observation: bool = True,
    include_qfrc_actuator_in_observation: bool = True,
    include_cfrc_ext_in_observation: bool = True,
) -> Humanoid:
    """Humanoid-v5 with the keywords of its Gymnasium constructor."""
    included = (
        include_cinert_in_observation,
        include_cvel_in_observation,
        include_qfrc_actuator_in_observation,
        include_cfrc_ext_in_observation,
    )
    # Version 5 leaves out the world body, and the six degrees of freedom of the root, which has no motor.
    left_out = (1, 1, 6, 1)
    return Humanoid(
        xml_file=xml_file,
        frame_skip=frame_skip,
        camera=default_camera_config,
        forward_reward_weight=forward_reward_weight,
        ctrl_cost_weight=ctrl_cost_weight,
        contact_cost_weight=contact_cost_weight,
        contact_cost_range=contact_cost_range,
        healthy_reward=healthy_reward,
        pay_the_fall=False,
        terminate_when_unhealthy=terminate_when_unhealthy,
        healthy_z_range=healthy_z_range,
        reset_noise_scale=reset_noise_scale,
        skipped_positions=2 if exclude_current_positions_from_observation else 0,
        observed=tuple((name, rows) for name, rows, wanted in zip(_PARTS, left_out, included, strict=True) if wanted),
    )
