"""Trajectories drawn whole, out of noise, by the score of a model of grids."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.planners.given import Given
from genrl.planners.trajectory_model import Guide, TrajectoryModel
from genrl.planners.whitening import Whitening
from genrl.score import ScoreModel, TemporalUNet
from genrl.score.guidance import guided
from genrl.score.langevin import Score
from genrl.score.sampling import SAMPLERS, SamplerName, drown
from genrl.training.gradient_fitting import GradientFitting

__all__ = ["ScoreTrajectorySampler"]

DEGREE = 0.25  # of whitening


class ScoreTrajectorySampler(TrajectoryModel):
    """Denoises the whole grid of a trajectory at once (Janner et al. 2022, algorithm 1).

    The model sees grids that are whitened in part, over time and columns together (`Whitening`): what plans may not do,
    as far as the rules of the task are linear, is a matter of smaller numbers, and so are the model's errors in it.

    What the model was told of a trajectory (`given`) is its context. Other conditions lead the draw: at each noise
    level, what the noisy trajectory will probably become is moved to where the known cells hold, by the move that is
    likeliest if data are Gaussian (after Wang et al. 2023, equation 13). That falls a little short of a draw from the
    conditional, so that "predictor_corrector" takes the place of "heun", which never looks back. A guide adds the
    gradient of its value at what the noisy trajectory will probably become (`genrl.score.guidance.guided`): it is in
    nats, and must be differentiable.

    Departures from Janner et al.: these grids; the samplers of `ScoreModel`, with fewer evaluations; no in-painting
    of the observation, which the network is told.

    Args:
        model: its `sampler`, `evaluations` and `guidance` (of what is given) say how plans are drawn; None for one of
            a small `TemporalUNet`, with 20 evaluations.
        given: what the model is told of each trajectory.
        temperature: multiplies the noise that a plan is made of (Ajay et al. 2023, section 3.2, did so in every step
            of a reverse process); below 1 plans scatter less, 0 gives one plan for each condition, the middle one where
            the data scatter around one. Of the probability flow ("heun") alone.

    Raises:
        InputError: a temperature below 0, or of another sampler.

    >>> from genrl.planners.conditions import Conditions
    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> x = torch.randn(500, 1, 1) + torch.arange(4.0)[:, None]  # from anywhere, with slope 1
    >>> quick = GradientFitting(updates=200, learning_rate=5e-3)
    >>> sampler = ScoreTrajectorySampler(model=ScoreModel(hidden=(64,), evaluations=100, fitting=quick)).fit(x)
    >>> start = Conditions.at(0, [0], [1.0], shape=(4, 1))
    >>> plans = sampler.sample(100, horizon=4, conditions=start)
    >>> bool((plans[:, 0] == 1).all()), bool((plans[:, 3].mean() - 4).abs() < 0.5)
    (True, True)
    """

    architecture = "that of the model, over time or flat; many evaluations for a plan"

    def __init__(self, *, model: ScoreModel | None = None, given: Given = Given(), temperature: float = 1.0) -> None:
        fitting = GradientFitting(updates=3000, batch_size=64, learning_rate=4e-3, average=0.995)
        model = model or ScoreModel(network=TemporalUNet(), evaluations=20, fitting=fitting)
        super().__init__(model=model, given=given)
        at_least(0, temperature=temperature)
        if temperature != 1 and model.sampler != "heun":
            raise InputError(f"temperature is of plans by the probability flow: sampler='heun', not {model.sampler!r}")
        self.temperature = temperature

    def _model_shape(self, horizon: int, columns: int) -> tuple[int, ...]:
        self.whitening = Whitening(horizon * columns, DEGREE)
        return (horizon, columns)

    def _prepare(self, grids: Tensor) -> None:
        self.whitening.measure(grids.flatten(1))

    def _rows(self, grids: Tensor) -> Tensor:
        return self.whitening.remove(grids.flatten(1)).reshape(grids.shape)

    def _shares_noise(self, known: Tensor, guide: Guide | None) -> bool:
        return self._sampler(known[..., self.given.modelled(known.shape[2])]) == "heun"

    def _sampler(self, known: Tensor) -> SamplerName:
        """For (rows, time, columns that are modelled) of what is known."""
        assert isinstance(self.model, ScoreModel)
        untold = int(known.sum()) > len(known) * len(self.given.first)
        if untold and self.temperature != 1:
            raise InputError("plans under conditions beyond what is given are made with a temperature of 1 alone")
        return "predictor_corrector" if untold and self.model.sampler == "heun" else self.model.sampler

    def _draw(self, values: Tensor, known: Tensor, context: Tensor | None, guide: Guide | None, alike: bool) -> Tensor:
        assert isinstance(self.model, ScoreModel)
        model, shape = self.model, values.shape

        def grids(z: Tensor) -> Tensor:
            return self.whitening.restore(model.units.restore(z)).reshape(-1, *shape[1:])

        def score(z: Tensor, level: Tensor) -> Tensor:
            rows = model.units.restore(z).reshape(shape)
            return model.score_function(rows, level, context).flatten(1) * model.units.deviation

        led = score if guide is None else guided(score, lambda z: guide(grids(z)))
        # The likeliest move to where the known cells hold is the shortest one of white rows.
        spread = self.whitening.spread / model.units.deviation
        moves = pseudo_inverses((self.whitening.spread @ self.whitening.root).T, known.flatten(1))

        def consistent(z: Tensor) -> Tensor:
            missing = torch.where(known, values - grids(z), 0.0).flatten(1)
            return z + torch.einsum("nwc,nc->nw", moves, missing) @ spread

        like = values.flatten(1).to(self.whitening.mean)
        start = self.temperature * (drown(model.noise, like[:1]).expand_as(like) if alike else drown(model.noise, like))
        way = SAMPLERS[self._sampler(known)]
        with torch.no_grad():
            # What the lowest noise level has left is led there, too: the known cells are then put in their place.
            return grids(consistent(way(towards(led, consistent), model.noise, start, model.evaluations)))


def pseudo_inverses(cells: Tensor, known: Tensor) -> Tensor:
    """(rows, columns, cells) of a linear map from columns to cells, restricted to the known cells of each row."""
    masks, which = known.unique(dim=0, return_inverse=True)
    restricted = cells.double() * masks[:, :, None]
    return torch.linalg.pinv(restricted, rtol=1e-6).to(cells)[which]


def towards(score: Score, consistent: Callable[[Tensor], Tensor]) -> Score:
    """A score that leads to what is consistent: the denoised rows are made so, and the score follows from them.

    Args:
        score: without conditions.
        consistent: moves clean rows to where the conditions hold.
    """

    def led(z: Tensor, level: Tensor) -> Tensor:
        variance = level.square()
        return (consistent(z + variance * score(z, level)) - z) / variance

    return led
