"""Loss curves: what `fit` reports after each epoch, drawn on both sides of the validation split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genrl.errors import InputError
from genrl.training.fit import FitEpoch

__all__ = ["draw_loss_curve"]

LABELS = {"train": "training", "validation": "validation"}


def draw_loss_curve(epochs: Sequence[FitEpoch], path: Path | str, *, kept: int | None = None) -> Path:
    """Draw each metric against epochs, one panel below the other, and write the picture.

    Args:
        epochs: of a `FitHistory`; those of later stages of a fit may have other metrics.
        path: of the picture, whose suffix is its format (`.png`, `.pdf`, `.svg`); parents are made.
        kept: the epoch whose weights were kept, marked by a line.

    Returns:
        `path`.

    Raises:
        InputError: there is no epoch.
    """
    # Neither pyplot nor a global backend: drawing must not change the caller's matplotlib.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not epochs:
        raise InputError("no loss curve of no epochs: train for one at least")
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.train))
    marker = "." if len(epochs) < 30 else None
    figure = Figure(figsize=(8, 1 + 3 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        for side, style in (("train", "--"), ("validation", "-")):
            found = [(epoch.number, metrics[name]) for epoch in epochs if name in (metrics := getattr(epoch, side))]
            if found:
                axes.plot(*zip(*found, strict=True), style, marker=marker, label=LABELS[side])
        if kept:
            axes.axvline(kept, color="grey", linestyle=":", label="kept")
        axes.set_ylabel(name.replace("_", " "))
        axes.grid(alpha=0.3)
    panels[0].legend(loc="best", fontsize="small")
    panels[-1].set_xlabel("epoch")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path
