"""Trajectories drawn whole, out of noise, by the score of a model of grids."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from genrl.planners.given import Given
from genrl.planners.trajectory_model import Guide, TrajectoryModel
from genrl.score import ScoreModel
from genrl.score.guidance import guided
from genrl.score.langevin import Score
from genrl.score.noise import level_range
from genrl.score.sampling import SAMPLERS, SamplerName, drown
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["ScoreTrajectorySampler"]


class ScoreTrajectorySampler(TrajectoryModel):
    """Denoises the whole grid of a trajectory at once (Janner et al. 2022, algorithm 1).

    What the model was told of a trajectory (`given`) is its context. Other conditions lead the draw as known pixels do
    in in-painting: at each noise level the known cells are what they are plus noise of that level, and the others
    follow the score beside them. That is exact for a walk that is corrected at every level for ever, and falls short
    of it otherwise: a condition one deviation out was met to 0.9 of the way by "predictor_corrector" with 64
    evaluations and to 0.6 by "heun", which does not correct; there the former takes its place. A guide adds the
    gradient of its value at what the noisy trajectory will probably become (`genrl.score.guidance.guided`): it is in
    nats, and must be differentiable.

    Departures from the paper: a multilayer perceptron over the flat grid in place of convolutions over time; the
    samplers of `ScoreModel`, with fewer evaluations.

    Args:
        model: its `sampler`, `evaluations` and `guidance` (of what is given) say how plans are drawn; None for a small
            one with 32 evaluations.
        given: what the model is told of each trajectory.

    >>> from genrl.planners.conditions import Conditions
    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> x = torch.randn(500, 1, 1) + torch.arange(4.0)[:, None]  # straight lines
    >>> quick = GradientFitting(updates=200, learning_rate=5e-3)
    >>> sampler = ScoreTrajectorySampler(model=ScoreModel(hidden=(64,), evaluations=100, fitting=quick)).fit(x)
    >>> start = Conditions.at(0, [0], [1.0], shape=(4, 1))
    >>> plans = sampler.sample(100, horizon=4, conditions=start)
    >>> bool((plans[:, 0] == 1).all()), bool((plans[:, 3].mean() - 4).abs() < 0.5)
    (True, True)
    """

    architecture = "a multilayer perceptron over the flat grid; many evaluations for a plan"

    def __init__(self, *, model: ScoreModel | None = None, given: Given = Given()) -> None:
        fitting = GradientFitting(updates=5000, learning_rate=1e-3, average=0.999)
        default = ScoreModel(hidden=(256, 256, 256), evaluations=32, fitting=fitting)
        super().__init__(model=model or default, given=given)

    def _model_shape(self, horizon: int, columns: int) -> tuple[int, ...]:
        return (horizon, columns)

    def _rows(self, grids: Tensor) -> Tensor:
        return grids

    def _draw(self, values: Tensor, known: Tensor, context: Tensor | None, guide: Guide | None) -> Tensor:
        assert isinstance(self.model, ScoreModel)
        model, shape, mask = self.model, values.shape, known.flatten(1)

        def grids(z: Tensor) -> Tensor:
            return model.units.restore(z).reshape(shape)

        def score(z: Tensor, level: Tensor) -> Tensor:
            return model.score_function(grids(z), level, context).flatten(1) * model.units.deviation

        rows = model.units.remove(values.flatten(1))
        led = score if guide is None else guided(score, lambda z: guide(grids(z)))
        start = drown(model.noise, rows.new_empty(len(rows), prod(shape[1:])))
        highest = level_range(model.noise, rows)[1]
        start = torch.where(mask, rows + highest * torch.randn_like(rows), start)
        untold = int(known.sum()) > len(known) * len(self.given.first)
        sampler: SamplerName = "predictor_corrector" if untold and model.sampler == "heun" else model.sampler
        with torch.no_grad():
            drawn = SAMPLERS[sampler](beside(led, rows, mask), model.noise, start, model.evaluations)
        return grids(drawn)


def beside(score: Score, x: Tensor, known: Tensor) -> Score:
    """A score whose known columns lead straight to x: their noise stays consistent on the way, and vanishes.

    Along the probability flow such a column is x plus the level times one random number.

    Args:
        score: of all columns.
        x: (rows, columns).
        known: the same shape, true where the column is known.
    """
    return lambda noisy, level: torch.where(known, (x - noisy) / level.square(), score(noisy, level))
