"""What demonstrations must satisfy: a layout of their own, and the spaces of the environment that imitates them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from genrl.errors import InputError

__all__ = ["check_action_space", "check_actions", "check_layout"]

Array = NDArray[Any]


def check_layout(
    *,
    observations: Array,
    actions: Array | None,
    rewards: Array,
    terminations: Array,
    truncations: Array,
    episode_lengths: Array,
) -> None:
    """Refuse arrays that are not whole episodes of finite numbers (shapes as in `Demonstrations`).

    Raises:
        InputError: a shape is wrong, a number is not finite, or an episode ends before its last step.
    """
    if rewards.ndim != 1 or episode_lengths.ndim != 1:
        raise InputError(
            f"rewards and episode_lengths must have one dimension; "
            f"their shapes are {rewards.shape} and {episode_lengths.shape}"
        )
    if actions is not None and actions.ndim not in (1, 2):
        raise InputError(f"actions must have one or two dimensions, their shape is {actions.shape}")
    # Rewards are there even where actions are not.
    steps, episodes = len(rewards if actions is None else actions), len(episode_lengths)
    if episodes == 0 or steps == 0:
        raise InputError("the demonstrations are empty: at least one episode of one step is needed")
    whole = episode_lengths.dtype.kind in "iu"
    if not whole or np.any(episode_lengths < 1) or episode_lengths.sum() != steps:
        raise InputError(f"episode_lengths must be positive integers and sum to the number of steps, {steps}")
    if observations.ndim != 2 or len(observations) != steps + episodes:
        raise InputError(
            f"observations must have T + 1 rows an episode, {steps + episodes} in all, and two dimensions; "
            f"their shape is {observations.shape}"
        )
    per_step = {"rewards": rewards, "terminations": terminations, "truncations": truncations}
    for name, array in per_step.items():
        if array.shape != (steps,):
            raise InputError(f"{name} must have shape ({steps},), not {array.shape}")
    for name, numbers in {"observations": observations, "actions": actions, "rewards": rewards}.items():
        if numbers is not None:
            _check_finite(name, numbers)
    inside = np.ones(steps, dtype=bool)
    inside[np.cumsum(episode_lengths) - 1] = False
    early = np.flatnonzero(inside & (terminations.astype(bool) | truncations.astype(bool)))
    if len(early):
        raise InputError(f"step {early[0]} ends an episode that goes on: only the last step of an episode may end it")


def check_action_space(action_space: spaces.Space[Any]) -> None:
    """Refuse a space that nothing here can imitate in.

    Raises:
        InputError: neither a Box of one dimension nor Discrete, or Discrete from another number than 0.
    """
    if isinstance(action_space, spaces.Discrete):
        if action_space.start != 0:
            raise InputError("the learners count discrete actions from 0: wrap the environment so that its own do too")
    elif not isinstance(action_space, spaces.Box) or len(action_space.shape) != 1:
        raise InputError(f"the action space must be Discrete or a Box of one dimension, not {action_space}")


def check_actions(actions: Array, action_space: spaces.Space[Any]) -> None:
    """Refuse actions that `action_space`, which `check_action_space` let pass, does not hold.

    Raises:
        InputError: another number of columns, or out of bounds.
    """
    low: Any
    high: Any
    if isinstance(action_space, spaces.Discrete):
        low, high = 0, int(action_space.n) - 1
        if actions.size != len(actions) or not np.all(actions == np.round(actions)):
            raise InputError("the environment's actions are Discrete, the demonstrations' are not whole numbers")
    else:
        assert isinstance(action_space, spaces.Box)
        low, high = action_space.low, action_space.high
        if actions.shape[1:] != action_space.shape:
            raise InputError(
                f"the demonstrations have actions of shape {actions.shape[1:]}, "
                f"the environment takes {action_space.shape}"
            )
    tolerance = 1e-5  # float32 rounding of float64 bounds
    outside = np.argwhere((actions < low - tolerance) | (actions > high + tolerance))
    if len(outside):
        at = tuple(outside[0])
        least, most = np.broadcast_to(low, actions.shape)[at], np.broadcast_to(high, actions.shape)[at]
        raise InputError(
            f"the demonstrations hold actions outside the bounds of the environment: "
            f"{actions[at]:.6g} at step {at[0]}, where {least:.6g} to {most:.6g} is allowed"
        )


def _check_finite(name: str, array: Array) -> None:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} of the demonstrations must be numbers, not {array.dtype}")
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise InputError(f"{name} of the demonstrations hold NaN or infinity (first at row {row}): record them again")
