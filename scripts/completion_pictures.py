"""Images held out whose lower halves a model completes."""

from __future__ import annotations

from pathlib import Path

import torch
from generative_data import GenerativeData

from genrl.evaluation.sample_figures import draw_images
from genrl.protocols import Completer

__all__ = ["draw_completions"]

COMPLETED = 32  # images


def draw_completions(model: Completer, data: GenerativeData, path: Path) -> Path:
    """Draw images held out, their upper halves alone, and two completions of each."""
    assert data.image_shape is not None
    channels, height, width = data.image_shape
    rows, context = torch.from_numpy(data.test[:COMPLETED]), data.test_context
    images = rows.reshape(-1, *data.image_shape)
    known = (torch.arange(height)[:, None] < height // 2).expand(channels, height, width)
    given = None if context is None else context[: len(rows)]
    flat = known.reshape(rows.shape[1:])
    found = {f"completion {number}": model.complete(rows, flat, given).reshape_as(images) for number in (1, 2)}
    panels = {"data": images, "given": torch.where(known, images, images.min()), **found}
    return draw_images({title: x[:, 0].numpy() for title, x in panels.items()}, path)
