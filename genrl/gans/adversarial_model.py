"""What each generator of rows does that plays against a discriminator: learn, sample, be asked, tell how it goes."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Self

import torch
from torch import Tensor, nn

from genrl.gans.adversarial_fitting import AdversarialFitting, Player, fit_adversarially
from genrl.gans.coverage import COLLAPSED, coverage
from genrl.gans.games import GAMES, GameName
from genrl.gans.penalties import PENALTIES, PenaltyName
from genrl.gans.range import Range
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Units
from genrl.row_checks import check_event
from genrl.training.fit import FitEpoch

__all__ = ["AdversarialModel"]

COMPARED = 500  # rows on each side when coverage is measured
SAMPLED_AT_ONCE = 65_536  # which bounds the memory


class AdversarialModel(GenerativeModel, ABC):
    """A generator of rows that plays against a discriminator (Goodfellow et al. 2014).

    Samples are one pass through the generator. There is no density: the generator has no inverse. With a context both
    networks see it. Between the two, rows are flat and in units that are measured when the fit begins.

    Subclasses make the networks in `_networks`.

    Args:
        objective: the game.
        penalty: on the discriminator's gradient, or None.
        penalty_weight: of the penalty.
        noise_features: columns of the generator's noise; None for as many as a row has.
        fitting: settings of the game.
    """

    why_no_density = "its generator has no inverse, which would tell what noise a row came from"
    units: Units | Range

    def __init__(
        self,
        *,
        objective: GameName,
        penalty: PenaltyName | None,
        penalty_weight: float,
        noise_features: int | None,
        fitting: AdversarialFitting,
    ) -> None:
        super().__init__()
        self.objective = objective
        self.penalty = penalty
        self.penalty_weight = penalty_weight
        self.noise_features = noise_features
        self.fitting = fitting
        self._metrics: Callable[[Any], Mapping[str, float]] | None = None

    @abstractmethod
    def _networks(self, event_shape: tuple[int, ...], context_features: int) -> tuple[nn.Module, nn.Module]:
        """Generator, (noise, context) to flat rows; and discriminator, (flat rows, context) to (rows,) logits."""

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        context: Any = None,
        progress: Progress | None = None,
        metrics: Callable[[Any], Mapping[str, float]] | None = None,
    ) -> Self:
        """Learn from data, from scratch.

        While reports are made, the generator has its average weights: `metrics` and `progress` may sample. A generator
        that reaches little of the data in the end is warned about.

        Args:
            X: (rows, ...) finite numbers.
            y: (rows,) integer class labels, which makes the model one of x given the class.
            context: (rows, columns) in place of `y`, which makes it one of x given these numbers.
            progress: called after each report. Beside the losses it has the "coverage", the share of the data that the
                samples reach, and what `metrics` gives.
            metrics: more figures of this model for each report, such as how many modes were found.

        Raises:
            InputError: bad data; the message names the argument.
        """
        self._metrics = metrics
        try:
            return super().fit(X, y, context=context, progress=progress)
        finally:
            self._metrics = None

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context."""
        event_shape = self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = self._standard_context(self.encode_context(context))
        repeated = None if given is None else given.repeat(prod(shape), 1)
        rows = prod(shape) if repeated is None else len(repeated)
        noise = self._noise(rows)
        drawn: list[Tensor] = []
        with torch.no_grad():
            for start in range(0, max(rows, 1), SAMPLED_AT_ONCE):
                part = slice(start, start + SAMPLED_AT_ONCE)
                drawn.append(self._rows(noise[part], None if repeated is None else repeated[part]))
        return torch.cat(drawn).reshape(*shape, *(() if given is None else (len(given),)), *event_shape)

    def generate(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """The rows that noise stands for, differentiable in both arguments.

        Args:
            noise: (rows, noise_columns); normal numbers give samples, and those in between are shades of them.
            context: (rows, columns) or labels, if the model is conditional.

        Returns:
            (rows, ...).

        Raises:
            InputError: wrong shapes.
        """
        self.require_built()
        check_event(noise, (self.noise_columns,), "noise")
        given = self._standard_context(self.encode_context(context, len(noise)))
        return self._rows(noise, given)

    def mode(self, context: Tensor | None = None) -> Tensor:
        """What noise of 0, its likeliest, becomes: one row, or one for each of the context; not always a likely one."""
        self.require_built()
        given = self.encode_context(context)
        zeros = torch.zeros_like(self._noise(1 if given is None else len(given)))
        with torch.no_grad():
            rows = self.generate(zeros, given)
        return rows[0] if given is None else rows

    def discriminate(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) logits of the discriminator, high where a row looks real; what they mean depends on the objective.

        Raises:
            InputError: wrong shapes.
        """
        given = self._standard_context(self.check_rows(x, context))
        logits: Tensor = self.discriminator(self.units.remove(x.flatten(1)), given)
        return logits

    @property
    def noise_columns(self) -> int:
        """Of the generator's noise, whether given or found."""
        return prod(self.require_built()) if self.noise_features is None else self.noise_features

    def _units(self, features: int) -> Units | Range:
        """What stands between the units of the data and those that the networks see."""
        return Units((features,))

    def _players(self) -> tuple[Player, Player]:
        """Discriminator and generator, at the beginning of a game."""
        return (
            Player(network=self.discriminator, loss=self._discriminator_loss),
            Player(network=self.generator, loss=self._generator_loss),
        )

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        self.generator, self.discriminator = self._networks(event_shape, context_features)
        self.units = self._units(prod(event_shape))
        self.context_units = Units((context_features,))
        # Whoever asks changes nothing: what moves in training mode, moves in a fit alone.
        self.generator.eval()
        self.discriminator.eval()

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        rows = x.flatten(1)
        self.units.measure_with_constants(rows)
        if context is not None:
            self.context_units.measure_with_constants(context)
            context = self.context_units.remove(context)
        rows = self.units.remove(rows)
        history = fit_adversarially(
            *self._players(),
            rows,
            context,
            settings=self.fitting,
            report=lambda: self._report(rows, context),
            progress=progress,
        )
        _warn_if_collapsed(history.epochs)

    def _discriminator_loss(self, real: Tensor, context: Tensor | None) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self._fake(len(real), context)
        # Apart, for networks that look at a batch as a whole: that of the generator will be all fake, too.
        logits = torch.cat((self.discriminator(real, context), self.discriminator(fake, context)))
        targets = torch.cat((torch.ones_like(real[:, 0]), torch.zeros_like(fake[:, 0])))
        loss = GAMES[self.objective].discriminator(logits, targets)
        if self.penalty is None:
            return {"loss": loss}
        penalty = PENALTIES[self.penalty](lambda x: self.discriminator(x, context), real, fake)
        return {"loss": loss + self.penalty_weight * penalty, "penalty": penalty}

    def _generator_loss(self, real: Tensor, context: Tensor | None) -> dict[str, Tensor]:
        logits = self.discriminator(self._fake(len(real), context), context)
        return {"loss": GAMES[self.objective].generator(logits)}

    def _fake(self, rows: int, context: Tensor | None) -> Tensor:
        made: Tensor = self.generator(self._noise(rows), context)
        return made

    def _rows(self, noise: Tensor, context: Tensor | None) -> Tensor:
        """In the units of the data, and of their shape."""
        standard = self.generator(noise, context)
        return self.units.restore(standard).reshape(len(noise), *self.require_built())

    def _noise(self, rows: int) -> Tensor:
        return torch.randn(rows, self.noise_columns, device=next(self.generator.parameters()).device)

    def _standard_context(self, context: Tensor | None) -> Tensor | None:
        return None if context is None else self.context_units.remove(context)

    @torch.no_grad()
    def _report(self, rows: Tensor, context: Tensor | None) -> dict[str, float]:
        picked = torch.randperm(len(rows))[:COMPARED]
        reached = {}
        if len(picked) > 1:
            fake = self._fake(len(picked), None if context is None else context[picked])
            reached["coverage"] = coverage(rows[picked], fake)
        return {**reached, **({} if self._metrics is None else self._metrics(self))}


def _warn_if_collapsed(epochs: tuple[FitEpoch, ...]) -> None:
    reached = epochs[-1].train.get("coverage", 1.0) if epochs else 1.0
    if reached < COLLAPSED:
        warnings.warn(
            f"the samples reach {reached:.0%} of the data only: the generator has collapsed onto a part of it, or has "
            "not learned yet. More updates, a penalty on the discriminator's gradient, or a smaller step size may help",
            stacklevel=5,  # whoever called `fit`
        )
