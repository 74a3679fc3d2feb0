"""What every map from one domain of rows to another does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.gans.domains import DomainUnits, as_domains, repeated, source_shape
from genrl.generative_model import GenerativeModel, Progress

__all__ = ["TransferModel"]


class TransferModel(GenerativeModel, ABC):
    """A distribution p(y given x), all of it at the one row `transfer(x)`: the context of `sample` is x, flat.

    Subclasses say by `paired` whether they learn from pairs, and implement `transfer`, `_networks` and `_fit`.

    Attributes:
        units: of the target domain.
        source_units: of the source domain.
    """

    why_no_density = "given a row of the source all that it draws is one row, and a point has no density"

    paired: ClassVar[bool]

    @abstractmethod
    def transfer(self, x: Tensor) -> Tensor:
        """Rows of the source as they would be in the target, (rows, *event_shape), differentiable.

        Raises:
            InputError: another shape, or not fitted.
        """

    @abstractmethod
    def _networks(self, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        """Make the networks between rows of these shapes."""

    def fit(self, X: Any, y: Any = None, *, context: Any = None, progress: Progress | None = None) -> Self:
        """Learn the map between two domains, from scratch.

        Args:
            X: (rows, ...) of the source domain.
            y: (rows, ...) of the target domain: the partner of each row of X if the model is `paired`, else as many as
                there are and in any order.
            context: refused: the map depends on nothing else.
            progress: called after each report.

        Raises:
            InputError: bad data; the message names the argument.
        """
        if context is not None:
            raise InputError(f"{type(self).__name__} takes the rows of its domains as X and y: leave context= out")
        source, target = as_domains(X, y, paired=self.paired)
        self.build(tuple(target.shape[1:]), prod(source.shape[1:]))
        self._fit(target.to(self.device), source.to(self.device).flatten(1), progress)
        return self

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """The transfer of each row of the context, which is of the source; all samples of one row are the same."""
        given = self.encode_context(context)
        assert given is not None  # built with a source
        with torch.no_grad():
            return repeated(self.transfer(given), sample_shape)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        source = source_shape(event_shape, context_features)
        self.source_units, self.units = DomainUnits(source), DomainUnits(event_shape)
        self._networks(source, event_shape)

    def _measure(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Take the units from the rows of both domains; gives those of the source."""
        assert context is not None
        self.units.measure(x)
        self.source_units.measure(context.reshape(-1, *self.source_units.shape))
        return context
