"""Trajectories as pictures: a PixelCNN or a PixelRNN over the grid of tokens (time x column)."""

from __future__ import annotations

from torch import Tensor

from genrl.argument_checks import at_least
from genrl.autoregressive import GatedPixelCNN, PixelInputs, PixelRNN
from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.errors import InputError
from genrl.planners.bins import Bins, Discretiser
from genrl.planners.conditions import known_late
from genrl.planners.given import Given
from genrl.planners.reweighting import reweighted
from genrl.planners.trajectory_model import Guide, TrajectoryModel
from genrl.training.gradient_fitting import GradientFitting

__all__ = [
    "PixelCNNTrajectorySampler",
    "PixelRNNTrajectorySampler",
    "PixelTrajectorySampler",
    "trajectory_pixel_cnn",
]

FITTING = GradientFitting(updates=4000, batch_size=64)


def trajectory_pixel_cnn(levels: int, *, width: int = 128, fitting: GradientFitting = FITTING) -> GatedPixelCNN:
    """A small gated PixelCNN of trajectories: numbers are near those of the time before, and context is read deeply.

    Args:
        levels: of a token.
        width: features, which the tokens of a time share.
        fitting: how it is trained.
    """
    inputs = PixelInputs(context_hidden=(256, 256))
    return GatedPixelCNN(
        levels=levels, output="logistics", width=width, layers=3, inputs=inputs, relative=True, fitting=fitting
    )


class PixelTrajectorySampler(TrajectoryModel):
    """Draws the grid of a trajectory token by token, row after row (Janner et al. 2021, with a model of images).

    Every number becomes one or several tokens, and a trajectory an image one pixel wide, whose rows are times and whose
    channels are the tokens, so that the network knows a position from a velocity. Each token is drawn given those
    before it, so that the past conditions the future as it should. A condition after an unknown cell, such as a last
    state, weighs the draws instead: of `candidates` one is kept, likelier if the known cells are likely after it. A
    guide weighs them in the same way (`reweighted`): it cannot lead to what is not among the candidates. The drawn
    numbers are those of the bins; conditions hold exactly.

    Args:
        model: of images of integers, whose `levels` are those of the bins.
        bins: how numbers become tokens.
        given: what the model is told of each trajectory.
        candidates: drawn for each trajectory where there is a guide, or a condition after an unknown cell.
        temperature: of the draw of each token; below 1 prefers what is likely, 0 takes the likeliest each time.

    Raises:
        InputError: a model of other levels, or a hyperparameter out of its range.

    >>> import torch
    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> x = torch.rand(300, 1, 1).expand(-1, 4, 2)  # both columns stay what they were at first
    >>> quick = GradientFitting(updates=200, batch_size=64, learning_rate=0.01)
    >>> model = GatedPixelCNN(levels=8, width=16, layers=2, fitting=quick)
    >>> sampler = PixelTrajectorySampler(model=model, bins=Bins(levels=8)).fit(x)
    >>> plans = sampler.sample(50, horizon=3)
    >>> plans.shape, bool((plans[:, 0] - plans[:, -1]).abs().median() < 0.2)
    (torch.Size([50, 3, 2]), True)
    """

    architecture = "masked or recurrent; a plan takes a step for each token"

    def __init__(
        self,
        *,
        model: AutoregressiveModel,
        bins: Bins = Bins(),
        given: Given = Given(),
        candidates: int = 16,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(model=model, given=given)
        if model.levels != bins.levels:
            raise InputError(f"model must have the levels of the bins: levels={bins.levels}, not {model.levels}")
        at_least(1, candidates=candidates)
        at_least(0, temperature=temperature)
        self.bins = bins
        self.candidates = candidates
        self.temperature = temperature

    def _model_shape(self, horizon: int, columns: int) -> tuple[int, ...]:
        self.discretiser = Discretiser(self.bins, columns)
        return (columns * self.bins.tokens, horizon, 1)

    def _prepare(self, grids: Tensor) -> None:
        self.discretiser.measure(grids)

    def _rows(self, grids: Tensor) -> Tensor:
        return self.discretiser.encode(grids).movedim(-1, 1)[..., None]

    def _shares_noise(self, known: Tensor, guide: Guide | None) -> bool:
        return guide is None and not known_late(known[..., self.given.modelled(known.shape[2])])

    def _draw(self, values: Tensor, known: Tensor, context: Tensor | None, guide: Guide | None, alike: bool) -> Tensor:
        assert isinstance(self.model, AutoregressiveModel)
        model, tokens = self.model, self._rows(values)
        mask = known.repeat_interleave(self.bins.tokens, 2).movedim(-1, 1)[..., None]
        candidates = self.candidates if known_late(known) else 1

        def draw(number: int) -> Tensor:
            told = None if context is None else context.repeat_interleave(number, 0)
            rows, where = tokens.repeat_interleave(number, 0), mask.repeat_interleave(number, 0)
            same = alike and guide is None
            found = model.complete(rows, where, told, candidates=candidates, temperature=self.temperature, alike=same)
            return self.discretiser.decode(found[..., 0].movedim(1, -1))

        return reweighted(draw, guide, self.candidates)


class PixelCNNTrajectorySampler(PixelTrajectorySampler):
    """A `PixelTrajectorySampler` of a gated PixelCNN, which keeps what it computed for the tokens before.

    Args:
        model: a `GatedPixelCNN` or `PixelCNN`; by default that of `trajectory_pixel_cnn`.
        bins: as of `PixelTrajectorySampler`.
        given: likewise.
        candidates: likewise.
        temperature: likewise.
    """

    def __init__(
        self,
        *,
        model: AutoregressiveModel | None = None,
        bins: Bins = Bins(),
        given: Given = Given(),
        candidates: int = 16,
        temperature: float = 1.0,
    ) -> None:
        model = model or trajectory_pixel_cnn(bins.levels)
        super().__init__(model=model, bins=bins, given=given, candidates=candidates, temperature=temperature)


class PixelRNNTrajectorySampler(PixelTrajectorySampler):
    """A `PixelTrajectorySampler` of a PixelRNN, which sees all tokens before, however far, and takes longer.

    Args:
        model: a `PixelRNN`; by default a small one with rows of states and a mixture of logistics.
        bins: as of `PixelTrajectorySampler`.
        given: likewise.
        candidates: likewise.
        temperature: likewise.
    """

    def __init__(
        self,
        *,
        model: AutoregressiveModel | None = None,
        bins: Bins = Bins(),
        given: Given = Given(),
        candidates: int = 16,
        temperature: float = 1.0,
    ) -> None:
        default = PixelRNN(levels=bins.levels, output="logistics", recurrence="row", width=24, fitting=FITTING)
        super().__init__(model=model or default, bins=bins, given=given, candidates=candidates, temperature=temperature)
