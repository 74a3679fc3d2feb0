"""What `train_planner.py` learns from: demonstrations, or episodes of a controller or of an expert with noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from experts import NoisyPolicy, load_demonstrations, load_expert
from experts.record import record
from experts.waypoints import maze_waypoints
from genrl.envs import make_vec_env
from genrl.errors import InputError
from genrl.planners import TrajectoryColumns
from genrl.planners.trajectory_grids import Returns
from genrl.protocols import Policy
from genrl.transitions import Demonstrations

__all__ = ["constant_columns", "cut_after_goal", "load_episodes", "maze_walls", "plan_columns"]

WAYPOINTS, MEDIUM, DEMONSTRATIONS = "waypoints", "medium", "demonstrations"
NOISE = 0.3  # on the expert's actions, in half ranges, for a medium return: about a third of the expert's in Hopper-v4
AFTER_GOAL = 50  # steps, in which the ball comes to rest
EPISODES_FROM = 1_000_000  # seed of the first recorded episode, far from those that planners are tried on


def load_episodes(
    source: str, env_id: str, *, env_kwargs: Mapping[str, Any] | None = None, seed: int = 0
) -> Demonstrations:
    """The episodes that `--data` names.

    Args:
        source: `waypoints:<episodes>` of a maze, recorded with noise until a while after the goal was reached;
            `medium:<episodes>` of the shipped expert with much noise; `demonstrations`, or the path of some.
        env_id: the task.
        env_kwargs: its constructor keywords.
        seed: of what is recorded.

    Raises:
        InputError: it is none of these, or of another task.
    """
    kind, _, count = source.partition(":")
    if kind in (WAYPOINTS, MEDIUM):
        if not count.isdecimal() or int(count) < 1:
            raise InputError(f"--data {kind}:<episodes> takes a number, such as {kind}:300, not {source!r}")
        teacher = _controller(env_id, env_kwargs, seed) if kind == WAYPOINTS else _medium(env_id, env_kwargs, seed)
        first = EPISODES_FROM + 10_000 * seed
        found = record(teacher, env_id, int(count), seed=first, deterministic=False, env_kwargs=env_kwargs)
        return cut_after_goal(found) if kind == WAYPOINTS else found
    if source != DEMONSTRATIONS and not Path(source).exists():
        raise InputError(
            f"--data {source!r} is neither a path nor waypoints:<episodes>, medium:<episodes> or demonstrations"
        )
    found = load_demonstrations(env_id if source == DEMONSTRATIONS else Path(source))
    space = task_spaces(env_id, env_kwargs)
    found.check_spaces(space[0], space[1], env_id)
    return found


def _controller(env_id: str, env_kwargs: Mapping[str, Any] | None, seed: int) -> Policy:
    return maze_waypoints(env_id, seed=seed, **dict(env_kwargs or {}))


def _medium(env_id: str, env_kwargs: Mapping[str, Any] | None, seed: int) -> Policy:
    return NoisyPolicy(load_expert(env_id), task_spaces(env_id, env_kwargs)[1], NOISE, seed=seed)


def cut_after_goal(demonstrations: Demonstrations, *, steps: int = AFTER_GOAL) -> Demonstrations:
    """Episodes as far as so many steps after their first reward: the rest that follows is much, and all alike."""
    cut = []
    for trajectory in demonstrations.trajectories():
        paid = np.flatnonzero(trajectory.rewards > 0)
        end = min(len(trajectory), int(paid[0]) + 1 + steps) if len(paid) else len(trajectory)
        cut.append(
            replace(
                trajectory,
                observations=trajectory.observations[: end + 1],
                actions=None if trajectory.actions is None else trajectory.actions[:end],
                rewards=trajectory.rewards[:end],
                truncated=True,
                terminated=False,
            )
        )
    return Demonstrations.from_trajectories(cut, env_id=demonstrations.env_id)


def task_spaces(env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> tuple[spaces.Box, spaces.Box]:
    """Of observations and actions.

    Raises:
        InputError: actions that are no vectors.
    """
    env = make_vec_env(env_id, 1, **dict(env_kwargs or {}))
    env.close()
    if not isinstance(env.action_space, spaces.Box) or not isinstance(env.observation_space, spaces.Box):
        raise InputError(f"{env_id} acts by {env.action_space}: planners are for actions that are vectors")
    return env.observation_space, env.action_space


def plan_columns(demonstrations: Demonstrations, returns: Returns | None, *, with_actions: bool) -> TrajectoryColumns:
    """The columns of the grids; what stays the same through every episode is a goal."""
    return TrajectoryColumns(
        observations=demonstrations.observations.shape[1],
        actions=demonstrations.require_actions("planning").shape[1] if with_actions else 0,
        goal=constant_columns(demonstrations),
        returns=returns,
    )


def constant_columns(demonstrations: Demonstrations) -> tuple[int, ...]:
    """Columns of the observation that never change within an episode."""
    still = [np.ptp(trajectory.observations, axis=0) == 0 for trajectory in demonstrations.trajectories()]
    return tuple(np.flatnonzero(np.all(still, axis=0)).tolist())


def maze_walls(env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> list[tuple[float, float, float]]:
    """(left, bottom, side) of each wall of a point maze; none for other tasks."""
    make_vec_env(env_id, 1, **dict(env_kwargs or {})).close()  # makes mazes known to Gymnasium
    env = gym.make(env_id, **dict(env_kwargs or {}))
    maze = getattr(env.unwrapped, "maze", None)
    env.close()
    if maze is None:
        return []
    side, height, width = float(maze.maze_size_scaling), len(maze.maze_map), len(maze.maze_map[0])
    return [
        ((column - width / 2) * side, (height / 2 - row - 1) * side, side)
        for row, cells in enumerate(maze.maze_map)
        for column, cell in enumerate(cells)
        if cell == 1
    ]
