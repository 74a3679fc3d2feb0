"""Pictures of plans: over the maze where there is one, else the columns that vary most, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio
import numpy as np
import torch
from numpy.typing import NDArray
from planner_data import maze_walls
from torch import Tensor

from genrl.envs import make_vec_env
from genrl.envs.finite_env import FiniteEnv
from genrl.errors import InputError
from genrl.planners import RecedingHorizonPlanner
from genrl.training.atomic_files import replaced_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_plans", "film_plans"]

PLANS, PANELS, COLUMNS = 24, 6, 6
FRAMES_PER_SECOND, STEPS_PER_FRAME = 15, 3


def draw_plans(
    planner: RecedingHorizonPlanner,
    env_id: str,
    starts: Tensor,
    path: Path,
    *,
    seed: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
) -> Path:
    """Draw many plans from each of a few starts.

    Args:
        planner: fitted.
        env_id: its task.
        starts: (starts, observation columns); the first six are drawn.
        path: of the picture; parents are made.
        seed: of the plans.
        env_kwargs: constructor keywords of the task.
    """
    walls = maze_walls(env_id, env_kwargs)
    starts = starts[:PANELS]
    rows = 1 if walls else min(COLUMNS, planner.columns.observations)
    figure, panels = _figure(rows, len(starts), size=3.0 if walls else 1.8)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for across, start in enumerate(starts):
            plans = planner.plan(start.expand(PLANS, -1).numpy())
            if walls:
                _draw_in_maze(panels[0, across], walls, plans, start, planner.columns.goal)
                continue
            varying = plans[..., : planner.columns.observations].std(dim=(0, 1)).argsort(descending=True)[:rows]
            for down, column in enumerate(sorted(varying.tolist())):
                panels[down, across].plot(plans[..., column].T, color="C0", alpha=0.3, linewidth=0.8)
                panels[down, across].set_ylabel(f"observation {column}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


def film_plans(
    planner: RecedingHorizonPlanner,
    env_id: str,
    path: Path,
    *,
    seed: int = 0,
    deterministic: bool = True,
    env_kwargs: Mapping[str, Any] | None = None,
) -> float:
    """Film an episode in a maze: the walls, the way so far, and the plan that is followed among others it might be.

    Args:
        planner: fitted.
        env_id: a point maze.
        path: of the film, `.mp4` or `.gif`; parents are made.
        seed: of the reset and the plans.
        deterministic: plan with the same noise each time.
        env_kwargs: constructor keywords of the task.

    Returns:
        The episode's return.

    Raises:
        InputError: the task is no maze, or the suffix is another one.
    """
    walls = maze_walls(env_id, env_kwargs)
    if not walls:
        raise InputError(f"{env_id} is no maze: there is nothing to draw plans over")
    if path.suffix not in (".mp4", ".gif"):
        raise InputError(f"{path} must end in .mp4 or .gif")
    env = FiniteEnv(make_vec_env(env_id, 1, seed=seed, **dict(env_kwargs or {})), env_id)
    frames, way, total, done, state = [], [], 0.0, False, None
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            seen: Any = env.reset()
            start, plans = np.ones(1, dtype=bool), torch.zeros(0)
            while not done:
                actions, state = planner.predict(seen, state, start, deterministic)
                way.append(seen[0, :2].copy())
                if state is not None and state[1][0] == 1:  # it has just planned
                    plans = planner.plan(np.repeat(seen, PLANS, 0))
                if (len(way) - 1) % STEPS_PER_FRAME == 0 and state is not None:
                    followed = torch.from_numpy(state[0][0])
                    frames.append(_frame(walls, plans, followed, way, torch.as_tensor(seen[0]), planner.columns.goal))
                seen, rewards, ends, _ = env.step(actions)
                total, done, start = total + float(rewards[0]), bool(ends[0]), np.zeros(1, dtype=bool)
    finally:
        env.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"macro_block_size": 2} if path.suffix == ".mp4" else {"loop": 0}
    with replaced_file(path) as partial:
        imageio.mimwrite(partial, frames, fps=FRAMES_PER_SECOND, **options)
    return total


def _frame(
    walls: Sequence[tuple[float, float, float]],
    plans: Tensor,
    followed: Tensor,
    way: Sequence[NDArray[Any]],
    here: Tensor,
    goal: tuple[int, ...],
) -> NDArray[np.uint8]:
    figure, panels = _figure(1, 1, size=4.0)
    _draw_in_maze(panels[0, 0], walls, plans, here, goal)
    panels[0, 0].plot(*followed[:, :2].T, color="C0", linewidth=2)
    panels[0, 0].plot(*np.array(way).T, color="black", linewidth=1.5)
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_in_maze(
    axes: Axes, walls: Sequence[tuple[float, float, float]], plans: Tensor, here: Tensor, goal: tuple[int, ...]
) -> None:
    from matplotlib.patches import Rectangle

    for left, bottom, side in walls:
        axes.add_patch(Rectangle((left, bottom), side, side, color="0.75"))
    for plan in plans:
        axes.plot(*plan[:, :2].T, color="C0", alpha=0.25, linewidth=1)
    axes.plot(*here[:2], "o", color="black", markersize=6)
    if len(goal) == 2:
        axes.plot(*here[list(goal)], "*", color="C3", markersize=12)
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.autoscale_view()


def _figure(rows: int, columns: int, *, size: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size * columns, size * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)
