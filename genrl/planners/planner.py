"""A policy that plans: it draws a trajectory from where it is, follows it for a while, and plans again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from genrl.errors import InputError
from genrl.planners.acting import Acting, PlannedActions
from genrl.planners.conditions import Conditions
from genrl.planners.trajectory_grids import TrajectoryColumns
from genrl.planners.trajectory_model import Guide
from genrl.protocols import TrajectorySampler

__all__ = ["RecedingHorizonPlanner"]

Array = NDArray[Any]


class RecedingHorizonPlanner:
    """Acts by plans that begin at the current observation (Janner et al. 2022, algorithm 1).

    A `Policy` as stable-baselines3 knows it: `predict`'s state holds the plan, its age and how many there have been, so
    that one planner serves any number of environments. Deterministic, it draws the k-th plan of every episode from the
    k-th noise, the same each time and whatever episodes run beside it: a planner that has run into a wall with one plan
    tries another. Otherwise plans are drawn from torch's global random state.

    Args:
        sampler: fitted to grids of these columns.
        columns: what they are.
        action_space: actions are clipped to its bounds.
        horizon: rows of a plan.
        stride: steps from row to row, as in the grids that the sampler was fitted to.
        replan_every: steps for which a plan is followed.
        acting: how; plans without actions need another way than their own.
        desired_return: what the return column is to hold in the first row, if there is one.
        guide: of plans, given to the sampler; such as a `ReturnGuide`.
        seed: of the noise of deterministic plans.

    Raises:
        InputError: the settings do not fit each other.
    """

    def __init__(
        self,
        sampler: TrajectorySampler,
        columns: TrajectoryColumns,
        action_space: spaces.Box,
        *,
        horizon: int,
        stride: int = 1,
        replan_every: int = 1,
        acting: Acting = PlannedActions(),
        desired_return: float | None = None,
        guide: Guide | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(action_space, spaces.Box) or len(action_space.shape) != 1:
            raise InputError(f"action_space must be a Box of vectors, not {action_space}")
        if columns.actions not in (0, *action_space.shape):
            raise InputError(f"action_space must be a Box of {columns.actions} columns, not {action_space}")
        if not columns.actions and isinstance(acting, PlannedActions):
            raise InputError("plans of observations alone hold no actions to take: give another way of acting")
        if min(horizon, stride, replan_every) < 1 or replan_every > horizon * stride:
            raise InputError(
                f"horizon, stride and replan_every must be 1 or more, and a plan of {horizon} rows of {stride} steps "
                f"cannot be followed for {replan_every} steps"
            )
        if (columns.returns is None) != (desired_return is None):
            raise InputError("desired_return belongs to columns with returns: give both or neither")
        self.sampler = sampler
        self.columns = columns
        self.action_space = action_space
        self.horizon = horizon
        self.stride = stride
        self.replan_every = replan_every
        self.acting = acting
        self.desired_return = desired_return
        self.guide = guide
        self.seed = seed

    def plan(self, observations: Array, deterministic: bool = False, *, earlier: int = 0) -> Tensor:
        """(rows, horizon, columns) a plan for each observation.

        Args:
            observations: (rows, observation columns).
            deterministic: the same plan for the same observation, from the same noise for all.
            earlier: plans of the episode, which then came from other noise.

        Raises:
            InputError: observations of another task.
        """
        seen = torch.as_tensor(np.asarray(observations), dtype=torch.float32)
        if seen.ndim != 2 or seen.shape[1] != self.columns.observations:
            raise InputError(
                f"observations must be (rows, {self.columns.observations}), not {tuple(seen.shape)}: "
                "they are of another task than the planner"
            )
        shape = (1, self.columns.count)
        conditions = Conditions.at(0, range(self.columns.observations), seen, shape=shape)
        if self.desired_return is not None:
            conditions &= Conditions.at(0, [self.columns.count - 1], [self.desired_return], shape=shape)
        with _seeded(self.seed + earlier) if deterministic else nullcontext():
            return self.sampler.sample(len(seen), self.horizon, conditions, self.guide, alike=deterministic).cpu()

    def predict(
        self,
        observation: Array,
        state: tuple[Array, ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[Array, tuple[Array, ...] | None]:
        """Actions for raw observations, one or a batch, and the plans that they follow.

        Args:
            observation: (columns,) or (rows, columns).
            state: what the last call gave; None at first.
            episode_start: (rows,) true where an episode begins, whose plan is then made anew.
            deterministic: plan with the same noise each time.

        Returns:
            Actions within the bounds, (columns,) or (rows, columns), and (plans, their ages, plans in the episode).
        """
        seen = np.asarray(observation, dtype=np.float32)
        rows = seen[None] if seen.ndim == 1 else seen
        plans, ages, made = self._followed(rows, state)
        begins = np.zeros(len(rows), bool) if episode_start is None else np.asarray(episode_start, dtype=bool)
        made = np.where(begins, 0, made)
        due = begins | (ages >= self.replan_every)
        noises = made if deterministic else np.zeros_like(made)
        for noise in np.unique(noises[due]):
            together = due & (noises == noise)
            plans[together] = self.plan(rows[together], deterministic, earlier=int(noise)).numpy()
        ages[due] = 0
        made[due] += 1
        found = self.acting.act(
            torch.from_numpy(rows), torch.from_numpy(plans), torch.from_numpy(ages), self.columns, self.stride
        )
        actions = np.clip(found.detach().numpy(), self.action_space.low, self.action_space.high)
        actions = actions.astype(self.action_space.dtype)
        return (actions[0] if seen.ndim == 1 else actions), (plans, ages + 1, made)

    def _followed(self, rows: Array, state: tuple[Array, ...] | None) -> tuple[Array, Array, Array]:
        """Copies of what the state holds; where there is no plan yet, one is due."""
        if state is None:
            plans = np.zeros((len(rows), self.horizon, self.columns.count), np.float32)
            return plans, np.full(len(rows), self.replan_every, np.int64), np.zeros(len(rows), np.int64)
        plans, ages, made = state
        if len(plans) != len(rows):
            raise InputError(f"state holds {len(plans)} plans, but there are {len(rows)} observations: start with None")
        return plans.copy(), ages.copy(), made


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
