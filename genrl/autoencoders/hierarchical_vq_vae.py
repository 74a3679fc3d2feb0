"""Vector-quantised autoencoders with two levels of codes."""

from __future__ import annotations

from copy import deepcopy
from math import prod
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.autoencoders.autoregressive_codes import AutoregressiveCodes
from genrl.autoencoders.code_prior import CodePrior, check_prior, check_within
from genrl.autoencoders.codebook_report import CodebookReport, codebook_report, warn_of_collapse
from genrl.autoencoders.networks import REACH, repeated, standardised
from genrl.autoencoders.residual_noise import ResidualNoise
from genrl.autoencoders.two_levels import TwoLevels
from genrl.autoencoders.vector_quantizer import VectorQuantizer, check_codebook
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation, Units
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient
from genrl.training.stages import Stages

__all__ = ["HierarchicalVQVAE", "TwoLevelCodes"]

BLOCK = 4096  # rows encoded at once


class TwoLevelCodes(NamedTuple):
    """Codes of rows, int64.

    Attributes:
        top: (rows, *top_grid), of what is coarse.
        bottom: (rows, *bottom_grid), of what is fine.
    """

    top: Tensor
    bottom: Tensor


class HierarchicalVQVAE(GenerativeModel):
    """An autoencoder with a coarse and a fine grid of codes (Razavi et al. 2019, VQ-VAE-2).

    The bottom level is encoded given the top one, and both are decoded together (algorithm 1). Afterwards two priors
    are fitted, of the top codes, and of the bottom codes given the top ones (algorithm 2). Departures from the paper:
    those of `VQVAE`, and what the top level says is brought to the bottom's grid by one network, not by two.

    A prior meets codes as with `VQVAE`. The context of the bottom's prior is the vectors of the top codes, position
    after position, (rows, positions * code_width), and then the context of the fit.

    Args:
        codebook_size: vectors of each of the two codebooks.
        code_width: numbers of each vector.
        positions: (top, bottom) of a row that is no image; None takes one for four columns, on top half as many.
        hidden: widths from a row to the bottom level; of images channels, each of which halves the grid.
        top_hidden: and from there to the top.
        activation: between the layers.
        commitment: weight of the encoders' distance from their codebooks.
        decay: of the codebooks' running means, a batch.
        restart_below: a code is put elsewhere when it gets less than so much of its due; 0 never.
        top_prior, bottom_prior: as with `VQVAE`, two models.
        fitting: how `fit` trains the autoencoder.

    Raises:
        InputError: a hyperparameter is out of its range, or a prior cannot be sampled.

    >>> import torch
    >>> from genrl.autoencoders import HierarchicalVQVAE
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.rand(200, 1, 8, 8)
    >>> model = HierarchicalVQVAE(8, hidden=(8,), top_hidden=(8,), fitting=GradientFitting(updates=4)).fit(x)
    >>> [tuple(codes.shape) for codes in model.codes(x)]
    [(200, 2, 2), (200, 4, 4)]
    >>> model.sample(3).shape
    torch.Size([3, 1, 8, 8])
    """

    architecture = "encoders and decoders around two codebooks; second models of the codes"
    log_prob_kind: Literal["lower_bound"] = "lower_bound"

    def __init__(
        self,
        codebook_size: int = 256,
        *,
        code_width: int = 8,
        positions: tuple[int, int] | None = None,
        hidden: tuple[int, ...] = (64,),
        top_hidden: tuple[int, ...] = (64,),
        activation: Activation = "relu",
        commitment: float = 0.25,
        decay: float = 0.9,
        restart_below: float = 0.05,
        top_prior: GenerativeModel | None = None,
        bottom_prior: GenerativeModel | None = None,
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__()
        at_least(1, codebook_size=codebook_size, code_width=code_width, positions=positions)
        at_least(1, hidden=hidden, top_hidden=top_hidden)
        check_codebook(commitment=commitment, decay=decay, restart_below=restart_below)
        check_prior(top_prior=top_prior, bottom_prior=bottom_prior)
        if top_prior is not None and top_prior is bottom_prior:
            raise InputError("bottom_prior must be another model than top_prior: each is fitted to codes of its own")
        self.codebook_size = codebook_size
        self.code_width = code_width
        self.positions = None if positions is None else (positions[0], positions[1])
        self.hidden, self.top_hidden = tuple(hidden), tuple(top_hidden)
        self.activation: Activation = activation
        self.commitment = commitment
        self.decay = decay
        self.restart_below = restart_below
        self.top_prior, self.bottom_prior = top_prior, bottom_prior
        self.fitting = fitting

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x given its codes) + log p(its codes), one term of the sum over codes that p(x) is, in nats.

        Raises:
            InputError: wrong shapes, or a prior does not know the probability of a code.
        """
        given = self.check_rows(x, context)
        codes = self._codes(x, given)
        unexplained = x.to(self.units.mean) - self._decoded(codes, given)
        bottom = self.bottom_codes_prior.log_prob(codes.bottom, self._above(codes.top, given))
        return self.noise.log_prob(unexplained) + self.top_codes_prior.log_prob(codes.top, given) + bottom

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws from the priors, decoded, with noise: `sample_shape + event_shape`, with a context as for `VAE`.

        `decode_codes(sample_codes(...))` leaves the noise out.
        """
        event_shape = self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = self.encode_context(context)
        with torch.no_grad():
            rows = self._decoded(self._drawn(prod(shape), given), repeated(given, prod(shape)))
            rows = rows + self.noise.sample_like(rows)
        return rows.reshape(*shape, *(() if given is None else (len(given),)), *event_shape)

    def sample_codes(self, count: int = 1, context: Tensor | None = None) -> TwoLevelCodes:
        """So many draws from the priors, or so many for each row of the context, flat."""
        self.require_built()
        with torch.no_grad():
            return self._drawn(count, self.encode_context(context))

    def codes(self, x: Tensor, context: Tensor | None = None) -> TwoLevelCodes:
        """The codes of rows.

        Raises:
            InputError: wrong shapes.
        """
        return self._codes(x, self.check_rows(x, context))

    def decode_codes(self, codes: tuple[Tensor, Tensor], context: Tensor | None = None) -> Tensor:
        """(rows, *event_shape) what codes (top, bottom), of the shapes that `codes` gives, stand for.

        Raises:
            InputError: they have other shapes, or are not within the codebooks.
        """
        self.require_built()
        top, bottom = codes
        check_within(top, self.networks.top_grid, self.codebook_size, "the top codes")
        check_within(bottom, self.networks.bottom_grid, self.codebook_size, "the bottom codes")
        if len(top) != len(bottom):
            raise InputError(f"{len(top)} rows of top codes, {len(bottom)} of bottom codes: they must belong together")
        return self._decoded(TwoLevelCodes(top.long(), bottom.long()), self.encode_context(context, len(top)))

    def encode(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, columns) the vectors that stand for rows: those of the top level, then those of the bottom."""
        codes = self.codes(x, context)
        vectors = self.top_quantizer.look_up(codes.top), self.bottom_quantizer.look_up(codes.bottom)
        return torch.cat([level.flatten(1) for level in vectors], 1)

    def decode(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, *event_shape) what vectors stand for, which need not be those of the codebooks.

        Raises:
            InputError: z has not the shape that `encode` gives, or the context is wrong.
        """
        self.require_built()
        nets = self.networks
        if z.ndim != 2 or z.shape[1] != nets.columns:
            raise InputError(f"z must have the shape (rows, {nets.columns}), not {tuple(z.shape)}")
        top, bottom = z.to(self.units.mean).split([nets.top_columns, nets.columns - nets.top_columns], 1)
        return self._restored(
            top.reshape(len(z), *nets.top_grid, self.code_width),
            bottom.reshape(len(z), *nets.bottom_grid, self.code_width),
            self.encode_context(context, len(z)),
        )

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The squared error as a fraction of the variance, and the weighted commitments; in training mode it moves
        the codebooks.
        """
        given = standardised(self.check_rows(x, context), self.context_units)
        rows = self.units.remove(x)
        features = self.networks.features(rows.clamp(-REACH, REACH), given)
        top = self.top_quantizer(self.networks.top_vectors(features))
        spread = self.networks.spread(top.vectors)
        bottom = self.bottom_quantizer(self.networks.bottom_vectors(features, spread))
        error = (rows - self.networks.restore(bottom.vectors, spread, given)).square().mean()
        return {
            "loss": error + self.commitment * (top.commitment + bottom.commitment),
            "reconstruction": error,
            "top_perplexity": self.top_quantizer.perplexity,
            "top_used_codes": self.top_quantizer.used,
            "bottom_perplexity": self.bottom_quantizer.perplexity,
            "bottom_used_codes": self.bottom_quantizer.used,
        }

    def codebook_reports(self, x: Tensor, context: Tensor | None = None) -> tuple[CodebookReport, CodebookReport]:
        """How much of the top and of the bottom codebook these rows use."""
        with torch.no_grad():
            top, bottom = self.codes(x, context)
        return codebook_report(top, self.codebook_size), codebook_report(bottom, self.codebook_size)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        self.units = Units(event_shape)
        self.context_units = Units((context_features,)) if context_features else None
        self.networks = TwoLevels(
            event_shape,
            context_features,
            width=self.code_width,
            positions=self.positions,
            hidden=self.hidden,
            top_hidden=self.top_hidden,
            activation=self.activation,
        )
        self.top_quantizer, self.bottom_quantizer = (
            VectorQuantizer(self.codebook_size, self.code_width, decay=self.decay, restart_below=self.restart_below)
            for _ in range(2)
        )
        self.noise = ResidualNoise(event_shape)
        own = AutoregressiveCodes(self.codebook_size, fitting=self.fitting)
        self.own_top_prior = deepcopy(own) if self.top_prior is None else None
        self.own_bottom_prior = own if self.bottom_prior is None else None
        top, bottom = self.top_prior or self.own_top_prior, self.bottom_prior or self.own_bottom_prior
        assert top is not None
        assert bottom is not None
        self.top_codes_prior = CodePrior(top, self.networks.top_grid, self.codebook_size)
        self.bottom_codes_prior = CodePrior(bottom, self.networks.bottom_grid, self.codebook_size)
        self.top_codes_prior.build(context_features)
        self.bottom_codes_prior.build(self.networks.top_columns + context_features)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self.units.measure_together(x)
        if self.context_units is not None and context is not None:
            self.context_units.measure(context)
        stages = Stages(progress)
        fit_by_gradient(self, x, context, self.fitting, stages)
        codes, residuals = self._described(x, context)
        self.noise.measure(residuals, self.units.deviation)
        for level in codes:
            warn_of_collapse(codebook_report(level, self.codebook_size))
        self.top_codes_prior.fit(codes.top, context, stages)
        self.bottom_codes_prior.fit(codes.bottom, self._above(codes.top, context), stages)

    @torch.no_grad()
    def _described(self, x: Tensor, context: Tensor | None) -> tuple[TwoLevelCodes, Tensor]:
        """The codes of many rows, and what they leave unexplained."""
        tops, bottoms, residuals = [], [], []
        contexts = [None] * -(-len(x) // BLOCK) if context is None else context.split(BLOCK)
        for rows, given in zip(x.split(BLOCK), contexts, strict=True):
            codes = self._codes(rows, given)
            tops.append(codes.top)
            bottoms.append(codes.bottom)
            residuals.append(rows - self._decoded(codes, given))
        return TwoLevelCodes(torch.cat(tops), torch.cat(bottoms)), torch.cat(residuals)

    def _above(self, top: Tensor, context: Tensor | None) -> Tensor:
        """(rows, columns) what the bottom's prior is given."""
        vectors = self.top_quantizer.look_up(top).flatten(1)
        return vectors if context is None else torch.cat([vectors, context.to(vectors)], 1)

    def _drawn(self, count: int, context: Tensor | None) -> TwoLevelCodes:
        """So many draws, or so many for each row of the context, flat."""
        nets = self.networks
        top = self.top_codes_prior.sample((count,), context).reshape(-1, *nets.top_grid)
        if not len(top):
            return TwoLevelCodes(top, top.new_zeros(0, *nets.bottom_grid))
        above = self._above(top, repeated(context, count))
        return TwoLevelCodes(top, self.bottom_codes_prior.sample((), above))

    def _codes(self, x: Tensor, context: Tensor | None) -> TwoLevelCodes:
        seen = self.units.remove(x).clamp(-REACH, REACH)
        features = self.networks.features(seen, standardised(context, self.context_units))
        top = self.top_quantizer.codes(self.networks.top_vectors(features))
        spread = self.networks.spread(self.top_quantizer.look_up(top))
        return TwoLevelCodes(top, self.bottom_quantizer.codes(self.networks.bottom_vectors(features, spread)))

    def _decoded(self, codes: TwoLevelCodes, context: Tensor | None) -> Tensor:
        top, bottom = self.top_quantizer.look_up(codes.top), self.bottom_quantizer.look_up(codes.bottom)
        return self._restored(top, bottom, context)

    def _restored(self, top: Tensor, bottom: Tensor, context: Tensor | None) -> Tensor:
        given = standardised(context, self.context_units)
        return self.units.restore(self.networks.restore(bottom, self.networks.spread(top), given))
