"""Densities of real numbers from distributions of integers: each column is cut into bins."""

from __future__ import annotations

from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.protocols import Density, Mode, Sampler, knows_probabilities

__all__ = ["Discretised"]


class Discretised(GenerativeModel):
    """Rows of numbers, each by the bin that it lies in; the bins of a row follow a model of integers.

    Within a bin all numbers are equally likely, so that log p(x) is the log-probability of the bins minus the
    logarithms of their widths: exact, and flat within a bin. What lies outside all bins counts as in the nearest,
    so that it integrates to 1 over the bins and not beyond.

    Made by `build` alone, the bins of each column have one width. A fit moves them to the quantiles of the data, so
    that each holds as many rows; bins that would have no width, where numbers repeat, get a thousandth of the range.

    Args:
        model: of rows of integers 0 .. bins - 1, not fitted; a copy of it is.
        bins: of each column.
        reach: before a fit the bins lie between -reach and reach.
        as_image: show the model a row as an image of one line, (1, 1, columns), as a `PixelCNN` needs it.

    Raises:
        InputError: the model does not know the probability of a row, or a number is out of its range.

    >>> from genrl.autoregressive import Recurrent, SequenceModel
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> x = torch.randn(500, 1).expand(-1, 2) + 0.1 * torch.randn(500, 2)
    >>> quick = GradientFitting(updates=150, learning_rate=0.02)
    >>> model = Discretised(SequenceModel(core=Recurrent(width=8), levels=8, fitting=quick), bins=8).fit(x)
    >>> likely, unlikely = model.log_prob(torch.tensor([[0.5, 0.5], [0.5, -1.5]]))
    >>> bool(likely > unlikely + 2)
    True
    """

    architecture = "a model of integers; numbers within a bin are not told apart"
    log_prob_kind: Literal["exact"] = "exact"

    edges: Tensor

    def __init__(self, model: GenerativeModel, *, bins: int = 16, reach: float = 3.0, as_image: bool = False) -> None:
        super().__init__()
        if bins < 2 or not reach > 0:
            raise InputError(f"bins must be 2 or more and reach above 0, not {bins} and {reach}")
        if not knows_probabilities(model):
            raise InputError(
                f"{type(model).__name__} does not know the probability of a row of bins: take a model of "
                "genrl.autoregressive with levels"
            )
        self.model = deepcopy(model)
        self.bins = bins
        self.reach = reach
        self.as_image = as_image

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) in nats; differentiable in the model's parameters and in the context, not in x."""
        given = self.check_rows(x, context)
        assert isinstance(self.model, Density)
        places = self.places(x)
        widths = self.edges.diff(dim=1).log().expand(len(x), -1, -1)
        return self.model.log_prob(self._shown(places), given) - widths.gather(2, places[..., None])[..., 0].sum(1)

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of bins, and of a number within each."""
        assert isinstance(self.model, Sampler)
        shape = (sample_shape,) if isinstance(sample_shape, int) else sample_shape
        bins = self._flat(self.model.sample(shape, self.encode_context(context)))
        return self._within(bins, torch.rand(bins.shape).to(self.edges))

    def mode(self, context: Tensor | None = None) -> Tensor:
        """The middles of the bins of the model's mode."""
        assert isinstance(self.model, Mode)
        bins = self._flat(self.model.mode(self.encode_context(context)))
        return self._within(bins, self.edges.new_tensor(0.5).expand(bins.shape))

    def places(self, x: Tensor) -> Tensor:
        """(rows, columns) int64: the bin of each number."""
        inner = self.edges[:, 1:-1].contiguous()
        return torch.searchsorted(inner, x.detach().to(inner).T.contiguous(), right=True).T

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if len(event_shape) != 1:
            raise InputError(f"X must be a table (rows, columns) for Discretised, not rows of shape {event_shape}")
        columns = event_shape[0]
        line = torch.linspace(-self.reach, self.reach, self.bins + 1)
        self.register_buffer("edges", line.expand(columns, -1).clone())
        self.model.build((1, 1, columns) if self.as_image else event_shape, context_features)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self.edges.copy_(quantile_edges(x, self.bins))
        self.model.fit(self._shown(self.places(x)), context=context, progress=progress)

    def _shown(self, places: Tensor) -> Tensor:
        rows = places.to(self.edges)
        return rows[:, None, None] if self.as_image else rows

    def _flat(self, bins: Tensor) -> Tensor:
        return bins.squeeze(-2).squeeze(-2).long() if self.as_image else bins.long()

    def _within(self, bins: Tensor, share: Tensor) -> Tensor:
        """Numbers at shares 0 .. 1 of the way through bins, (..., columns) each."""
        flat = bins.reshape(-1, bins.shape[-1]).T
        low, high = self.edges.gather(1, flat).T, self.edges.gather(1, flat + 1).T
        return torch.lerp(low.reshape(bins.shape), high.reshape(bins.shape), share)


def quantile_edges(x: Tensor, bins: int) -> Tensor:
    """(columns, bins + 1) edges between which as many rows lie, rising in each column.

    >>> quantile_edges(torch.tensor([[0.0], [1.0], [2.0], [3.0], [10.0]]), 2)
    tensor([[ 0.,  2., 10.]])
    """
    found = torch.quantile(x.double(), torch.linspace(0, 1, bins + 1, dtype=torch.float64), dim=0).T
    span = found[:, -1:] - found[:, :1]
    least = torch.where(span > 0, 1e-3 * span, 1e-3)
    # Pushed apart from left to right where numbers repeat.
    steps = torch.arange(bins + 1) * least
    return ((found - steps).cummax(1).values + steps).to(x)
