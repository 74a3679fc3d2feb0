"""Pictures of a map between two domains: what it makes of held-out rows, and what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genrl.evaluation.sample_figures import draw_histograms, draw_images, draw_sample_table

__all__ = ["draw_transfer"]

POINTS = 1500
IMAGES = 64


@torch.no_grad()
def draw_transfer(model: Any, x: Tensor, y: Tensor, folder: Path) -> list[Path]:
    """Draw pictures that suit the rows, in both directions if the model has both.

    Args:
        model: has `transfer`, and perhaps `inverse_transfer`.
        x: (rows, ...) of the source.
        y: (rows, ...) of the target.
        folder: where they are written.
    """
    there, back = {"source": x, "transferred": model.transfer(x)}, {"target": y}
    if hasattr(model, "inverse_transfer"):
        back["transferred back"] = model.inverse_transfer(y)
        there["there and back"] = model.inverse_transfer(there["transferred"])
        back["back and there"] = model.transfer(back["transferred back"])
    if x.ndim == y.ndim == 4:
        there["target"], back["source"] = y, x
        sides = {"transfer.png": there, "transfer_back.png": back}
        grids = {file: {name: rows[:IMAGES, 0].numpy() for name, rows in side.items()} for file, side in sides.items()}
        return [draw_images(grid, folder / file) for file, grid in grids.items() if len(grid) > 2]
    if x.shape[1:] == y.shape[1:] == (2,):
        return [_planes(there, back, folder / "transfer.png")]
    by_domain = {"target.png": _in_target(there, back), "source.png": _in_source(there, back)}
    return [
        draw_histograms({name: rows.flatten(1).numpy() for name, rows in side.items()}, folder / file)
        for file, side in by_domain.items()
        if len(side) > 1
    ]


def _planes(there: dict[str, Tensor], back: dict[str, Tensor], path: Path) -> Path:
    """A column for each domain; below the data what comes to it, and below that what returns to it."""
    sides = {"source": list(_in_source(there, back).values()), "target": list(_in_target(there, back).values())}
    rows = {
        name: {domain: points[number][:POINTS].numpy() for domain, points in sides.items() if number < len(points)}
        for number, name in enumerate(("data", "transferred", "and back"))
    }
    return draw_sample_table({name: row for name, row in rows.items() if row}, path)


def _in_source(there: dict[str, Tensor], back: dict[str, Tensor]) -> dict[str, Tensor]:
    sides = {**there, **back}
    return {name: sides[name] for name in ("source", "transferred back", "there and back") if name in sides}


def _in_target(there: dict[str, Tensor], back: dict[str, Tensor]) -> dict[str, Tensor]:
    sides = {**there, **back}
    return {name: sides[name] for name in ("target", "transferred", "back and there") if name in sides}
