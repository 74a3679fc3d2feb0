"""Pictures of a score over the plane, and of the ways by which samples came out of noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from genrl.errors import InputError
from genrl.protocols import ScoreFunction
from genrl.training.atomic_files import replaced_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_score_field", "draw_ways", "film_ways"]

ARROWS = 25  # along each axis
TRAILS = 8  # rows whose way is drawn, of its last third


def draw_score_field(
    model: ScoreFunction,
    data: Any,
    levels: Sequence[float],
    path: Path | str,
    *,
    context: Tensor | None = None,
) -> Path:
    """Draw the score as arrows, a panel for each noise level, over the data.

    The length of an arrow is the root of that of the score, so that short ones can be seen beside long ones.

    Args:
        model: knows its score.
        data: (rows, 2), which set the limits.
        levels: noise levels, as `score_function` takes them.
        path: of the picture; parents are made.
        context: (1, columns) for all arrows, if the model takes one.

    Raises:
        InputError: the rows have not two columns, or there are no levels.
    """
    points = _plane(data)
    if not len(levels):
        raise InputError("levels must hold at least one noise level")
    low, high = points.min(0), points.max(0)
    ticks = [np.linspace(low[axis], high[axis], ARROWS, dtype=np.float32) for axis in (0, 1)]
    places = torch.from_numpy(np.stack(np.meshgrid(*ticks), -1).reshape(-1, 2))
    given = None if context is None else context.expand(len(places), -1)
    figure, all_axes = _figure(len(levels))
    for axes, level in zip(all_axes, levels, strict=True):
        with torch.no_grad():
            score = model.score_function(places, torch.tensor(level), given).numpy()
        arrows = score / np.sqrt(np.linalg.norm(score, axis=1, keepdims=True) + 1e-12)
        axes.scatter(*points[:2000].T, s=3, color="tab:blue", alpha=0.6, linewidths=0)
        axes.quiver(*places.numpy().T, *arrows.T, width=0.003)
        axes.set_title(f"noise level {level:.3g}", fontsize="medium")
        _frame(axes, low, high)
    return _save(figure, path)


def draw_ways(places: Any, path: Path | str, *, panels: int = 5) -> Path:
    """Draw rows at a few moments on their way from noise, and the trails of some towards its end over the last panel.

    Args:
        places: (moments, rows, 2), the first of them noise.
        path: of the picture; parents are made.
        panels: moments that are shown, evenly apart.

    Raises:
        InputError: the places are not of that shape.
    """
    moments = _ways(places)
    shown = np.linspace(0, len(moments) - 1, min(panels, len(moments))).round().astype(int)
    figure, all_axes = _figure(len(shown))
    for axes, moment in zip(all_axes, shown, strict=True):
        axes.scatter(*moments[moment].T, s=2, color="black", alpha=0.5, linewidths=0)
        axes.set_title(f"{moment + 1} of {len(moments)}", fontsize="medium")
        _frame(axes, *_reach(moments[moment]))
    for trail in moments[len(moments) * 2 // 3 :, :TRAILS].swapaxes(0, 1):
        all_axes[-1].plot(*trail.T, linewidth=0.8)
    return _save(figure, path)


def film_ways(places: Any, path: Path | str, *, seconds: float = 5.0) -> Path:
    """Film rows on their way from noise; the last picture stands still for a second.

    Args:
        places: (moments, rows, 2), the first of them noise.
        path: of the film, `.gif` or `.mp4`; parents are made.
        seconds: that the way takes.

    Raises:
        InputError: the places are not of that shape, or the suffix is another one.
    """
    import imageio

    path = Path(path)
    if path.suffix not in (".mp4", ".gif"):
        raise InputError(f"{path} must end in .mp4 or .gif")
    moments = _ways(places)
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = max(len(moments) / seconds, 1.0)
    low, high = _reach(moments[-1])
    frames = [_picture(rows, 1.5 * low - 0.5 * high, 1.5 * high - 0.5 * low) for rows in moments]
    frames += [frames[-1]] * round(rate)
    settings: dict[str, Any] = {"duration": 1000 / rate, "loop": 0} if path.suffix == ".gif" else {"fps": rate}
    with replaced_file(path) as partial:
        imageio.mimsave(partial, frames, **settings)  # type: ignore[arg-type]
    return path


def _picture(rows: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.uint8]:
    """(height, width, 3) grey levels of how many rows fall into each cell."""
    cells, _, _ = np.histogram2d(rows[:, 1], rows[:, 0], bins=96, range=list(zip(low[::-1], high[::-1], strict=True)))
    shade = 255 - np.minimum(cells * 80, 255).astype(np.uint8)
    return np.repeat(shade[::-1].repeat(4, 0).repeat(4, 1)[..., None], 3, axis=2)


def _plane(data: Any) -> NDArray[Any]:
    points = np.asarray(data)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"data must have the shape (rows, 2), not {points.shape}")
    return points


def _ways(places: Any) -> NDArray[Any]:
    moments = np.asarray(places)
    if moments.ndim != 3 or moments.shape[2] != 2 or not len(moments):
        raise InputError(f"places must have the shape (moments, rows, 2), not {moments.shape}")
    return moments


def _reach(rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return rows.min(0), rows.max(0)


def _figure(panels: int) -> tuple[Figure, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * panels, 3.4), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False).flat)


def _frame(axes: Any, low: ArrayLike, high: ArrayLike) -> None:
    (left, bottom), (right, top) = np.asarray(low), np.asarray(high)
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])


def _save(figure: Figure, path: Path | str) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path
