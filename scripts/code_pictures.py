"""What a model that encodes and decodes makes of rows held out: restored, between two of them, and unit by unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from generative_data import GenerativeData
from numpy.typing import NDArray
from torch import Tensor

from genrl.evaluation.sample_figures import draw_histograms, draw_images, draw_paths

__all__ = ["draw_codes"]

Array = NDArray[Any]
STEPS = 8  # of a path through the code, and images in a row of a grid
PATHS = 8
PAIRS = 100  # of points in the plane that are shown restored
REACH = 2.0  # of a traversal, in deviations of the unit


def draw_codes(model: Any, data: GenerativeData, folder: Path) -> list[Path]:
    """Draw reconstructions.png, and of images and points in the plane interpolations.png and traversals.png.

    Of a model given labels also edits.png: rows as they would be with each of the other labels. A model of discrete
    codes has no units to go along, and so no traversals. Rows that are neither images nor points get histograms of what
    is restored.

    Args:
        model: fitted to `data`, encodes and decodes.
        data: whose rows held out are shown.
        folder: for the pictures.
    """
    pictures = {"reconstructions": _reconstructions(model, data)}
    if data.image_shape is not None or data.test.shape[1:] == (2,):
        pictures["interpolations"] = _interpolations(model, data)
        if not hasattr(model, "decode_codes"):
            pictures["traversals"] = _traversals(model, data)
    drawn = [_draw(panels, data, folder / f"{name}.png") for name, panels in pictures.items()]
    if data.labelled and len(pictures) > 1:
        edits, labels = _edits(model, data)
        drawn.append(_draw(edits, data, folder / "edits.png", across=1 + labels))
    return drawn


def _draw(panels: dict[str, Array], data: GenerativeData, path: Path, *, across: int = STEPS) -> Path:
    """Paths, (paths, steps, ...) by title, drawn as suits the data; images `across` in a line."""
    if data.image_shape is not None:
        channels, height, width = data.image_shape
        shown = {title: paths.reshape(-1, channels, height, width)[:, 0] for title, paths in panels.items()}
        low, high = data.test.min(), data.test.max()  # else one pixel beyond them would take the contrast from all
        return draw_images({title: images.clip(low, high) for title, images in shown.items()}, path, across=across)
    if data.test.shape[1:] == (2,):
        return draw_paths(data.test, panels, path)
    (paths,) = panels.values()
    sides = {"held out": paths[:, 0], "restored": paths[:, 1]}
    return draw_histograms({title: rows.reshape(len(rows), -1) for title, rows in sides.items()}, path)


def _reconstructions(model: Any, data: GenerativeData) -> dict[str, Array]:
    """Each row and what comes back of it; images line by line, a line of rows and one of what came back."""
    count = STEPS * PATHS // 2 if data.image_shape is not None else PAIRS if data.test.shape[1:] == (2,) else None
    x, context = _held_out(data, slice(count))
    pairs = np.stack([x.numpy(), _decoded(model, _encoded(model, x, context), context)], 1)
    if data.image_shape is not None:
        lines = [pairs[start : start + STEPS].swapaxes(0, 1) for start in range(0, len(pairs), STEPS)]
        pairs = np.concatenate([line.reshape(-1, 1, *x.shape[1:]) for line in lines])
    return {"rows held out, and restored": pairs}


def _interpolations(model: Any, data: GenerativeData) -> dict[str, Array]:
    """From a row to the next one on the straight line between their codes, in the context of the first."""
    x, context = _held_out(data, slice(min(2 * PATHS, len(data.test) // 2 * 2)))
    codes = _encoded(model, x, context)
    given = None if context is None else context[::2]
    along = torch.linspace(0, 1, STEPS)
    found = [_decoded(model, codes[::2].lerp(codes[1::2], float(step)), given) for step in along]
    return {"from one row held out to another": np.stack(found, 1)}


def _traversals(model: Any, data: GenerativeData) -> dict[str, Array]:
    """Along each of the units that vary most between rows, the others at the mean of the first rows."""
    x, context = _held_out(data, slice(1000))
    codes = _encoded(model, x, context).flatten(1)
    mean, deviation = codes.mean(0), codes.std(0, correction=0)
    given = None if context is None else np.repeat(context[:1], STEPS, 0)
    units = deviation.argsort(descending=True)[:PATHS].tolist()
    paths = []
    for unit in units:
        code = mean.repeat(STEPS, 1)
        code[:, unit] += torch.linspace(-REACH, REACH, STEPS) * deviation[unit]
        paths.append(_decoded(model, code, given))
    return {f"units {', '.join(map(str, units))}: -{REACH:g} to {REACH:g} deviations": np.stack(paths)}


def _edits(model: Any, data: GenerativeData) -> tuple[dict[str, Array], int]:
    """A row of each class, then the same code decoded given each label in turn; and how many labels there are."""
    assert data.test_context is not None
    labels = np.unique(data.train_context)
    shown = np.concatenate([np.flatnonzero(data.test_context == label)[:1] for label in labels])
    x, context = torch.from_numpy(data.test[shown]).float(), data.test_context[shown]
    codes = _encoded(model, x, context)
    given = [_decoded(model, codes, np.full_like(context, label)) for label in labels]
    return {"held out, and given each label": np.stack([x.numpy(), *given], 1)}, len(labels)


def _held_out(data: GenerativeData, which: slice) -> tuple[Tensor, Array | None]:
    context = None if data.test_context is None else data.test_context[which]
    return torch.from_numpy(data.test[which]).float(), context


@torch.no_grad()
def _encoded(model: Any, x: Tensor, context: Array | None) -> Tensor:
    codes: Tensor = model.encode(x, context)
    return codes


@torch.no_grad()
def _decoded(model: Any, codes: Tensor, context: Array | None) -> Array:
    rows: Array = model.decode(codes, context).numpy()
    return rows
