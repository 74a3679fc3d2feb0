"""Every picture that a fitted model can be asked for: of its samples, its codes, its completions, its score."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from code_pictures import draw_codes
from completion_pictures import draw_completions
from generative_data import GenerativeData
from sample_pictures import draw_samples
from score_pictures import draw_score

from genrl.generative_model import GenerativeModel
from genrl.protocols import Codec, Completer, Sampler
from genrl.score import ScoreModel

__all__ = ["draw_pictures"]


def draw_pictures(model: GenerativeModel, data: GenerativeData, folder: Path, *, joint: bool = False) -> Iterator[Path]:
    """Draw what suits the model and the data, and give the path of each picture as soon as it is written.

    Args:
        model: fitted to `data`.
        data: rows of any kind; some pictures are of images or of points in the plane alone.
        folder: for the pictures.
        joint: with samples of pairs (x, y) from `sample_joint`.
    """
    if isinstance(model, Sampler):
        yield draw_samples(model, data, folder / "samples.png", joint=joint)
    if isinstance(model, Codec):
        yield from draw_codes(model, data, folder)
    if isinstance(model, Completer) and data.image_shape is not None:
        yield draw_completions(model, data, folder / "completions.png")
    if isinstance(model, ScoreModel) and data.train.shape[1:] == (2,):
        yield from draw_score(model, data, folder)
