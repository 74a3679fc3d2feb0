"""What demonstrations must satisfy: a layout of their own, and the spaces of the environment that imitates them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from genrl.errors import InputError
from genrl.float32_checks import check_float32, check_float32_range

__all__ = ["check_action_space", "check_actions", "check_env_id", "check_episode", "check_layout"]

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
    if actions is not None and (actions.ndim not in (1, 2) or 0 in actions.shape[1:]):
        raise InputError(f"actions must have one or two dimensions, their shape is {actions.shape}")
    # Rewards are there even where actions are not.
    steps, episodes = len(rewards if actions is None else actions), len(episode_lengths)
    if episodes == 0 or steps == 0:
        raise InputError("the demonstrations are empty: at least one episode of one step is needed")
    whole = episode_lengths.dtype.kind in "iu"
    # Compared one by one first, because the sum of large ones may overflow to the number of steps.
    sizes = whole and not np.any(episode_lengths < 1) and not np.any(episode_lengths > steps)
    if not sizes or episode_lengths.sum() != steps:
        raise InputError(f"episode_lengths must be positive integers and sum to the number of steps, {steps}")
    if observations.ndim != 2 or len(observations) != steps + episodes or not observations.shape[1]:
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
            _check_numbers(name, numbers)
    for name, flags in {"terminations": terminations, "truncations": truncations}.items():
        _check_flags(name, flags)
    inside = np.ones(steps, dtype=bool)
    inside[np.cumsum(episode_lengths, dtype=np.int64) - 1] = False
    early = np.flatnonzero(inside & (terminations.astype(bool) | truncations.astype(bool)))
    if len(early):
        raise InputError(f"step {early[0]} ends an episode that goes on: only the last step of an episode may end it")


def check_episode(
    number: int, *, observations: Array, actions: Array | None, rewards: Array, first: Mapping[str, Array | None]
) -> None:
    """Refuse an episode whose arrays do not belong together, or to the first episode (shapes as in `Trajectory`).

    Args:
        number: of the episode, from 0.
        observations: of the episode, as are the others.
        actions: None where they were not observed.
        rewards: one for each step.
        first: `observations` and `actions` of the first episode.

    Raises:
        InputError: an array has another number of steps, or rows of another shape than those of the first episode.
    """
    arrays = {"observations": observations, "actions": actions, "rewards": rewards}
    steps = len(rewards) if rewards.ndim == 1 else -1
    rows = {"observations": steps + 1, "actions": steps, "rewards": steps}
    for name, array in arrays.items():
        if array is not None and (steps < 1 or array.ndim < 1 or len(array) != rows[name]):
            raise InputError(
                f"episode {number} must have T rewards, T actions and T + 1 observations, T 1 or more; the shapes are "
                + ", ".join(f"{key} {value.shape}" for key, value in arrays.items() if value is not None)
            )
    for name, other in first.items():
        array = arrays[name]
        if array is not None and other is not None and array.shape[1:] != other.shape[1:]:
            raise InputError(
                f"{name} of episode {number} have rows of shape {array.shape[1:]}, those of episode 0 "
                f"{other.shape[1:]}: all episodes must be of one task"
            )


def check_env_id(env_id: object) -> None:
    """Refuse what cannot be the name of a task, as Gymnasium has them.

    Raises:
        InputError: it is no string of letters, digits and the signs that such names have.
    """
    if not isinstance(env_id, str) or not re.fullmatch(r"\w[\w:./-]{0,199}", env_id):
        raise InputError(f"env_id must be the name of a task, such as Hopper-v4, not {env_id!r:.60}")


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


def _check_numbers(name: str, array: Array) -> None:
    name = f"{name} of the demonstrations"
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} must be numbers, not {array.dtype}")
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array)
        if bad.any():
            row = int(np.argwhere(bad)[0][0])
            raise InputError(f"{name} hold NaN or infinity (first at row {row}): record them again")
    # Rewards are reported, and never shown to a network.
    (check_float32_range if array.ndim == 1 else check_float32)(name, array)


def _check_flags(name: str, array: Array) -> None:
    if array.dtype.kind not in "biuf" or not np.all((array == 0) | (array == 1)):
        raise InputError(f"{name} of the demonstrations must be True or False (1 or 0), not other {array.dtype}")
