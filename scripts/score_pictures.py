"""The score field of a model of the plane, and the way of its samples from noise."""

from __future__ import annotations

from pathlib import Path

from generative_data import GenerativeData

from genrl.evaluation.score_figures import draw_score_field, draw_ways, film_ways
from genrl.score import ScoreModel, langevin_path

__all__ = ["draw_score"]

LEVELS = (1.0, 0.3, 0.1)  # noise levels at which a score is drawn
WAYS = 2000  # samples whose way is drawn


def draw_score(model: ScoreModel, data: GenerativeData, folder: Path) -> list[Path]:
    """Draw the score field of a model of the plane, and draw and film samples on their way from noise.

    A conditional model's field is that of the first context of the data.
    """
    context = None if data.train_context is None else data.train_context[:WAYS]
    first = None if context is None else model.encode_context(context[:1])
    places, _ = langevin_path(model, WAYS, context)
    every = max(len(places) // 100, 1)
    return [
        draw_score_field(model, data.train, LEVELS, folder / "score_field.png", context=first),
        draw_ways(places, folder / "langevin_path.png"),
        film_ways(places[::every], folder / "langevin_path.gif"),
    ]
