"""Score-based generative models: the gradient of the log-density of noisy rows, learned and followed back to rows."""

from __future__ import annotations

import math
from math import prod
from typing import Literal

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation, Units
from genrl.score.drawing import draw
from genrl.score.guidance import Guide, classifier_free, guided, held
from genrl.score.langevin import Score
from genrl.score.network import Denoiser, Perceptron, target
from genrl.score.noise import VarianceExploding, VariancePreserving, level_range
from genrl.score.probability_flow import estimated_flow_log_det, flow_log_det
from genrl.score.sampling import SAMPLERS, SamplerName, drown, drowned_log_prob, sample_by_langevin
from genrl.score.stable_target import expected_rows
from genrl.score.temporal_unet import TemporalUNet
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["ScoreModel"]


class ScoreModel(GenerativeModel):
    """grad log p of rows plus noise, learned by denoising at many noise levels (Vincent 2011; Song & Ermon 2019).

    A network learns to take the noise out of noisy rows, which tells their score by Tweedie's formula; samplers follow
    the score from noise to rows. Columns and context are standardised by numbers measured when the fit begins, and
    noise levels are in deviations of each column; rows of any shape are flattened on the way. What is learned, sampled
    and scored is the data with noise of the lowest level.

    `log_prob` follows the probability flow with the exact trace of its Jacobian: exact for what the "heun" sampler
    draws, but for the steps of both solvers. It takes a backward pass for each column.

    Args:
        noise: the process that turns data into noise: a frozen `VarianceExploding` or `VariancePreserving`.
        sampler: "heun", which solves the probability flow and needs few evaluations; or, with noise all the way,
            "euler_maruyama", "predictor_corrector" or "annealed_langevin", which need hundreds.
        evaluations: of the network, that a sample or a density costs; can be changed at any time, as the two above.
        guidance: weight of the context in samples and densities; 1 takes it as it is, more exaggerates it, at twice
            the cost (Ho & Salimans 2021). Needs `context_dropout`.
        context_dropout: share of rows that are learned from without their context.
        hidden: widths of the network, a multilayer perceptron.
        activation: between its layers.
        network: another network in its place, for rows (time, columns).
        fitting: settings of the fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.score import ScoreModel
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.cat([torch.randn(500, 1) - 8.0, torch.randn(500, 1) + 8.0])
    >>> model = ScoreModel(hidden=(32, 32), fitting=GradientFitting(updates=200, learning_rate=1e-2)).fit(x)
    >>> samples = model.sample(1000)
    >>> bool((samples > 5).float().mean() > 0.4), bool((samples < -5).float().mean() > 0.4)
    (True, True)
    >>> bool(model.score_function(torch.tensor([[10.0]]), torch.tensor(0.1)) < 0)  # back to the mode at 8
    True
    """

    architecture = "any network of the rows' size; many evaluations for each answer"

    log_prob_kind: Literal["exact"] = "exact"

    def __init__(
        self,
        *,
        noise: VarianceExploding | VariancePreserving = VarianceExploding(),
        sampler: SamplerName = "heun",
        evaluations: int = 64,
        guidance: float = 1.0,
        context_dropout: float = 0.1,
        hidden: tuple[int, ...] = (128, 128, 128),
        activation: Activation = "silu",
        network: TemporalUNet | None = None,
        fitting: GradientFitting = GradientFitting(updates=5000, average=0.999),
    ) -> None:
        super().__init__()
        at_least(1, evaluations=evaluations, hidden=hidden)
        if not hidden:
            raise InputError("hidden must name at least one width")
        if sampler not in SAMPLERS:
            raise InputError(f"there is no sampler {sampler!r}: give one of {', '.join(SAMPLERS)}")
        if not 0 <= context_dropout < 1:
            raise InputError(f"context_dropout must be within 0 .. 1, not {context_dropout}")
        if not math.isfinite(guidance):
            raise InputError(f"guidance must be finite, not {guidance}")
        if guidance != 1.0 and not context_dropout:
            raise InputError("guidance other than 1 needs rows learned without context: give context_dropout above 0")
        least, most = level_range(noise, torch.zeros(()))
        if least == most and sampler != "annealed_langevin":
            raise InputError("one noise level can be sampled by Langevin dynamics only: sampler='annealed_langevin'")
        self.noise = noise
        self.sampler = sampler
        self.evaluations = evaluations
        self.guidance = guidance
        self.context_dropout = context_dropout
        self.hidden = tuple(hidden)
        self.activation: Activation = activation
        self.network = network
        self.fitting = fitting

    def score_function(self, x: Tensor, noise_level: Tensor | float, context: Tensor | None = None) -> Tensor:
        """grad_x log p(x), of rows with noise of this level added to them, and in the units of the rows.

        Args:
            x: (rows, ...).
            noise_level: in deviations of each column; one for all, or (rows,).
            context: (rows, columns) or labels, if the model is conditional.

        Returns:
            The shape of x.

        Raises:
            InputError: wrong shapes.
        """
        given = self._standard_context(self.check_rows(x, context))
        level = self._levels(noise_level, len(x))
        found = self.standard_score(given)(self._standard(x), level)
        return (found / self.units.deviation).reshape(x.shape)

    def denoising_errors(self, x: Tensor, context: Tensor | None, noise_level: Tensor | float) -> Tensor:
        """(rows,) squared errors of denoising with fresh noise, weighted so that every level counts alike.

        The mean over columns in the units of `target`, where to know nothing but mean and variance costs 1 or less.

        Args:
            x: (rows, ...).
            context: (rows, columns) or labels, if the model is conditional.
            noise_level: in deviations of each column; one for all, or (rows,).

        Raises:
            InputError: wrong shapes.
        """
        given = self._standard_context(self.check_rows(x, context))
        rows, level = self._standard(x), self._levels(noise_level, len(x))
        return self._errors(rows, rows + level * torch.randn_like(rows), given, level, None)

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean error at random times of the process, some rows without their context.

        Below the mean of `denoising_errors` by what no network could know: see `expected_rows`.
        """
        given = self._standard_context(self.check_rows(x, context))
        rows = self._standard(x)
        # One time from each of as many equal parts of the way as there are rows: less noise than independent times.
        parts = (torch.arange(len(rows)).to(rows) + torch.rand(len(rows)).to(rows)) / len(rows)
        time = self.noise.earliest + (1 - self.noise.earliest) * parts[torch.randperm(len(rows))]
        known = None if given is None else (torch.rand(len(rows), 1) >= self.context_dropout).to(rows)
        level = self.noise.noise_level(time)[:, None]
        noisy = rows + level * torch.randn_like(rows)
        clean = expected_rows(rows, noisy, level, given, known)
        return {"loss": self._errors(clean, noisy, given, level, known).mean()}

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x), or log p(x given context), in nats.

        Raises:
            InputError: wrong shapes, or the model has one noise level only.
        """
        least, most = self._flow_range()
        score = self.standard_score(self._standard_context(self.check_rows(x, context)))
        z, log_det = flow_log_det(score, self._standard(x), least, most, max(self.evaluations // 4, 1))
        return drowned_log_prob(self.noise, z) + log_det - self.units.deviation.log().sum()

    def estimate_log_prob(self, x: Tensor, context: Tensor | None = None, *, probes: int = 1) -> Tensor:
        """(rows,) unbiased random estimates of `log_prob`, which cost the same for any number of columns.

        Args:
            x: (rows, ...).
            context: (rows, columns) or labels, if the model is conditional.
            probes: directions along which each row's divergence is measured.

        Raises:
            InputError: wrong shapes, no probes, or the model has one noise level only.
        """
        at_least(1, probes=probes)
        least, most = self._flow_range()
        score = self.standard_score(self._standard_context(self.check_rows(x, context)))
        steps = max(self.evaluations // 4, 1)
        z, log_det = estimated_flow_log_det(score, self._standard(x), least, most, steps, probes=probes)
        return drowned_log_prob(self.noise, z) + log_det - self.units.deviation.log().sum()

    def sample(
        self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None, *, guide: Guide | None = None
    ) -> Tensor:
        """Draws of shape `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context.

        Args:
            sample_shape: of the draws.
            context: (rows, columns) or labels, if the model is conditional.
            guide: maps rows to (rows,) logarithms of a factor by which their density is multiplied, differentiable.
                Exact for "annealed_langevin" with many evaluations, approximate for the other samplers.
        """
        event_shape = self.require_built()
        given = self._standard_context(self.encode_context(context))

        def way(x: Tensor, known: Tensor | None) -> Tensor:
            return SAMPLERS[self.sampler](self.standard_score(known, guide), self.noise, x, self.evaluations)

        return draw(way, self.noise, self.units, sample_shape, event_shape, given)

    def complete(self, x: Tensor, known: Tensor, context: Tensor | None = None, *, evaluations: int = 1000) -> Tensor:
        """Draws of what is missing in rows, given what is known of them, by annealed Langevin dynamics.

        Args:
            x: (rows, ...); what stands in the places that are not known does not matter.
            known: True where a number is known, of the shape of a row or of x.
            context: (rows, columns) or labels, if the model is conditional.
            evaluations: of the network.

        Returns:
            (rows, ...), the known numbers exactly as they are.

        Raises:
            InputError: wrong shapes.
        """
        score = self.standard_score(self._standard_context(self.check_rows(x, context)))
        at_least(1, evaluations=evaluations)
        if known.dtype != torch.bool or tuple(known.shape) not in (tuple(x.shape), self.require_built()):
            raise InputError(f"known must hold True and False in the shape of x or of a row, not {tuple(known.shape)}")
        known = known.expand(x.shape)
        rows = self._standard(torch.where(known, x, 0.0))
        keep = held(rows, known.flatten(1))
        with torch.no_grad():
            drawn = sample_by_langevin(score, self.noise, drown(self.noise, rows), evaluations, keep)
        return torch.where(known, x, self._in_units(drawn).reshape(x.shape).to(x))

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        least, most = level_range(self.noise, torch.zeros(()))
        self.units = Units((prod(event_shape),))
        self.context_units = Units((context_features,)) if context_features else None
        perceptron = Perceptron(hidden=self.hidden, activation=self.activation)
        self.denoiser = Denoiser(
            event_shape, context_features, architecture=self.network or perceptron, least=least, most=most
        )

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self.units.measure(x.flatten(1))
        if self.context_units is not None and context is not None:
            self.context_units.measure(context)
        fit_by_gradient(self, x, context, self.fitting, progress)

    def standard_score(self, context: Tensor | None, guide: Guide | None = None) -> Score:
        """The score as samplers take it, with guidance: of rows and levels in standard units, (rows, features).

        Args:
            context: (rows, columns) in standard units, or None.
            guide: as in `sample`.
        """
        # Tweedie's formula: (denoised - noisy) / level^2.

        def of(given: Tensor | None) -> Score:
            return lambda x, level: (self.denoiser(x, level, given) - x) / level.square()

        score = of(context)
        if context is not None and self.guidance != 1.0:
            score = classifier_free(score, of(None), self.guidance)
        if guide is None:
            return score
        return guided(score, lambda x: guide(self._in_units(x).reshape(-1, *self.require_built())))

    def _errors(
        self, clean: Tensor, noisy: Tensor, context: Tensor | None, level: Tensor, known: Tensor | None
    ) -> Tensor:
        found = self.denoiser.residual(noisy, level, context, known)
        return (found - target(clean, noisy, level)).square().mean(1)

    def _flow_range(self) -> tuple[Tensor, Tensor]:
        self.require_built()
        least, most = level_range(self.noise, self.units.mean)
        if least == most:
            raise InputError("one noise level has no way from noise to rows, and no density: give noise two levels")
        return least, most

    def _levels(self, noise_level: Tensor | float, rows: int) -> Tensor:
        level = torch.as_tensor(noise_level, dtype=self.units.mean.dtype, device=self.units.mean.device)
        if tuple(level.shape) not in ((), (rows,)) or not bool((level > 0).all()):
            raise InputError(f"noise_level must be above 0, one or ({rows},), not {noise_level}")
        return level[:, None] if level.ndim else level

    def _standard(self, x: Tensor) -> Tensor:
        return self.units.remove(x.flatten(1))

    def _in_units(self, rows: Tensor) -> Tensor:
        return self.units.restore(rows)

    def _standard_context(self, context: Tensor | None) -> Tensor | None:
        if context is None or self.context_units is None:
            return None
        return self.context_units.remove(context)
