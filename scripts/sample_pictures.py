"""Samples of a fitted model beside the rows that it learned from, drawn as suits them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from generative_data import GenerativeData
from numpy.typing import NDArray

from genrl.evaluation.sample_figures import draw_histograms, draw_images, draw_planes
from genrl.generative_model import GenerativeModel
from genrl.protocols import Codec, Density

__all__ = ["draw_samples"]

Array = NDArray[Any]
Sample = tuple[Array, Array | None]
DENSITY_CONTEXTS = 25  # over which the density of a conditional model is averaged
SCORED = 500  # rows whose log_prob is drawn, of each set
JOINT = "samples of x and"


def draw_samples(model: GenerativeModel, data: GenerativeData, path: Path, *, joint: bool = False) -> Path:
    """Draw a picture and write it.

    Args:
        model: fitted to `data`, can be sampled.
        data: in the plane, with a picture of points and, if there is one, of the density; or images, a grid; or
            anything else, histograms of a few columns. Where there is a density but no plane to draw it in, histograms
            of log_prob are the last panel: of rows held out, and of samples.
        path: of the picture.
        joint: with a panel of pairs (x, y) from `sample_joint`.
    """
    panels = _panels(model, data, joint=joint)
    rows = {title: sample[0] for title, sample in panels.items()}
    if data.image_shape is None and data.train.shape[1:] == (2,):
        labels = {title: sample[1] for title, sample in panels.items() if sample[1] is not None and data.labelled}
        density = (lambda x: _log_density(model, data, x)) if isinstance(model, Density) else None
        return draw_planes(rows, path, labels=labels, log_density=density)
    log_prob = _log_prob(model, data, panels) if isinstance(model, Density) else None
    if data.image_shape is not None:
        channels, height, width = data.image_shape
        images = {title: x.reshape(-1, channels, height, width)[:, 0] for title, x in rows.items()}
        return draw_images(images, path, log_prob=log_prob)
    return draw_histograms({title: x.reshape(len(x), -1) for title, x in rows.items()}, path, log_prob=log_prob)


def _log_prob(model: GenerativeModel, data: GenerativeData, panels: dict[str, Sample]) -> dict[str, Array]:
    """(rows,) in nats by title: of rows held out, and of the samples, each given its own context."""
    (title,) = (title for title in panels if title.startswith("samples") and not title.startswith(JOINT))
    sets = {"held out": (data.test, data.test_context), title: panels[title]}
    return {
        name: model.score_samples(x[:SCORED], None if context is None else context[:SCORED])
        for name, (x, context) in sets.items()
    }


def _panels(model: Any, data: GenerativeData, *, joint: bool) -> dict[str, Sample]:
    """Rows and labels by title. Images come class by class, a row of the grid for each; others as they are."""
    shown = _one_row_each(data) if data.image_shape is not None else np.arange(min(len(data.train), 4000))
    context = None if data.train_context is None else data.train_context[shown]
    if context is None:
        return {
            "data": (data.train[shown], None),
            **_reconstructions(model, data.train[shown], None),
            "samples": (model.sample(len(shown)).numpy(), None),
        }
    given = "samples given a label" if data.labelled else "samples given a context"
    panels: dict[str, Sample] = {
        "data": (data.train[shown], context),
        **_reconstructions(model, data.train[shown], context),
        given: (model.sample((), context).numpy(), context),
    }
    if joint:
        x, labels = (part.numpy() for part in model.sample_joint(len(shown)))
        order = np.argsort(labels, kind="stable") if data.image_shape is not None else np.arange(len(x))
        panels[f"{JOINT} {'label' if data.labelled else 'context'}"] = (x[order], labels[order])
    return panels


def _reconstructions(model: Any, x: Array, context: Array | None) -> dict[str, Sample]:
    """A panel of what comes back of the rows from their codes, if the model has codes."""
    if not isinstance(model, Codec):
        return {}
    with torch.no_grad():
        return {"reconstructions": (model.decode(model.encode(torch.from_numpy(x), context), context).numpy(), context)}


def _one_row_each(data: GenerativeData, across: int = 8) -> Array:
    """Indices of images for a grid: eight of each class, or eight times eight."""
    if data.train_context is None:
        return np.arange(min(len(data.train), across * across))
    classes = np.unique(data.train_context)
    return np.concatenate([np.flatnonzero(data.train_context == each)[:across] for each in classes])


def _log_density(model: Any, data: GenerativeData, x: Array) -> Array:
    """(rows,) log p(x); of a conditional model, the mean of p(x given c) over contexts of the data."""
    if data.train_context is None:
        return np.asarray(model.score_samples(x))
    if data.labelled:
        contexts, counts = np.unique(data.train_context, return_counts=True)
    else:
        contexts = data.train_context[:DENSITY_CONTEXTS]
        counts = np.ones(len(contexts), dtype=int)
    scores = [model.score_samples(x, np.repeat(each[None], len(x), 0)) for each in contexts]
    weights = np.log(counts / counts.sum())
    return np.asarray(np.logaddexp.reduce(np.stack(scores) + weights[:, None], axis=0))
