"""Pictures of samples beside data: points in the plane, grids of small images, histograms of columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrl.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_histograms", "draw_images", "draw_paths", "draw_planes", "draw_sample_table"]

Array = NDArray[Any]
POINTS = 4000  # that a panel shows, at most
PIXELS = 160  # of a density along each axis


def draw_planes(
    panels: Mapping[str, Any],
    path: Path | str,
    *,
    labels: Mapping[str, ArrayLike] | None = None,
    log_density: Callable[[Array], ArrayLike] | None = None,
) -> Path:
    """Draw each set of points in a panel, all with the same limits, and a density in the last one.

    Args:
        panels: (rows, 2) by title.
        path: of the picture, whose suffix is its format; parents are made.
        labels: (rows,) integers by title, which colour the points.
        log_density: of (rows, 2) float32, (rows,) in nats.

    Raises:
        InputError: there is no panel, or one whose rows have not two columns.
    """
    points = {title: _points(rows, title) for title, rows in panels.items()}
    low, high = _limits(next(iter(points.values())))
    figure, all_axes = _figure(len(points) + (log_density is not None), None, size=3.0)
    for axes, (title, rows) in zip(all_axes, points.items(), strict=False):
        _scatter(axes, rows, None if labels is None else labels.get(title))
        axes.set_title(title, fontsize="medium")
    if log_density is not None:
        axes = all_axes[len(points)]
        axes.imshow(_density(log_density, low, high), extent=(low[0], high[0], low[1], high[1]), origin="lower")
        axes.set_title("density", fontsize="medium")
    for axes in all_axes:
        _frame(axes, low, high)
    return _save(figure, path)


def draw_paths(data: ArrayLike, panels: Mapping[str, Any], path: Path | str) -> Path:
    """Draw paths in the plane over points of the data, each with a dot at its first point, a cross at its last.

    Args:
        data: (rows, 2).
        panels: (paths, steps, 2) by title.
        path: of the picture; parents are made.

    Raises:
        InputError: there is no panel, or something has not two columns.
    """
    points = _points(data, "data")
    low, high = _limits(points)
    figure, all_axes = _figure(len(panels), None, size=4.0)
    for axes, (title, paths) in zip(all_axes, panels.items(), strict=True):
        _scatter(axes, points, None)
        for steps in np.asarray(paths):
            _points(steps, title)
            (line,) = axes.plot(*steps.T, linewidth=0.8)
            for end, marker in ((steps[0], "o"), (steps[-1], "x")):
                axes.plot(*end, marker, color=line.get_color(), markersize=3)
        axes.set_title(title, fontsize="medium")
        _frame(axes, low, high)
    return _save(figure, path)


def draw_sample_table(rows: Mapping[str, Mapping[str, Any]], path: Path | str) -> Path:
    """Draw sets of points as a table, a row for a model, a column for a distribution.

    Args:
        rows: (points, 2) by name of the row and of the column; a row may lack some. Limits are those of the first row,
            which has all of them.
        path: of the picture; parents are made.

    Raises:
        InputError: there is nothing to draw, or points without two columns.
    """
    columns = list(next(iter(rows.values()), {}))
    if not columns:
        raise InputError("a table of samples needs a row with a column")
    figure, all_axes = _figure(len(rows) * len(columns), len(columns), size=1.8)
    limits = {column: _limits(_points(next(iter(rows.values()))[column], column)) for column in columns}
    places = iter(all_axes)
    for number, (row, sets) in enumerate(rows.items()):
        for column in columns:
            axes = next(places)
            if column in sets:
                _scatter(axes, _points(sets[column], f"{row}, {column}"), None)
            _frame(axes, *limits[column])
            if number == 0:
                axes.set_title(column, fontsize="small")
            if column == columns[0]:
                axes.set_ylabel(row.replace("_", "\n"), fontsize="small")  # side by side they would overlap
    return _save(figure, path)


def draw_images(
    panels: Mapping[str, Any],
    path: Path | str,
    *,
    across: int = 8,
    log_prob: Mapping[str, ArrayLike] | None = None,
) -> Path:
    """Draw each set of images as one grid, `across` images wide, all in the same grey scale.

    Args:
        panels: (rows, height, width) by title, the first of them the data, whose range is black to white.
        path: of the picture; parents are made.
        across: images in a row of a grid.
        log_prob: (rows,) in nats, by the set that they are of: histograms in a last panel.

    Raises:
        InputError: there is no panel, or one that holds no images.
    """
    images = {title: _rows(rows, title, 3) for title, rows in panels.items()}
    if any(rows.ndim != 3 for rows in images.values()):
        raise InputError("images have the shape (rows, height, width)")
    first = next(iter(images.values()))
    figure, all_axes = _figure(len(images) + (log_prob is not None), None, size=4.0)
    for axes, (title, rows) in zip(all_axes, images.items(), strict=False):
        axes.imshow(_tile(rows, across), cmap="gray", vmin=first.min(), vmax=first.max())
        axes.set_title(title, fontsize="medium")
        axes.set_axis_off()
    if log_prob is not None:
        _log_prob_panel(all_axes[-1], log_prob)
    return _save(figure, path)


def draw_histograms(
    panels: Mapping[str, Any],
    path: Path | str,
    *,
    most: int = 8,
    seed: int = 0,
    log_prob: Mapping[str, ArrayLike] | None = None,
) -> Path:
    """Draw histograms of a few columns, each set in its colour.

    Args:
        panels: (rows, columns) by title, the first of them the data, which set the bins.
        path: of the picture; parents are made.
        most: columns to show; of more, some are drawn at random.
        seed: of that draw.
        log_prob: (rows,) in nats, by the set that they are of: histograms in a last panel.

    Raises:
        InputError: there is no panel, or the sets have different columns.
    """
    sets = {title: _rows(rows, title, 2) for title, rows in panels.items()}
    first = next(iter(sets.values()))
    if any(rows.shape[1] != first.shape[1] for rows in sets.values()):
        raise InputError("histograms need sets of the same columns")
    shown = np.sort(np.random.default_rng(seed).permutation(first.shape[1])[:most])
    count = len(shown) + (log_prob is not None)
    figure, all_axes = _figure(count, min(4, count), size=2.6)
    for axes, column in zip(all_axes, shown, strict=False):
        _histograms(axes, {title: rows[:, column] for title, rows in sets.items()}, first[:, column])
        axes.set_title(f"column {column}", fontsize="medium")
    all_axes[0].legend(fontsize="small")
    if log_prob is not None:
        _log_prob_panel(all_axes[-1], log_prob)
    return _save(figure, path)


def _log_prob_panel(axes: Any, log_prob: Mapping[str, ArrayLike]) -> None:
    """How likely the model finds each set; what is less likely than nearly all is counted in the last bin."""
    every = np.concatenate([np.asarray(values) for values in log_prob.values()])
    extent = every[np.isfinite(every)]
    low, high = np.quantile(extent, [0.002, 0.998]) if len(extent) else (0.0, 0.0)
    _histograms(axes, {title: np.clip(values, low, high) for title, values in log_prob.items()}, extent)
    axes.set_title("log_prob, nats", fontsize="medium")
    axes.legend(fontsize="small")


def _histograms(axes: Any, sets: Mapping[str, Array], extent: Array) -> None:
    """Shares of each set in the same bins, between nearly the least and the greatest number of `extent`."""
    low, high = np.quantile(extent, [0.002, 0.998]) if len(extent) else (0.0, 0.0)
    bins = np.linspace(low, high, 50) if high > low else np.linspace(low - 0.5, low + 0.5, 50)
    for title, values in sets.items():
        axes.hist(values, bins, weights=np.full(len(values), 1 / len(values)), alpha=0.5, label=title)
    axes.set_yticks([])


def _rows(rows: Any, title: str, least: int) -> Array:
    array = np.asarray(rows)
    if array.ndim < least or len(array) == 0:
        raise InputError(f"nothing to draw in the panel {title!r}: its shape is {array.shape}")
    return array


def _points(rows: Any, title: str) -> Array:
    points = _rows(rows, title, 2)
    if points.shape[1:] != (2,):
        raise InputError(f"the points of {title!r} must have two columns, their shape is {points.shape}")
    return points


def _scatter(axes: Any, points: Array, labels: ArrayLike | None) -> None:
    """As many points as a panel shows, coloured by their labels if there are any."""
    colours = {} if labels is None else {"c": np.asarray(labels)[:POINTS], "cmap": "tab20"}
    axes.scatter(*points[:POINTS].T, s=3, linewidths=0, rasterized=True, **colours)


def _frame(axes: Any, low: Array, high: Array) -> None:
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xticks=[], yticks=[])


def _limits(points: Array) -> tuple[Array, Array]:
    """The lower and upper corner of a square around nearly all points."""
    low, high = np.quantile(points, 0.002, axis=0), np.quantile(points, 0.998, axis=0)
    half = 0.6 * max(float((high - low).max()), 1e-6)
    return (low + high) / 2 - half, (low + high) / 2 + half


def _density(log_density: Callable[[Array], ArrayLike], low: Array, high: Array) -> Array:
    """(PIXELS, PIXELS), rows from below."""
    x, y = (np.linspace(low[axis], high[axis], PIXELS, dtype=np.float32) for axis in (0, 1))
    cells = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    density: Array = np.exp(np.asarray(log_density(cells), dtype=np.float64)).reshape(PIXELS, PIXELS)
    # A spike on one pixel would leave the rest black.
    return density.clip(max=np.quantile(density, 0.999))


def _tile(images: Array, across: int) -> Array:
    """One image of all, a pixel apart; what is in no image is nan, which is drawn as background."""
    down, height, width = -(-len(images) // across), *images.shape[1:]
    padded = np.full((down * across, height + 1, width + 1), np.nan)
    padded[: len(images), :-1, :-1] = images
    grid = padded.reshape(down, across, height + 1, width + 1).transpose(0, 2, 1, 3)
    return grid.reshape(down * (height + 1), across * (width + 1))[:-1, :-1]


def _figure(panels: int, columns: int | None, *, size: float) -> tuple[Figure, list[Any]]:
    # Neither pyplot nor a global backend: drawing must not change the caller's matplotlib.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    across = columns or panels
    down = -(-panels // across)
    figure = NewFigure(figsize=(size * across, size * down), layout="constrained")
    FigureCanvasAgg(figure)
    all_axes = list(figure.subplots(down, across, squeeze=False).flat)
    for axes in all_axes[panels:]:
        axes.remove()
    return figure, all_axes[:panels]


def _save(figure: Figure, path: Path | str) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path
