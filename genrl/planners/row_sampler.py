"""Trajectories as flat rows, for any family of generative models."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.planners.conditions import known_late
from genrl.planners.given import Given
from genrl.planners.reweighting import reweighted
from genrl.planners.trajectory_model import Guide, TrajectoryModel
from genrl.protocols import Completer, Sampler

__all__ = ["RowTrajectorySampler"]


class RowTrajectorySampler(TrajectoryModel):
    """Draws a trajectory as one row: by a flow, a VAE, a GAN, a sequence model, or whatever else samples rows.

    The row leaves out what the model is told (`given`), for which a density would be infinite. Conditions beyond that
    need a model that completes rows, such as `SequenceModel(output="gaussians")`; where one that draws in order is told
    of a later cell, that cell weighs `candidates` draws, as a guide does (`reweighted`).

    Args:
        model: of flat rows of real numbers, given a context if anything is given.
        given: what the model is told of each trajectory.
        candidates: drawn for each trajectory where there is a guide, or a condition after an unknown cell.

    Raises:
        InputError: the model cannot be sampled, or a hyperparameter is out of its range.

    >>> from genrl.mixtures import GaussianMixture
    >>> from genrl.planners.conditions import Conditions
    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> x = torch.randn(500, 1, 1) + 0.1 * torch.randn(500, 5, 1).cumsum(1)
    >>> sampler = RowTrajectorySampler(model=GaussianMixture(), given=Given(first=(0,))).fit(x)
    >>> plans = sampler.sample(100, 5, Conditions.at(0, [0], [2.0], shape=(5, 1)))
    >>> bool((plans[:, 0] == 2).all()), bool((plans[:, 1].mean() - 2).abs() < 0.1)
    (True, True)
    """

    architecture = "that of the model of rows"

    def __init__(self, *, model: GenerativeModel, given: Given = Given(), candidates: int = 16) -> None:
        super().__init__(model=model, given=given)
        if not isinstance(model, Sampler):
            raise InputError(f"{type(model).__name__} cannot be sampled, so it draws no trajectories")
        at_least(1, candidates=candidates)
        self.candidates = candidates

    def _model_shape(self, horizon: int, columns: int) -> tuple[int, ...]:
        told = torch.zeros(horizon, columns, dtype=torch.bool)
        total = columns + len(self.given.throughout)
        kept = self.given.modelled(total)
        told[0, [kept.index(column) for column in self.given.first]] = True
        self.register_buffer("free", ~told.flatten(), persistent=False)
        if not self.free.any():
            raise InputError("given names all that there is: nothing is left to draw")
        return (int(self.free.sum()),)

    def _rows(self, grids: Tensor) -> Tensor:
        return grids.flatten(1)[:, self.free]

    def _draw(self, values: Tensor, known: Tensor, context: Tensor | None, guide: Guide | None, alike: bool) -> Tensor:
        assert isinstance(self.model, Sampler)
        rows, mask = self._rows(values), self._rows(known)

        def draw(number: int) -> Tensor:
            told = None if context is None else context.repeat_interleave(number, 0)
            return self._grids(self._sampled(rows, mask, told, number), values.repeat_interleave(number, 0))

        return reweighted(draw, guide, self.candidates)

    def _sampled(self, rows: Tensor, mask: Tensor, told: Tensor | None, number: int) -> Tensor:
        """Rows of the model, so many for each of these."""
        model = self.model
        with torch.no_grad():
            if mask.any():
                if not isinstance(model, Completer):
                    raise InputError(
                        f"{type(model).__name__} cannot complete rows: condition on the cells of given alone, or take "
                        "a SequenceModel, PixelCNNTrajectorySampler or ScoreTrajectorySampler"
                    )
                known = rows.repeat_interleave(number, 0), mask.repeat_interleave(number, 0), told
                if isinstance(model, AutoregressiveModel) and known_late(mask):
                    return model.complete(*known, candidates=self.candidates)
                return model.complete(*known)
            assert isinstance(model, Sampler)
            return model.sample((len(rows) * number,)) if told is None else model.sample((), told)

    def _grids(self, rows: Tensor, values: Tensor) -> Tensor:
        """Grids with what was told put back."""
        found = values.flatten(1).to(rows).clone()
        found[:, self.free] = rows
        return found.reshape(-1, *values.shape[1:])

    free: Tensor
