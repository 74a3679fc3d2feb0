"""The prior that quantised autoencoders make for themselves: one code after the other, each given those before."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.autoencoders.networks import repeated, standardised
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Units
from genrl.nn.masked_linear import MaskedLinear
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["AutoregressiveCodes"]


class AutoregressiveCodes(GenerativeModel):
    """p(codes) as the product over positions of p(code given the codes before) (Germain et al. 2015, equation 3).

    Each code enters a masked network as a learned vector. Positions follow one another in the order of the row, those
    of a grid line by line. A code and its neighbours on a grid are no nearer to each other than any two: for large
    grids a convolutional model is the better prior.

    Args:
        levels: codes are the integers 0 .. `levels` - 1.
        embedding: numbers that stand for a code.
        hidden: widths of the network.
        fitting: how `fit` trains it.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> codes = torch.randint(3, (500, 1)).repeat(1, 2).float()
    >>> prior = AutoregressiveCodes(3, fitting=GradientFitting(updates=200, learning_rate=0.01)).fit(codes)
    >>> with torch.no_grad():
    ...     likely, unlikely = prior.log_prob(torch.tensor([[1.0, 1.0], [1.0, 2.0]])).exp()
    >>> 0.25 < likely < 0.45, unlikely < 0.01
    (tensor(True), tensor(True))
    """

    architecture = "masked layers; exact likelihood of integers"
    log_prob_kind: Literal["exact"] = "exact"

    def __init__(
        self,
        levels: int,
        *,
        embedding: int = 16,
        hidden: tuple[int, ...] = (128,),
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__()
        at_least(1, levels=levels, embedding=embedding, hidden=hidden)
        self.levels = levels
        self.embedding = embedding
        self.hidden = tuple(hidden)
        self.fitting = fitting

    @property
    def takes_integers(self) -> bool:
        """Rows are integers."""
        return True

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) in nats.

        Raises:
            InputError: wrong shapes, or other numbers than 0 .. `levels` - 1.
        """
        given = standardised(self.check_rows(x, context), self.context_units)
        if not ((x >= 0) & (x < self.levels) & (x == x.round())).all():
            raise InputError(f"x must hold the integers 0 .. {self.levels - 1}")
        codes = x.flatten(1).long()
        return -F.cross_entropy(self._logits(codes, given), codes, reduction="none").sum(1)

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean negative log-likelihood."""
        return {"loss": -self.log_prob(x, context).mean()}

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Whole numbers of shape `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape`."""
        event_shape = self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = self.encode_context(context)
        shape = shape if given is None else (*shape, len(given))
        seen = repeated(standardised(given, self.context_units), 1 if given is None else prod(shape) // len(given))
        # The earliest of exponential arrivals is a draw, also of no rows at all.
        codes = self._in_turn(
            prod(shape), seen, lambda logits: (logits - torch.empty_like(logits).exponential_().log()).argmax(1)
        )
        return codes.reshape(*shape, *event_shape)

    def mode(self, context: Tensor | None = None) -> Tensor:
        """At each position in turn the likeliest code given those before: one row, or one for each of the context."""
        event_shape, given = self.require_built(), self.encode_context(context)
        seen = standardised(given, self.context_units)
        codes = self._in_turn(1 if seen is None else len(seen), seen, lambda logits: logits.argmax(1))
        return codes.reshape(*(() if given is None else (len(given),)), *event_shape)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        positions = prod(event_shape)
        # A unit of degree k sees the positions up to k; one of degree -1 sees the context alone.
        seen = torch.cat(
            [torch.full((context_features,), -1), torch.arange(positions).repeat_interleave(self.embedding)]
        )
        lowest = -1 if context_features else min(0, positions - 2)
        units = [torch.linspace(lowest, max(lowest, positions - 2), width).round() for width in self.hidden]
        degrees = [seen, *units, torch.arange(positions).repeat(self.levels) - 1]
        layers: list[nn.Module] = []
        for before, after in pairwise(degrees):
            layers += [MaskedLinear(after[:, None] >= before[None, :]), nn.ReLU()]
        self.embed = nn.Embedding(self.levels, self.embedding)
        self.network = nn.Sequential(*layers[:-1])
        self.context_units = Units((context_features,)) if context_features else None

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        if self.context_units is not None and context is not None:
            self.context_units.measure(context)
        fit_by_gradient(self, x, context, self.fitting, progress)

    def _in_turn(self, rows: int, context: Tensor | None, pick: Callable[[Tensor], Tensor]) -> Tensor:
        """(rows, positions) whole numbers, each picked by the (rows, levels) logits given those before."""
        positions = prod(self.require_built())
        codes = torch.zeros(rows, positions, dtype=torch.long, device=self.embed.weight.device)
        with torch.no_grad():
            for position in range(positions):
                codes[:, position] = pick(self._logits(codes, context)[:, :, position])
        return codes.float()

    def _logits(self, codes: Tensor, context: Tensor | None) -> Tensor:
        """(rows, levels, positions), each position's from the codes before it and the context."""
        vectors = self.embed(codes).flatten(1)
        seen = vectors if context is None else torch.cat([context, vectors], 1)
        return self.network(seen).unflatten(1, (self.levels, codes.shape[1]))
