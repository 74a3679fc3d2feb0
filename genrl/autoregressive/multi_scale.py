"""An image by its coarse grid first, and then the rest of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.autoregressive.autoregressive_model import AutoregressiveModel, truths
from genrl.autoregressive.gated_pixel_cnn import GatedPixelCNN
from genrl.autoregressive.levels import count_levels
from genrl.autoregressive.ordered_sampling import evaluating
from genrl.autoregressive.pixel_inputs import image_shape
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import resampled
from genrl.training.stages import Stages

__all__ = ["MultiScale"]


class MultiScale(GenerativeModel):
    """Every n-th pixel of every n-th row by one model, all others by a second one that is told the first ones.

    Van den Oord et al. 2016a, section 3.6: p(x) = p(coarse) p(the others given coarse), which is exact, since the
    coarse pixels are pixels of the image. The second model is told them as a grid, whose influence spreads to all
    pixels, also to those that are read before them.

    Args:
        coarse: a model of images of integers; by default a `GatedPixelCNN`.
        fine: likewise, with `inputs=PixelInputs(context_shape=...)` of the coarse images, and `context_beside` columns
            if the whole has a context; by default one like the first with such inputs.
        factor: n.

    Raises:
        InputError: a model is none of images, or the factor below 2.

    >>> import torch
    >>> from genrl.autoregressive import GatedPixelCNN, MultiScale
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randint(3, (200, 1, 1, 1)).expand(200, 1, 3, 4).float()  # images of one level
    >>> brief = GradientFitting(updates=30, batch_size=64, learning_rate=0.01)
    >>> model = MultiScale(coarse=GatedPixelCNN(width=16, layers=2, fitting=brief)).fit(x)
    >>> model.sample(5).shape, bool(model.bits_per_dim(x) < 1)
    (torch.Size([5, 1, 3, 4]), True)
    """

    architecture = "two autoregressive models of images; a sample takes a step for each pixel"
    log_prob_kind: Literal["exact"] = "exact"

    def __init__(
        self,
        *,
        coarse: AutoregressiveModel | None = None,
        fine: AutoregressiveModel | None = None,
        factor: int = 2,
    ) -> None:
        super().__init__()
        at_least(2, factor=factor)
        for name, model in (("coarse", coarse), ("fine", fine)):
            if not isinstance(model, AutoregressiveModel | None):
                raise InputError(f"{name} must be an autoregressive model, not a {type(model).__name__}")
        if fine is None and coarse is not None and not hasattr(coarse, "inputs"):
            raise InputError(f"a {type(coarse).__name__} cannot be told the coarse pixels: give fine=, too")
        self.coarse = GatedPixelCNN() if coarse is None else coarse
        self.fine = fine
        self.factor = factor
        self._makes_fine = fine is None

    @property
    def takes_integers(self) -> bool:
        """Rows are integers."""
        return True

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) the log of the probability of each row, in nats.

        Raises:
            InputError: wrong shapes, or other values than those of the levels.
        """
        coarse, fine = self._scales(x, self.check_rows(x, context))
        return coarse.sum(1) + fine.sum(1)

    def bits_per_dim(self, x: Tensor, context: Tensor | None = None) -> float:
        """Bits that it takes to store one number of these rows with this model, in the mean."""
        with torch.no_grad(), evaluating(self):
            return -float(self.log_prob(x, context).mean()) / (math.log(2) * prod(self.require_built()))

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws, `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context."""
        event_shape, given = self.require_built(), self.encode_context(context)
        shape = torch.Size((sample_shape,) if isinstance(sample_shape, int) else sample_shape)
        if given is None:
            coarse = self.coarse.sample(shape.numel())
        else:
            coarse = self.coarse.sample(shape.numel(), given).flatten(0, 1)
            given, shape = given.repeat(shape.numel(), 1), torch.Size((*shape, len(given)))
        x = coarse.new_zeros(len(coarse), *event_shape)
        return self._finished(x, coarse, self._is_coarse(), given).reshape(*shape, *event_shape)

    def mode(self, context: Tensor | None = None) -> Tensor:
        """One row, or one for each row of the context: the draw of temperature 0."""
        given = self.encode_context(context)
        coarse = self.coarse.mode(given)
        coarse = coarse[None] if given is None else coarse
        x = coarse.new_zeros(len(coarse), *self.require_built())
        found = self._finished(x, coarse, self._is_coarse(), given, temperature=0.0)
        return found[0] if given is None else found

    def complete(
        self, x: Tensor, mask: Tensor, context: Tensor | None = None, *, candidates: int = 1, temperature: float = 1.0
    ) -> Tensor:
        """Rows whose known numbers are those of x, and whose others are drawn, those of the coarse grid first.

        Args:
            x: (rows, ...); what stands at unknown places is not looked at.
            mask: true where x is given, one (...) for all rows or (rows, ...).
            context: (rows, columns) or labels.
            candidates: with more than one, the known numbers influence also what is drawn before them: see
                `AutoregressiveModel.complete`.
            temperature: 1 samples, 0 takes the likeliest value each time.

        Raises:
            InputError: wrong shapes, or known numbers other than those of the levels.
        """
        at_least(1, candidates=candidates)
        given = self.check_rows(x, context)
        known = truths(mask, x)
        rows, is_known = (
            torch.where(known, x, 0).repeat_interleave(candidates, 0),
            known.repeat_interleave(candidates, 0),
        )
        given = None if given is None else given.repeat_interleave(candidates, 0)
        coarse = self.coarse.complete(self._coarse(rows), self._coarse(is_known), given, temperature=temperature)
        found = self._finished(rows, coarse, is_known | self._is_coarse(), given, temperature=temperature)
        if candidates > 1:
            found = self._chosen(found, is_known, given, candidates)
        return torch.where(known, x, found.to(x.dtype))

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        channels, height, width = image_shape(event_shape, type(self).__name__)
        small = (channels, -(-height // self.factor), -(-width // self.factor))
        if self._makes_fine:
            like: Any = self.coarse
            inputs = replace(like.inputs, context_shape=small, context_beside=context_features)
            self.fine = type(like)(**like.hyperparameters() | {"inputs": inputs})
        self.coarse.build(small, context_features)
        self._fine.build(event_shape, prod(small) + context_features)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        coarse, stages = self._coarse(x), Stages(progress)
        with _levels_of(x, self.coarse, self._fine):
            self.coarse.fit(coarse, context=context, progress=stages)
            if not stages.asked:
                self._fine.fit(x, context=self._told(coarse, context), progress=stages)

    @property
    def _fine(self) -> AutoregressiveModel:
        assert self.fine is not None
        return self.fine

    def _scales(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """log-probabilities of the coarse numbers and of all the others, (rows, numbers) each, in the order drawn."""
        coarse = self._coarse(x)
        others = ~self._is_coarse().movedim(0, -1).flatten()
        fine = self._fine.place_log_probs(x, self._told(coarse, context))
        return self.coarse.place_log_probs(coarse, context), fine[:, others]

    def _finished(
        self, x: Tensor, coarse: Tensor, known: Tensor, context: Tensor | None, *, temperature: float = 1.0
    ) -> Tensor:
        """Rows with the coarse pixels put in and all that is not known drawn."""
        x = x.clone()
        self._coarse(x).copy_(coarse)
        return self._fine.complete(x, known, self._told(coarse, context), temperature=temperature)

    def _chosen(self, x: Tensor, known: Tensor, context: Tensor | None, candidates: int) -> Tensor:
        """One of each row's candidates, by the weight of its known numbers (sampling-importance-resampling)."""
        others = ~self._is_coarse().movedim(0, -1).flatten()
        of_coarse, of_all = (part.movedim(1, -1).flatten(1) for part in (self._coarse(known), known))
        with torch.no_grad(), evaluating(self):
            coarse, fine = self._scales(x, context)
        weights = torch.where(of_coarse, coarse, 0).sum(1) + torch.where(of_all[:, others], fine, 0).sum(1)
        return resampled(x, weights, candidates)

    def _told(self, coarse: Tensor, context: Tensor | None) -> Tensor:
        """What the second model is told: the grid, and beside it the context of the whole."""
        grid = coarse.flatten(1)
        return grid if context is None else torch.cat([grid, context.to(grid)], 1)

    def _coarse(self, x: Tensor) -> Tensor:
        """A view of every n-th pixel of every n-th row."""
        return x[:, :, :: self.factor, :: self.factor]

    def _is_coarse(self) -> Tensor:
        """(channels, height, width)."""
        mask = torch.zeros(1, *self.require_built(), dtype=torch.bool, device=self.device)
        self._coarse(mask).fill_(True)
        return mask[0]


@contextmanager
def _levels_of(x: Tensor, *models: AutoregressiveModel) -> Iterator[None]:
    """Models that would count their levels by themselves are told those of all pixels: some may not show them all."""
    counting = [model for model in models if model.levels is None]
    try:
        for model in counting:
            model.levels = count_levels(x)
        yield
    finally:
        for model in counting:
            model.levels = None
