"""The way from noise to samples, to look at."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from genrl.score.sampling import drown, sample_by_langevin
from genrl.score.score_model import ScoreModel

__all__ = ["langevin_path"]


def langevin_path(
    model: ScoreModel, rows: int, context: Tensor | None = None, *, evaluations: int = 500
) -> tuple[Tensor, Tensor]:
    """Samples on their way from noise by annealed Langevin dynamics.

    Args:
        model: fitted.
        rows: how many, if there is no context; else one for each of its rows.
        context: (rows, columns) or labels, if the model is conditional.
        evaluations: of the network.

    Returns:
        (moments, rows, ...) where they are after each step, and (moments,) the noise level there.

    Raises:
        InputError: the model is not fitted, or the context is wrong.
    """
    event_shape = model.require_built()
    given = model.encode_context(context)
    if given is not None and model.context_units is not None:
        given = model.context_units.remove(given)
    start = drown(model.noise, model.units.mean.new_empty(rows if given is None else len(given), prod(event_shape)))
    seen: list[tuple[Tensor, Tensor]] = []

    def look(x: Tensor, level: Tensor) -> Tensor:
        seen.append((model.units.restore(x), level))
        return x

    with torch.no_grad():
        sample_by_langevin(model.standard_score(given), model.noise, start, evaluations, look)
    places = torch.stack([place for place, _ in seen])
    return places.reshape(*places.shape[:2], *event_shape), torch.stack([level for _, level in seen])
