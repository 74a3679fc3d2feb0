"""What a decoder's numbers mean: p(x given z) as a distribution of torch, in the rows' own units."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from genrl.autoencoders.networks import Decoder
from genrl.errors import InputError
from genrl.nn import Units

__all__ = [
    "BernoulliLikelihood",
    "CategoricalLikelihood",
    "CodeVariance",
    "ColumnVariance",
    "Likelihood",
    "LikelihoodName",
    "likelihood_kind",
]

LikelihoodName = Literal["bernoulli", "gaussian", "categorical"]

LEAST_LOG_STD, GREATEST_LOG_STD = -7.0, 7.0  # relative to the deviation of the data


class Likelihood(nn.Module, ABC):
    """Maps (rows, latents), and a context, to a distribution with batch shape (rows,) and the event shape of x.

    Args:
        decoder: gives `outputs` numbers for each place of a row.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    @abstractmethod
    def forward(self, z: Tensor, context: Tensor | None) -> Distribution:
        """The distribution of x given z."""

    def mean(self, z: Tensor, context: Tensor | None) -> Tensor:
        """(rows, *event_shape) the mean of x given z."""
        return self(z, context).mean

    def measure(self, x: Tensor) -> None:
        """Take the units of the rows; a distribution of fixed values has none."""

    def check(self, x: Tensor) -> None:
        """Refuse rows that the distribution gives no likelihood to.

        Raises:
            InputError: there are some.
        """


class BernoulliLikelihood(Likelihood):
    """Every number is 1 with a probability that depends on z, else 0.

    A grey value between them stands for a coin that falls on 1 so often: its log-likelihood is the mean over the coin,
    the usual cross-entropy.
    """

    def forward(self, z: Tensor, context: Tensor | None) -> Distribution:
        """Independent coins."""
        logits = self.decoder(z, context)[:, 0]
        return _independent(Bernoulli(logits=logits, validate_args=False))

    def check(self, x: Tensor) -> None:
        """Numbers within 0 .. 1.

        Raises:
            InputError: there are others.
        """
        if not ((x >= 0) & (x <= 1)).all():
            raise InputError("X must lie within 0 .. 1 for decoder='bernoulli': scale it, or take decoder='gaussian'")


class ColumnVariance(Likelihood):
    """Gaussians whose mean depends on z; each place of a row has one deviation, which is learned."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__(decoder)
        event_shape = decoder.shape[1:]
        self.units = Units(event_shape)
        self.log_std = nn.Parameter(torch.zeros(event_shape))

    def forward(self, z: Tensor, context: Tensor | None) -> Distribution:
        """Independent Gaussians."""
        return _gaussian(self.units, self.decoder(z, context)[:, 0], self.log_std)

    def measure(self, x: Tensor) -> None:
        """Mean and deviation of each place of a row."""
        self.units.measure(x)


class CodeVariance(Likelihood):
    """Gaussians whose mean and deviation both depend on z."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__(decoder)
        self.units = Units(decoder.shape[1:])

    def forward(self, z: Tensor, context: Tensor | None) -> Distribution:
        """Independent Gaussians."""
        mean, log_std = self.decoder(z, context).unbind(1)
        return _gaussian(self.units, mean, log_std)

    def measure(self, x: Tensor) -> None:
        """Mean and deviation of each place of a row."""
        self.units.measure(x)


class CategoricalLikelihood(Likelihood):
    """Every number is one of the levels 0, 1, ..., K - 1, with probabilities that depend on z."""

    def forward(self, z: Tensor, context: Tensor | None) -> Distribution:
        """Independent choices among K."""
        return _independent(Categorical(logits=self.decoder(z, context).movedim(1, -1), validate_args=False))

    def mean(self, z: Tensor, context: Tensor | None) -> Tensor:
        """(rows, *event_shape) the mean level."""
        chances = self.decoder(z, context).movedim(1, -1).softmax(-1)
        return chances @ torch.arange(self.decoder.shape[0]).to(chances)

    def check(self, x: Tensor) -> None:
        """Integers within 0 .. K - 1.

        Raises:
            InputError: there are others.
        """
        last = self.decoder.shape[0] - 1
        if not ((x >= 0) & (x <= last) & (x == x.round())).all():
            raise InputError(
                f"X must hold the integers 0 .. {last} for decoder='categorical': round it, or give other levels="
            )


def _gaussian(units: Units, mean: Tensor, log_std: Tensor) -> Distribution:
    std = log_std.clamp(LEAST_LOG_STD, GREATEST_LOG_STD).exp() * units.deviation
    return _independent(Normal(units.restore(mean), std.expand_as(mean), validate_args=False))


def _independent(places: Distribution) -> Distribution:
    return Independent(places, len(places.batch_shape) - 1, validate_args=False)


def likelihood_kind(
    name: LikelihoodName, variance: Literal["column", "code"], levels: int
) -> tuple[type[Likelihood], int]:
    """The likelihood of that name, and how many numbers its decoder gives for each number of a row."""
    kinds: dict[LikelihoodName, tuple[type[Likelihood], int]] = {
        "bernoulli": (BernoulliLikelihood, 1),
        "gaussian": (ColumnVariance, 1) if variance == "column" else (CodeVariance, 2),
        "categorical": (CategoricalLikelihood, levels),
    }
    return kinds[name]
