"""How codes are handed to the model that is to be their prior, and how they come back."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.protocols import Density, Discrete, Mode, Sampler
from genrl.training.stages import Stages

__all__ = ["CodePrior", "check_prior", "check_within"]


@dataclass(frozen=True)
class CodePrior:
    """A generative model of the codes 0 .. `size` - 1 at the positions of a grid.

    To the model they are rows of floats: as images, (rows, 1, height, width), if the grid is one and the model takes
    images, else (rows, positions). What it draws is rounded and clamped. A model of integers that would count its
    levels in the data is told the codebook's size in place of it: some code may be out of use there, and not later.

    Attributes:
        model: can be sampled.
        grid: (height, width) or (positions,).
        size: of the codebook.
    """

    model: GenerativeModel
    grid: tuple[int, ...]
    size: int

    def build(self, context_features: int) -> None:
        """Make its parameters.

        Raises:
            InputError: the model takes the grid neither as an image nor as a row, or cannot take the context.
        """
        model: Any = self.model
        if self._is_discrete and getattr(model, "levels", self.size) is None:
            model.levels = max(self.size, 2)
        try:
            self.model.build((1, *self.grid) if len(self.grid) == 2 else self.grid, context_features)
        except InputError as of_images:
            try:
                self.model.build(prod(self.grid), context_features)
            except InputError as of_rows:
                raise InputError(
                    f"prior fits codes neither as images ({of_images}) nor as flat rows ({of_rows})"
                ) from of_rows

    def fit(self, codes: Tensor, context: Tensor | None, stages: Stages) -> None:
        """Learn from (rows, *grid), unless an earlier stage of the fit was asked to be the last.

        A density of numbers learns from the codes with noise between two of them, and its draws are rounded.
        """
        if stages.asked:
            return
        rows = self._as_rows(codes)
        if not self._is_discrete:
            noise = torch.rand(rows.shape, generator=torch.Generator().manual_seed(0)) - 0.5
            rows = rows + noise.to(rows)
        self.model.fit(rows, context=context, progress=stages)

    @property
    def _is_discrete(self) -> bool:
        """A density would give numbers between the codes some of what belongs to them."""
        return isinstance(self.model, Discrete) and self.model.takes_integers

    def sample(self, shape: tuple[int, ...], context: Tensor | None) -> Tensor:
        """`shape + grid`, or with a context `shape + (rows,) + grid`, int64."""
        assert isinstance(self.model, Sampler)
        return self._as_codes(self.model.sample(shape, context))

    def mode(self, context: Tensor | None) -> Tensor:
        """`grid`, or with a context `(rows,) + grid`, int64.

        Raises:
            InputError: the model has no mode.
        """
        if not isinstance(self.model, Mode):
            raise InputError(
                f"a {type(self.model).__name__} has no mode, and cannot say which codes are likeliest: leave prior= "
                "out, or give a model that can"
            )
        return self._as_codes(self.model.mode(context))

    def log_prob(self, codes: Tensor, context: Tensor | None) -> Tensor:
        """(rows,) of (rows, *grid), in nats.

        Raises:
            InputError: the model gives no probabilities of integers, so that nothing could be said of the row.
        """
        if not isinstance(self.model, Density) or not self._is_discrete:
            raise InputError(
                f"a bound on log p(x) needs the probability of each code, which a {type(self.model).__name__} does not "
                "know: leave prior= out, or give a model of integers"
            )
        return self.model.log_prob(self._as_rows(codes), context)

    def _as_codes(self, drawn: Tensor) -> Tensor:
        codes = drawn.reshape(*drawn.shape[: drawn.ndim - len(self.model.require_built())], *self.grid)
        return codes.round().clamp(0, self.size - 1).long()

    def _as_rows(self, codes: Tensor) -> Tensor:
        return codes.float().reshape(len(codes), *self.model.require_built())


def check_prior(**priors: GenerativeModel | None) -> None:
    """Refuse models that cannot be sampled.

    Raises:
        InputError: one cannot; the message names it.
    """
    for name, prior in priors.items():
        if prior is not None and not isinstance(prior, Sampler):
            raise InputError(f"{name} must be a model that can be sampled, not {type(prior).__name__}")


def check_within(codes: Tensor, grid: tuple[int, ...], size: int, name: str = "codes") -> None:
    """Refuse what are no codes of that grid and codebook.

    Raises:
        InputError: another shape, or numbers that are not 0 .. `size` - 1.
    """
    if codes.ndim != 1 + len(grid) or tuple(codes.shape[1:]) != grid:
        wanted = ", ".join(["rows", *map(str, grid)])
        raise InputError(f"{name} must have the shape ({wanted}), not {tuple(codes.shape)}")
    if not ((codes >= 0) & (codes < size) & (codes == codes.round())).all():
        raise InputError(f"{name} must hold the integers 0 .. {size - 1}")
