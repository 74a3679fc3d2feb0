"""An image by its coarse grid first, and then the rest of it."""

from __future__ import annotations

from math import prod
from typing import Literal

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.autoregressive.autoregressive_model import AutoregressiveModel
from genrl.autoregressive.pixel_inputs import image_shape
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.training.stages import Stages

__all__ = ["MultiScale"]


class MultiScale(GenerativeModel):
    """Every n-th pixel of every n-th row by one model, all others by a second one that is told the first ones.

    Van den Oord et al. 2016a, section 3.6: p(x) = p(coarse) p(the others given coarse), which is exact, since the
    coarse pixels are pixels of the image. The second model is told them as a grid, whose influence spreads to all
    pixels, also to those that are read before them.

    Args:
        coarse: a model of images of integers.
        fine: likewise, with `inputs=PixelInputs(context_shape=...)` of the coarse images, and `context_beside` columns
            if the whole has a context.
        factor: n.

    Raises:
        InputError: a model is none of images, or the factor below 2.

    >>> import torch
    >>> from genrl.autoregressive import MultiScale, PixelCNN, PixelInputs
    >>> inputs = PixelInputs(context_shape=(1, 2, 2))
    >>> model = MultiScale(coarse=PixelCNN(levels=4), fine=PixelCNN(levels=4, inputs=inputs)).build((1, 3, 4))
    >>> model.sample(5).shape, model.log_prob(model.sample(5)).shape
    (torch.Size([5, 1, 3, 4]), torch.Size([5]))
    """

    architecture = "two autoregressive models of images; a sample takes a step for each pixel"
    log_prob_kind: Literal["exact"] = "exact"

    def __init__(self, *, coarse: AutoregressiveModel, fine: AutoregressiveModel, factor: int = 2) -> None:
        super().__init__()
        at_least(2, factor=factor)
        for name, model in (("coarse", coarse), ("fine", fine)):
            if not isinstance(model, AutoregressiveModel):
                raise InputError(f"{name} must be an autoregressive model, not a {type(model).__name__}")
        self.coarse = coarse
        self.fine = fine
        self.factor = factor

    @property
    def takes_integers(self) -> bool:
        """Rows are integers."""
        return True

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) the log of the probability of each row, in nats.

        Raises:
            InputError: wrong shapes, or other values than those of the levels.
        """
        given = self.check_rows(x, context)
        coarse = self._coarse(x)
        others = ~self._is_coarse().movedim(0, -1).flatten()
        fine = self.fine.place_log_probs(x, self._told(coarse, given))
        return self.coarse.log_prob(coarse, given) + fine[:, others].sum(1)

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
        self._coarse(x).copy_(coarse)
        return self.fine.complete(x, self._is_coarse(), self._told(coarse, given)).reshape(*shape, *event_shape)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        channels, height, width = image_shape(event_shape, type(self).__name__)
        small = (channels, -(-height // self.factor), -(-width // self.factor))
        self.coarse.build(small, context_features)
        self.fine.build(event_shape, prod(small) + context_features)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        coarse, stages = self._coarse(x), Stages(progress)
        self.coarse.fit(coarse, context=context, progress=stages)
        if not stages.asked:
            self.fine.fit(x, context=self._told(coarse, context), progress=stages)

    def _told(self, coarse: Tensor, context: Tensor | None) -> Tensor:
        """What the second model is told: the grid, and beside it the context of the whole."""
        grid = coarse.flatten(1)
        return grid if context is None else torch.cat([grid, context.to(grid)], 1)

    def _coarse(self, x: Tensor) -> Tensor:
        """A view of every n-th pixel of every n-th row."""
        return x[:, :, :: self.factor, :: self.factor]

    def _is_coarse(self) -> Tensor:
        """(channels, height, width)."""
        mask = torch.zeros(1, *self.require_built(), dtype=torch.bool)
        self._coarse(mask).fill_(True)
        return mask[0]
