"""Vector-quantised autoencoders."""

from __future__ import annotations

from math import prod
from typing import Literal

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.autoencoders.autoregressive_codes import AutoregressiveCodes
from genrl.autoencoders.code_prior import CodePrior, check_prior, check_within
from genrl.autoencoders.codebook_report import CodebookReport, codebook_report, warn_of_collapse
from genrl.autoencoders.grids import GridDecoder, GridEncoder, grid_of
from genrl.autoencoders.networks import REACH, repeated, standardised
from genrl.autoencoders.residual_noise import ResidualNoise
from genrl.autoencoders.vector_quantizer import VectorQuantizer, check_codebook
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation, Units
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient
from genrl.training.stages import Stages

__all__ = ["VQVAE"]

BLOCK = 4096  # rows encoded at once


class VQVAE(GenerativeModel):
    """An autoencoder whose code is a few integers (van den Oord et al. 2017), and a prior of them.

    The encoder gives a vector at each position of a grid, which is replaced by the nearest of a codebook; the decoder
    restores the row. Once they are trained (equation 3, the codebook by running means) the prior is fitted to the
    codes. Images, (C, H, W), have a grid of (height, width), halved by each layer; other rows have `positions`.
    Departures from the paper: codes out of use are restarted, and what the decoder leaves unexplained counts as
    Gaussian noise.

    `prior` meets the codes as floats 0 .. `codebook_size` - 1, in rows of shape (1, height, width) if it takes images,
    else (positions,), with the context of the fit; what it samples is rounded and clamped.

    Args:
        codebook_size: vectors that all positions choose from.
        code_width: numbers of each.
        positions: of a row that is no image; None takes one for four columns.
        hidden: widths of the encoder, on images their channels; the decoder mirrors them.
        activation: between the layers.
        commitment: weight of the encoder's distance from the codebook, the paper's beta.
        decay: of the codebook's running means, a batch.
        restart_below: a code is put elsewhere when it gets less than so much of its due; 0 never.
        prior: of the codes, any model that can be sampled; None takes a masked network, fitted as `fitting` says.
        fitting: how `fit` trains the autoencoder.

    Raises:
        InputError: a hyperparameter is out of its range, or `prior` cannot be sampled.

    >>> import torch
    >>> from genrl.autoencoders import VQVAE
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(1000, 1).repeat(1, 3)
    >>> quick = GradientFitting(updates=200, learning_rate=0.01)
    >>> model = VQVAE(16, code_width=2, positions=2, hidden=(16,), fitting=quick).fit(x)
    >>> model.codes(x).shape
    torch.Size([1000, 2])
    >>> bool((model.decode_codes(model.codes(x)) - x).square().mean() < 0.05)
    True
    """

    architecture = "any encoder and decoder around a codebook; a second model of the codes"
    log_prob_kind: Literal["lower_bound"] = "lower_bound"

    def __init__(
        self,
        codebook_size: int = 256,
        *,
        code_width: int = 8,
        positions: int | None = None,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "relu",
        commitment: float = 0.25,
        decay: float = 0.9,
        restart_below: float = 0.05,
        prior: GenerativeModel | None = None,
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__()
        at_least(
            1,
            codebook_size=codebook_size,
            code_width=code_width,
            positions=positions,
            hidden=hidden,
        )
        check_codebook(commitment=commitment, decay=decay, restart_below=restart_below)
        check_prior(prior=prior)
        self.codebook_size = codebook_size
        self.code_width = code_width
        self.positions = positions
        self.hidden = tuple(hidden)
        self.activation: Activation = activation
        self.commitment = commitment
        self.decay = decay
        self.restart_below = restart_below
        self.prior = prior
        self.fitting = fitting

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x given its codes) + log p(its codes), one term of the sum over codes that p(x) is, in nats.

        Raises:
            InputError: wrong shapes, or `prior` does not know the probability of a code.
        """
        given = self.check_rows(x, context)
        codes = self._codes(x, given)
        unexplained = x.to(self.units.mean) - self._decoded(codes, given)
        return self.noise.log_prob(unexplained) + self.codes_prior.log_prob(codes, given)

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws from the prior, decoded, with noise: `sample_shape + event_shape`, with a context as for `VAE`.

        `decode_codes(sample_codes(...))` leaves the noise out.
        """
        event_shape = self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = self.encode_context(context)
        with torch.no_grad():
            codes = self.codes_prior.sample(shape, given)
            rows = self._decoded(codes.reshape(-1, *self.grid), repeated(given, prod(shape)))
            return (rows + self.noise.sample_like(rows)).reshape(*codes.shape[: -len(self.grid)], *event_shape)

    def mode(self, context: Tensor | None = None) -> Tensor:
        """What the likeliest codes stand for, without noise: one row, or one for each row of the context.

        Of two ways that codes tell apart it takes the likelier, and nothing between them.

        Raises:
            InputError: the context is wrong, or `prior` has no mode.
        """
        event_shape, given = self.require_built(), self.encode_context(context)
        with torch.no_grad():
            codes = self.codes_prior.mode(given)
            rows = self._decoded(codes.reshape(-1, *self.grid), given)
        return rows.reshape(*codes.shape[: -len(self.grid)], *event_shape)

    def sample_codes(self, count: int = 1, context: Tensor | None = None) -> Tensor:
        """(count, *grid) draws from the prior, int64; with a context so many for each row of it, flat."""
        self.require_built()
        with torch.no_grad():
            return self.codes_prior.sample((count,), self.encode_context(context)).reshape(-1, *self.grid)

    def codes(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, height, width) of images, (rows, positions) of other rows: int64.

        Raises:
            InputError: wrong shapes.
        """
        return self._codes(x, self.check_rows(x, context))

    def decode_codes(self, codes: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, *event_shape) what integer codes of the shape that `codes` gives stand for.

        Raises:
            InputError: they have another shape, or are not within the codebook.
        """
        self.require_built()
        check_within(codes, self.grid, self.codebook_size)
        return self._decoded(codes.long(), self.encode_context(context, len(codes)))

    def encode(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, positions * code_width) the vectors of the codebook that stand for rows."""
        return self.quantizer.look_up(self.codes(x, context)).flatten(1)

    def decode(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, *event_shape) what vectors stand for, which need not be those of the codebook.

        Raises:
            InputError: z is not (rows, positions * code_width), or the context is wrong.
        """
        self.require_built()
        columns = prod(self.grid) * self.code_width
        if z.ndim != 2 or z.shape[1] != columns:
            raise InputError(f"z must have the shape (rows, {columns}), not {tuple(z.shape)}")
        vectors = z.to(self.units.mean).reshape(len(z), *self.grid, self.code_width)
        return self._restored(vectors, self.encode_context(context, len(z)))

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The squared error as a fraction of the variance, and the weighted commitment; in training mode it moves
        the codebook.
        """
        given = standardised(self.check_rows(x, context), self.context_units)
        rows = self.units.remove(x)
        found = self.quantizer(self.encoder(rows.clamp(-REACH, REACH), given))
        error = (rows - self.decoder(found.vectors, given)).square().mean()
        return {
            "loss": error + self.commitment * found.commitment,
            "reconstruction": error,
            "perplexity": self.quantizer.perplexity,
            "used_codes": self.quantizer.used,
        }

    def codebook_report(self, x: Tensor, context: Tensor | None = None) -> CodebookReport:
        """How much of the codebook these rows use; its `words` say whether it has collapsed."""
        with torch.no_grad():
            return codebook_report(self.codes(x, context), self.codebook_size)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        self.grid = grid_of(event_shape, self.hidden, self.positions)
        self.units = Units(event_shape)
        self.context_units = Units((context_features,)) if context_features else None
        width, hidden, activation = self.code_width, self.hidden, self.activation
        self.encoder = GridEncoder(event_shape, context_features, self.grid, width, hidden, activation)
        self.decoder = GridDecoder(self.grid, width, event_shape, context_features, hidden, activation)
        self.quantizer = VectorQuantizer(self.codebook_size, width, decay=self.decay, restart_below=self.restart_below)
        self.noise = ResidualNoise(event_shape)
        # Made here, to be fitted as `fitting` says by now.
        own = AutoregressiveCodes(self.codebook_size, fitting=self.fitting)
        self.own_prior = own if self.prior is None else None
        model = self.own_prior if self.prior is None else self.prior
        assert model is not None
        self.codes_prior = CodePrior(model, self.grid, self.codebook_size)
        self.codes_prior.build(context_features)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self.units.measure_together(x)
        if self.context_units is not None and context is not None:
            self.context_units.measure(context)
        stages = Stages(progress)
        fit_by_gradient(self, x, context, self.fitting, stages)
        codes, residuals = self._described(x, context)
        self.noise.measure(residuals, self.units.deviation)
        warn_of_collapse(codebook_report(codes, self.codebook_size))
        self.codes_prior.fit(codes, context, stages)

    @torch.no_grad()
    def _described(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """The codes of many rows, and what they leave unexplained."""
        codes, residuals = [], []
        contexts = [None] * -(-len(x) // BLOCK) if context is None else context.split(BLOCK)
        for rows, given in zip(x.split(BLOCK), contexts, strict=True):
            codes.append(self._codes(rows, given))
            residuals.append(rows - self._decoded(codes[-1], given))
        return torch.cat(codes), torch.cat(residuals)

    def _codes(self, x: Tensor, context: Tensor | None) -> Tensor:
        seen = self.units.remove(x).clamp(-REACH, REACH)
        return self.quantizer.codes(self.encoder(seen, standardised(context, self.context_units)))

    def _decoded(self, codes: Tensor, context: Tensor | None) -> Tensor:
        return self._restored(self.quantizer.look_up(codes), context)

    def _restored(self, vectors: Tensor, context: Tensor | None) -> Tensor:
        return self.units.restore(self.decoder(vectors, standardised(context, self.context_units)))
