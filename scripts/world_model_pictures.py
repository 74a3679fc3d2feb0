"""Pictures of a world model: what really happened beside what it dreams under the same actions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.nn import mean_and_deviation
from genrl.world_models import Dynamics, Experience

__all__ = ["draw_dreams", "dreams_beside"]

LONGEST = 50
COLUMNS, EPISODES = 4, 3
DREAMS = 64


@torch.no_grad()
def dreams_beside(model: Dynamics, held_out: Experience, start: int, steps: int, seed: int = 0) -> Tensor:
    """(dreams, steps, observation_dim + 1) dreams from row `start` on, under the actions taken there; reward last."""
    generator = torch.Generator(model.device).manual_seed(seed)
    first = held_out.observations[start].expand(DREAMS, -1).to(model.device)
    state, rows = model.begin(first, generator), []
    for row in range(start, start + steps):
        actions = held_out.actions[row].expand(DREAMS, -1).to(model.device)
        dreamt = model.advance(state, actions, generator)
        state = dreamt.state
        rows.append(torch.cat([dreamt.observations, dreamt.rewards[:, None]], 1))
    return torch.stack(rows, 1).cpu()


def draw_dreams(model: Dynamics, held_out: Experience, path: Path, *, seed: int = 0) -> Path:
    """Draw a few held-out pieces: the columns that vary most within one, and the reward, with intervals of dreams.

    Args:
        model: fitted.
        held_out: experience that it was not trained on.
        path: of the picture; parents are made.
        seed: of the pieces and the dreams.

    Raises:
        InputError: no two steps of the experience follow on from each other.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = next((n for n in range(LONGEST, 1, -1) if len(held_out.windows(n))), 0)
    if not steps:
        raise InputError("no two held-out steps follow on from each other: there is nothing to draw")
    windows = held_out.windows(steps)
    starts = windows[torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))[:EPISODES]].tolist()
    deviations = mean_and_deviation(held_out.observations)[1]
    columns = [*deviations.argsort(descending=True)[:COLUMNS].tolist(), held_out.observations.shape[1]]
    figure = Figure(figsize=(4.5 * len(starts), 1.7 * len(columns)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(columns), len(starts), sharex=True, squeeze=False)
    for across, start in enumerate(starts):
        dreams = dreams_beside(model, held_out, start, steps, seed)
        real = torch.cat([held_out.next_observations, held_out.rewards[:, None]], 1)[start : start + steps]
        for down, column in enumerate(columns):
            axes = panels[down, across]
            for mass, shade in ((0.9, 0.2), (0.5, 0.35)):
                low, high = np.quantile(dreams[..., column].numpy(), [0.5 - mass / 2, 0.5 + mass / 2], axis=0)
                axes.fill_between(range(1, steps + 1), low, high, alpha=shade, color="C0", linewidth=0)
            axes.plot(range(1, steps + 1), real[:, column], color="black", linewidth=1)
            if across == 0:
                axes.set_ylabel("reward" if column == columns[-1] else f"observation {column}")
    for axes in panels[-1]:
        axes.set_xlabel("steps dreamt")
    figure.suptitle("real (black) and dreamt (50%, 90%)", fontsize="medium")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path
