"""What demonstrations must satisfy: a layout of their own, and the spaces of the environment that imitates them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from genrl.errors import InputError

__all__ = ["check_actions", "check_layout"]

Array = NDArray[Any]


def check_layout(
    *,
    observations: Array,
    actions: Array,
    rewards: Array,
    terminations: Array,
    truncations: Array,
    episode_lengths: Array,
) -> None:
    """Refuse arrays that are not whole episodes of finite numbers (shapes as in `Demonstrations`).

    Raises:
        InputError: a shape is wrong, a number is not finite, or an episode ends before its last step.
    """
    if actions.ndim not in (1, 2) or episode_lengths.ndim != 1:
        raise InputError(
            f"actions must have one or two dimensions and episode_lengths one; "
            f"their shapes are {actions.shape} and {episode_lengths.shape}"
        )
    steps, episodes = len(actions), len(episode_lengths)
    if episodes == 0 or steps == 0:
        raise InputError("the demonstrations are empty: at least one episode of one step is needed")
    whole = episode_lengths.dtype.kind in "iu"
    if not whole or np.any(episode_lengths < 1) or episode_lengths.sum() != steps:
        raise InputError(f"episode_lengths must be positive integers and sum to the number of actions, {steps}")
    if observations.ndim != 2 or len(observations) != steps + episodes:
        raise InputError(
            f"observations must have T + 1 rows an episode, {steps + episodes} in all, and two dimensions; "
            f"their shape is {observations.shape}"
        )
    per_step = {"rewards": rewards, "terminations": terminations, "truncations": truncations}
    for name, array in per_step.items():
        if array.shape != (steps,):
            raise InputError(f"{name} must have shape ({steps},), not {array.shape}")
    for name, array in {"observations": observations, "actions": actions, "rewards": rewards}.items():
        _check_finite(name, array)
    inside = np.ones(steps, dtype=bool)
    inside[np.cumsum(episode_lengths) - 1] = False
    early = np.flatnonzero(inside & (terminations.astype(bool) | truncations.astype(bool)))
    if len(early):
        raise InputError(f"step {early[0]} ends an episode that goes on: only the last step of an episode may end it")


def check_actions(actions: Array, action_space: spaces.Space[Any]) -> None:
    """Refuse actions that `action_space` does not hold.

    Raises:
        InputError: another number of columns, out of bounds, or a space that nothing here can imitate.
    """
    low: Any
    high: Any
    if isinstance(action_space, spaces.Discrete):
        if action_space.start != 0:
            raise InputError("the learners count discrete actions from 0: wrap the environment so that its own do too")
        low, high = 0, int(action_space.n) - 1
        if actions.size != len(actions) or not np.all(actions == np.round(actions)):
            raise InputError("the environment's actions are Discrete, the demonstrations' are not whole numbers")
    elif isinstance(action_space, spaces.Box) and len(action_space.shape) == 1:
        low, high = action_space.low, action_space.high
        if actions.shape[1:] != action_space.shape:
            raise InputError(
                f"the demonstrations have actions of shape {actions.shape[1:]}, "
                f"the environment takes {action_space.shape}"
            )
    else:
        raise InputError(f"the action space must be Discrete or a Box of one dimension, not {action_space}")
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
