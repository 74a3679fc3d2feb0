"""Variational autoencoders."""

from __future__ import annotations

import math
from math import prod
from typing import Literal

import torch
from torch import Tensor

from genrl.argument_checks import at_least, one_of
from genrl.autoencoders.collapse import CollapseReport, collapse_report
from genrl.autoencoders.gaussians import log_standard_normal
from genrl.autoencoders.likelihoods import LikelihoodName, likelihood_kind
from genrl.autoencoders.networks import Decoder, Encoder, repeated, standardised
from genrl.autoencoders.posteriors import DiagonalPosterior, FlowPosterior, Posterior
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation, Units
from genrl.protocols import ReparameterisedSampler
from genrl.training.fit import FitEpoch
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient

__all__ = ["VAE"]

FLOW_FEATURES = 16  # numbers by which the encoder tells a flow posterior about x
LEAST_LOG_STD, GREATEST_LOG_STD = -7.0, 2.0  # of a code; the prior's is 0


class VAE(GenerativeModel):
    """p(x) as the integral of p(x given z) over a standard normal code z (Kingma & Welling 2014).

    An encoder gives q(z given x), a decoder p(x given z), and both are trained by the evidence lower bound. With a
    context, both see it. Rows of images, (C, H, W), get convolutional networks. Departures from the paper: real-valued
    rows are standardised inside, and a Gaussian decoder learns its variance.

    Args:
        latents: columns of the code.
        decoder: the distribution of x given z: "bernoulli" for numbers within 0 .. 1, "gaussian", or "categorical" for
            the integers 0 .. `levels` - 1.
        variance: of a Gaussian decoder: one number a "column", or computed from the "code".
        levels: of a categorical decoder.
        hidden: widths of the encoder, on images their channels; the decoder mirrors them.
        activation: between the layers.
        beta: weight of the divergence in the loss (Higgins et al. 2017).
        free_bits: nats of each unit's divergence that cost nothing (Kingma et al. 2016, equation 15); of a flow
            posterior, whose units are not known apart, of the whole code.
        warm_up: fraction of the fit during which the weight of the divergence rises from 0 (Bowman et al. 2016).
        samples: draws of the code in `log_prob`.
        draws: of the code in the loss, L of Kingma & Welling; they write that one is enough.
        posterior: a flow that bends the noise of the posterior (Rezende & Mohamed 2015); None leaves it Gaussian.
        fitting: how `fit` trains it.

    Raises:
        InputError: a hyperparameter is out of its range, or `posterior` is no flow.

    >>> import torch
    >>> from genrl.autoencoders import VAE
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> x = torch.randn(1000, 1, generator=torch.manual_seed(0)).repeat(1, 3) + 0.1 * torch.randn(1000, 3)
    >>> model = VAE(latents=2, hidden=(16,), fitting=GradientFitting(updates=200, learning_rate=0.01)).fit(x)
    >>> bool(model.log_prob(torch.ones(1, 3)) > model.log_prob(torch.tensor([[1.0, -1.0, 1.0]])))
    True
    >>> model.collapse_report(x).words
    '1 of 2 units are active (KL ... nats in all), 1 collapsed.'
    """

    architecture = "any encoder and decoder; a tractable density of the code"
    log_prob_kind: Literal["lower_bound"] = "lower_bound"

    def __init__(
        self,
        latents: int = 8,
        *,
        decoder: LikelihoodName = "gaussian",
        variance: Literal["column", "code"] = "column",
        levels: int = 256,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "relu",
        beta: float = 1.0,
        free_bits: float = 0.0,
        warm_up: float = 0.0,
        samples: int = 16,
        draws: int = 1,
        posterior: GenerativeModel | None = None,
        fitting: GradientFitting = GradientFitting(learning_rate=5e-3),
    ) -> None:
        super().__init__()
        at_least(1, latents=latents, hidden=hidden, samples=samples, draws=draws)
        at_least(2, levels=levels)
        at_least(0, beta=beta, free_bits=free_bits, warm_up=warm_up)
        one_of(("bernoulli", "gaussian", "categorical"), decoder=decoder)
        one_of(("column", "code"), variance=variance)
        if posterior is not None and not isinstance(posterior, ReparameterisedSampler):
            raise InputError(f"posterior must be a flow of genrl.flows, or None, not a {type(posterior).__name__}")
        self.latents = latents
        self.decoder: LikelihoodName = decoder
        self.variance: Literal["column", "code"] = variance
        self.levels = levels
        self.hidden = tuple(hidden)
        self.activation: Activation = activation
        self.beta = beta
        self.free_bits = free_bits
        self.warm_up = warm_up
        self.samples = samples
        self.draws = draws
        self.posterior = posterior
        self.fitting = fitting
        self._warmth = 1.0  # share of beta that counts while it is trained

    @property
    def takes_integers(self) -> bool:
        """Rows are integers, and their bounds those of a probability."""
        return self.decoder == "categorical"

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) the evidence lower bound, in nats (Kingma & Welling 2014, equation 7, with `samples` draws).

        The draws are the same each time, so that it is a function of the row; with a flow posterior also of its place
        in the batch. Mean over the draws it is at most log p(x).

        Raises:
            InputError: wrong shapes, or values that the decoder's distribution does not have.
        """
        x, given = self._checked(x, context)
        q = self._encoded(x, given)
        bounds = [self._bound(x, given, q, *drawn)[0] for drawn in q.fixed_draws(self.samples)]
        return torch.stack(bounds).mean(0)

    def importance_log_prob(self, x: Tensor, samples: int = 64, context: Tensor | None = None) -> Tensor:
        """(rows,) the importance-weighted bound (Burda et al. 2016, equation 8), in nats.

        Rises with the samples, in the mean over the draws, from the evidence lower bound to log p(x).

        Raises:
            InputError: wrong shapes or values, or no samples.
        """
        if samples < 1:
            raise InputError(f"samples must be 1 or more, not {samples}")
        x, given = self._checked(x, context)
        q = self._encoded(x, given)
        weights = []
        for _ in range(samples):
            z, log_q = q.draw()
            weights.append(self.likelihood(z, given).log_prob(x) + log_standard_normal(z) - log_q)
        return torch.stack(weights).logsumexp(0) - math.log(samples)

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The negative bound, mean of `draws`, with the divergence weighted by `beta`, `free_bits` and `warm_up`.

        While the model is evaluated its warm-up counts as done, so that losses before and after its end compare.
        """
        x, given = self._checked(x, context)
        q = self._encoded(x, given)
        drawn = [self._bound(x, given, q, *q.draw()) for _ in range(self.draws)]
        _, reconstruction, divergence = (torch.stack(parts).mean(0) for parts in zip(*drawn, strict=True))
        charged = divergence.mean(0).clamp(min=self.free_bits) if self.free_bits else divergence.mean(0)
        weight = self.beta * (self._warmth if self.training else 1.0)
        return {
            "loss": weight * charged.sum() - reconstruction.mean(),
            "reconstruction": reconstruction.mean(),
            "divergence": divergence.sum(1).mean(),
        }

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws from p(x): `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape` given a context."""
        event_shape = self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = standardised(self.encode_context(context), self.context_units)
        rows = () if given is None else (len(given),)
        units = self.encoder.units.mean
        with torch.no_grad():
            z = torch.randn(*shape, *rows, self.latents, dtype=units.dtype, device=units.device)
            found = self._drawn(z.reshape(-1, self.latents), repeated(given, prod(shape)))
        return found.reshape(*shape, *rows, *event_shape)

    def mode(self, context: Tensor | None = None) -> Tensor:
        """The mean of x where the code is 0, its likeliest: one x, or one for each row of the context."""
        given = self.encode_context(context)
        z = self.encoder.units.mean.new_zeros(1 if given is None else len(given), self.latents)
        return self.decode(z, given)[0] if given is None else self.decode(z, given)

    def posterior_predictive(
        self, x: Tensor, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None
    ) -> Tensor:
        """Rows like x: draws of p(x' given z) for draws of q(z given x), `sample_shape + x.shape`.

        Raises:
            InputError: wrong shapes or values.
        """
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        x, given = self._checked(x, context)
        with torch.no_grad():
            q = self._encoded(x, given)
            codes = [q.draw()[0] for _ in range(prod(shape))]
            z = torch.cat(codes) if codes else x.new_zeros(0, self.latents)
            return self._drawn(z, repeated(given, len(codes))).reshape(*shape, *x.shape)

    def encode(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, latents) the posterior mean of the code; with a flow posterior, that of a few draws."""
        return self._encoded(*self._checked(x, context)).moments()[0]

    def decode(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, ...) the mean of x given z.

        Raises:
            InputError: z is not (rows, latents), or the context is wrong.
        """
        self.require_built()
        if z.ndim != 2 or z.shape[1] != self.latents:
            raise InputError(f"z must have the shape (rows, {self.latents}), not {tuple(z.shape)}")
        given = standardised(self.encode_context(context, len(z)), self.context_units)
        return self.likelihood.mean(z.to(self.encoder.units.mean), given)

    def interpolate(self, a: Tensor, b: Tensor, steps: int = 8, context: Tensor | None = None) -> Tensor:
        """(steps, rows, ...) what is decoded along the straight line from the code of each row of a to that of b.

        Raises:
            InputError: wrong shapes, or fewer than two steps.
        """
        if steps < 2 or a.shape != b.shape:
            raise InputError(f"a and b must have the same shape, and steps be 2 or more, not {steps}")
        first, last = self.encode(a, context), self.encode(b, context)
        along = torch.linspace(0, 1, steps).to(first)
        return torch.stack([self.decode(first.lerp(last, step), context) for step in along])

    def collapse_report(self, x: Tensor, context: Tensor | None = None) -> CollapseReport:
        """How much each unit of the code tells about these rows; its `words` say whether latents have collapsed.

        Raises:
            InputError: wrong shapes or values, or fewer than two rows.
        """
        x, given = self._checked(x, context)
        if len(x) < 2:
            raise InputError("x must have two rows or more: whether a code differs between rows is the question")
        with torch.no_grad():
            return collapse_report(*self._encoded(x, given).moments())

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        outputs = 2 * self.latents
        if self.posterior is not None:
            self.posterior.build(self.latents, FLOW_FEATURES)
            outputs += FLOW_FEATURES
        self.encoder = Encoder(event_shape, context_features, outputs, self.hidden, self.activation)
        kind, outputs = likelihood_kind(self.decoder, self.variance, self.levels)
        shape = (self.latents, event_shape, context_features, outputs, self.hidden, self.activation)
        self.likelihood = kind(Decoder(*shape))
        self.context_units = Units((context_features,)) if context_features else None

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self.likelihood.check(x)
        # Values of one kind share a unit: a pixel that is hardly ever set would else be the loudest.
        units = self.encoder.units
        (units.measure if self.decoder == "gaussian" else units.measure_together)(x)
        self.likelihood.measure(x)
        if self.context_units is not None and context is not None:
            self.context_units.measure(context)
        self._warmth = 0.0 if self.warm_up else 1.0

        def warmer(epoch: FitEpoch) -> bool | None:
            if self.warm_up:
                self._warmth = min(1.0, epoch.number / (self.warm_up * epoch.planned))
            return None if progress is None else progress(epoch)

        try:
            fit_by_gradient(self, x, context, self.fitting, warmer)
        finally:
            self._warmth = 1.0

    def _checked(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Rows such as the model was made for, in its precision, and the context in its units."""
        given = standardised(self.check_rows(x, context), self.context_units)
        self.likelihood.check(x)
        return x.to(self.encoder.units.mean), given

    def _encoded(self, x: Tensor, context: Tensor | None) -> Posterior:
        numbers = self.encoder(x, context)
        mean, log_std = numbers[:, : 2 * self.latents].chunk(2, 1)
        log_std = log_std.clamp(LEAST_LOG_STD, GREATEST_LOG_STD)
        if self.posterior is None:
            return DiagonalPosterior(mean, log_std)
        assert isinstance(self.posterior, ReparameterisedSampler)
        return FlowPosterior(mean, log_std, self.posterior, numbers[:, 2 * self.latents :])

    def _bound(
        self, x: Tensor, context: Tensor | None, q: Posterior, z: Tensor, log_q: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The bound (rows,), and what it is made of: log p(x given z) (rows,) and the divergence (rows, groups)."""
        reconstruction = self.likelihood(z, context).log_prob(x)
        divergence = q.divergence(z, log_q)
        return reconstruction - divergence.sum(1), reconstruction, divergence

    def _drawn(self, z: Tensor, context: Tensor | None) -> Tensor:
        return self.likelihood(z, context).sample().to(self.encoder.units.mean)
