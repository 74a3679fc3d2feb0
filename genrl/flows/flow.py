"""What every normalizing flow does: a stack of invertible transforms between the data and a simple distribution."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from genrl.errors import InputError
from genrl.flows.distribution import FlowDistribution
from genrl.flows.latent import BaseName, latent_of
from genrl.flows.stack import Stack
from genrl.flows.transform import Standardisation, Transform
from genrl.generative_model import GenerativeModel, Progress
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["Flow"]

BLOCK = 2048  # rows that go through all transforms together: what they leave behind stays in the processor's cache
FIRST_ROWS = 4096  # that transforms are initialised from
LANDMARKS = 4  # points of the base that a mode is looked for from


class Flow(GenerativeModel, ABC):
    """A density by change of variables: log p(x) = log p_base(f(x)) + log |det df/dx|.

    f standardises the columns, with numbers measured when the fit begins, and then applies the transforms of a
    subclass, which names them in `_transforms`. Rows of any shape are flattened on the way. The context, standardised
    too, reaches every transform.

    Args:
        base: the distribution at the other end. "normal", or the robust "student_t", whose heavy tails keep outliers
            from dominating the likelihood.
        fitting: settings of the fit, by maximum likelihood.

    Raises:
        InputError: a hyperparameter is out of its range.
    """

    log_prob_kind: Literal["exact"] = "exact"

    def __init__(self, *, base: BaseName, fitting: GradientFitting) -> None:
        super().__init__()
        latent_of(base, 1)
        self.base = base
        self.fitting = fitting

    @abstractmethod
    def _transforms(self, event_shape: tuple[int, ...], context_features: int) -> list[Transform]:
        """The stack, from data to base, without the standardisation."""

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x), or log p(x given context), in nats.

        Raises:
            InputError: wrong shapes.
        """
        given = self._standardised_context(self.check_rows(x, context))
        (found,) = in_blocks(self._log_density, self._flat(x), given)
        return found

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context."""
        with torch.no_grad():
            return self.rsample(sample_shape, context)

    def mode(self, context: Tensor | None = None) -> Tensor:
        """The likeliest of what the base's most likely point and a few fixed others become: one x, or one for each row.

        The first is the exact mode where the flow stretches space evenly, and near it elsewhere. Where there are
        several modes it may lie between them, at next to no density; one of the others is then at a mode.
        """
        shape = self.require_built()
        given = self._standardised_context(self.encode_context(context))
        rows = 1 if given is None else len(given)
        points = _landmarks(prod(shape)).to(self.standardise.mean)
        z = points[:, None].expand(-1, rows, -1).flatten(0, 1)
        x, log_det = in_blocks(self._from_base, z, None if given is None else given.repeat(LANDMARKS, 1))
        best = (self.latent.log_prob(z) - log_det).reshape(LANDMARKS, rows).argmax(0)
        found = x.reshape(LANDMARKS, rows, *shape)[best, torch.arange(rows, device=best.device)]
        return found[0] if given is None else found

    def rsample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """The same as `sample`, differentiable in the parameters and the context."""
        z, given, shape = self._noise(sample_shape, context)
        (x,) = in_blocks(self._generate, z, given)
        return x.reshape(shape)

    def rsample_with_log_prob(
        self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draws as of `rsample`, and their log-densities in nats, in one pass from base to data."""
        z, given, shape = self._noise(sample_shape, context)
        x, log_det = in_blocks(self._from_base, z, given)
        densities = self.latent.log_prob(z) - log_det
        return x.reshape(shape), densities.reshape(shape[: len(shape) - len(self.require_built())])

    def transform(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base: z (rows, features), flat whatever the shape of a row, and log |det dz/dx| (rows,).

        Raises:
            InputError: wrong shapes.
        """
        given = self._standardised_context(self.check_rows(x, context))
        z, log_det = in_blocks(self._to_base, self._flat(x), given)
        return z, log_det

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data: x (rows, ...) and log |det dx/dz| (rows,).

        Raises:
            InputError: z is not (rows, features), or the context is wrong.
        """
        shape = self.require_built()
        if z.ndim != 2 or z.shape[1] != prod(shape):
            raise InputError(f"z must have the shape (rows, {prod(shape)}), not {tuple(z.shape)}")
        given = self._standardised_context(self.encode_context(context, len(z)))
        x, log_det = in_blocks(self._from_base, z.to(self.standardise.mean), given)
        return x.reshape(-1, *shape), log_det

    def distribution(self, context: Tensor | None = None) -> Distribution:
        """The density as a `torch.distributions.Distribution`, one for each row of the context.

        Raises:
            InputError: the context is wrong.
        """
        return FlowDistribution(self, self.encode_context(context))

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean negative log-likelihood, in nats."""
        return {"loss": -self.log_prob(x, context).mean()}

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        features = prod(event_shape)
        self.latent = latent_of(self.base, features)
        self.standardise = Standardisation(features)
        self.standardise_context = Standardisation(context_features) if context_features else None
        self.stack = Stack(self._transforms(event_shape, context_features))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        warn_of_integers(x)
        self.initialise(x, context)
        fit_by_gradient(self, x, context, self.fitting, progress)

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor | None = None) -> None:
        """Measure what the transforms start from: units of the columns, and what some of them set by their first rows.

        A fit begins with it.
        """
        rows = self._flat(x)
        self.standardise.initialise(rows)
        if self.standardise_context is not None and context is not None:
            self.standardise_context.initialise(context)
        rows = rows[:FIRST_ROWS]
        given = self._standardised_context(None if context is None else context[:FIRST_ROWS])
        self.stack.initialise(self.standardise(rows)[0], given)

    def _flat(self, x: Tensor) -> Tensor:
        return x.to(self.standardise.mean).flatten(1)

    def _standardised_context(self, context: Tensor | None) -> Tensor | None:
        if context is None or self.standardise_context is None:
            return None
        return self.standardise_context(context.to(self.standardise.mean))[0]

    def _noise(
        self, sample_shape: int | tuple[int, ...], context: Tensor | None
    ) -> tuple[Tensor, Tensor | None, tuple[int, ...]]:
        """Base samples, the context of each, and the shape of what will be made of them."""
        event_shape = self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        draws = prod(shape)
        given = self._standardised_context(self.encode_context(context))
        if given is None:
            return self.latent.sample(draws), None, shape + event_shape
        rows = len(given)
        if shape:
            given = given.expand(draws, *given.shape).flatten(0, 1)
        return self.latent.sample(draws * rows), given, (*shape, rows, *event_shape)

    def _log_density(self, x: Tensor, context: Tensor | None) -> tuple[Tensor]:
        z, log_det = self._to_base(x, context)
        return (self.latent.log_prob(z) + log_det,)

    def _to_base(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        rows, first = self.standardise(x)
        z, log_det = self.stack(rows, context)
        return z, (log_det + first).expand(len(z))

    def _from_base(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        rows, log_det = self.stack.inverse(z, context)
        x, last = self.standardise.inverse(rows)
        return x, (log_det + last).expand(len(x))

    def _generate(self, z: Tensor, context: Tensor | None) -> tuple[Tensor]:
        return (self._from_base(z, context)[0],)


def _landmarks(features: int) -> Tensor:
    """(LANDMARKS, features) points of the base, the same every time; the first is its most likely one."""
    points = torch.randn(LANDMARKS, features, generator=torch.Generator().manual_seed(0))
    points[0] = 0.0
    return points


def warn_of_integers(x: Tensor) -> None:
    """Say so where columns hold repeated integers: a density of numbers is unbounded there, and a fit finds no end.

    A column that is constant is no data, and does not count.
    """
    rows = x.flatten(1)
    spread = rows.amax(0) - rows.amin(0)
    levels = (rows == rows.round()).all(0) & (spread > 0) & (spread < len(rows) - 1)
    if levels.any():
        warnings.warn(
            f"{int(levels.sum())} of {len(levels)} columns of X hold integers alone, where a density has no upper "
            "bound and peaks grow ever narrower: dequantise them, that is add noise of the width of a step, such as "
            "X + torch.rand(X.shape)",
            stacklevel=4,
        )


def in_blocks(
    function: Callable[[Tensor, Tensor | None], tuple[Tensor, ...]], rows: Tensor, context: Tensor | None
) -> tuple[Tensor, ...]:
    """A function of rows and their context, of so many rows at once as the processor's cache has room for."""
    if len(rows) <= BLOCK or rows.device.type != "cpu":
        return function(rows, context)
    contexts = [None] * -(-len(rows) // BLOCK) if context is None else context.split(BLOCK)
    parts = [function(block, given) for block, given in zip(rows.split(BLOCK), contexts, strict=True)]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))
