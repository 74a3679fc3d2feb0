"""Autoencoders: a code through which rows must pass."""

from __future__ import annotations

from math import prod
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.autoencoders.code_gaussian import CodeGaussian
from genrl.autoencoders.networks import Decoder, Encoder, repeated, standardised
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation, Units
from genrl.protocols import Sampler
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient
from genrl.training.stages import Stages

__all__ = ["Autoencoder"]

BLOCK = 4096  # rows encoded at once


class Autoencoder(GenerativeModel):
    """Learns a code of few numbers from which rows are restored with the least squared error.

    Without hidden layers encoder and decoder are linear, and the rows that codes stand for fill the plane of the first
    principal components (Baldi & Hornik 1989); with them the plane bends (Hinton & Salakhutdinov 2006). Rows that are
    images, (C, H, W), pass strided convolutions, and fractionally strided ones on their way back. Nothing here is a
    likelihood: to draw samples, codes are drawn from a density that is fitted to them, and decoded.

    Args:
        latents: columns of the code.
        hidden: widths of the encoder, on images their channels; the decoder mirrors them.
        activation: between the layers.
        code_density: fitted to the codes, to be sampled; None takes one Gaussian.
        fitting: how `fit` trains it.

    Raises:
        InputError: a hyperparameter is out of its range, or `code_density` cannot be sampled.

    >>> import torch
    >>> from genrl.autoencoders import Autoencoder
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> angle = 6.3 * torch.rand(500, 1)
    >>> x = torch.cat([angle.cos(), angle.sin(), 0 * angle], 1)
    >>> model = Autoencoder(latents=2, hidden=(), fitting=GradientFitting(updates=100, learning_rate=0.05)).fit(x)
    >>> model.encode(x).shape
    torch.Size([500, 2])
    >>> bool((model.decode(model.encode(x)) - x).abs().max() < 0.05)
    True
    """

    architecture = "any network through a narrow code; squared error, no density"
    why_no_density = "a deterministic decoder puts its samples on a surface of as many dimensions as the code"

    def __init__(
        self,
        latents: int = 8,
        *,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "relu",
        code_density: GenerativeModel | None = None,
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__()
        at_least(1, latents=latents, hidden=hidden)
        if code_density is not None and not isinstance(code_density, Sampler):
            raise InputError(f"code_density must be a model that can be sampled, not {type(code_density).__name__}")
        self.latents = latents
        self.hidden = tuple(hidden)
        self.activation: Activation = activation
        self.code_density = code_density
        self.fitting = fitting
        self.gaussian = CodeGaussian() if code_density is None else None

    def fit(self, X: Any, y: Any = None, *, context: Any = None, progress: Progress | None = None) -> Self:
        """Learn to restore rows, from scratch.

        Args:
            X: (rows, ...) finite numbers.
            y: X once more, which is what is to be restored anyway; or (rows,) labels, as of any model.
            context: (rows, columns) in place of labels.
            progress: called after each pass over the data.

        Raises:
            InputError: bad data, or other rows to restore than those of X.
        """
        if y is X or np.ndim(y) > 1:
            if y is not X and (np.shape(y) != np.shape(X) or not np.array_equal(np.asarray(y), np.asarray(X))):
                raise InputError("y must be X itself, or labels: an autoencoder restores the rows that it is given")
            y = None
        return super().fit(X, y, context=context, progress=progress)

    def encode(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, latents) the codes of rows.

        Raises:
            InputError: wrong shapes.
        """
        given = standardised(self.check_rows(x, context), self.context_units)
        return self.encoder(x, given)

    def decode(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, ...) the rows that codes stand for.

        Raises:
            InputError: z is not (rows, latents), or the context is wrong.
        """
        self.require_built()
        if z.ndim != 2 or z.shape[1] != self.latents:
            raise InputError(f"z must have the shape (rows, {self.latents}), not {tuple(z.shape)}")
        given = standardised(self.encode_context(context, len(z)), self.context_units)
        return self._decoded(z, given)

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Decoded draws of codes: `sample_shape + event_shape`, or `sample_shape + (rows,) + event_shape`."""
        event_shape = self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = self.encode_context(context)
        with torch.no_grad():
            codes = self.codes.sample(shape, given)
            known = repeated(standardised(given, self.context_units), prod(shape))
            rows = self._decoded(codes.reshape(-1, self.latents), known)
        return rows.reshape(*codes.shape[:-1], *event_shape)

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """The mean squared error as a fraction of the variance of the rows that the fit began with."""
        given = standardised(self.check_rows(x, context), self.context_units)
        found = self.decoder(self.encoder(x, given), given)[:, 0]
        return {"loss": (self.encoder.units.remove(x) - found).square().mean()}

    @property
    def codes(self) -> Sampler:
        """The density of the codes."""
        density = self.gaussian if self.code_density is None else self.code_density
        assert isinstance(density, Sampler)
        return density

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        self.encoder = Encoder(event_shape, context_features, self.latents, self.hidden, self.activation)
        self.decoder = Decoder(self.latents, event_shape, context_features, 1, self.hidden, self.activation)
        self.context_units = Units((context_features,)) if context_features else None
        self._density().build(self.latents, context_features)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self.encoder.units.measure_together(x)
        if self.context_units is not None and context is not None:
            self.context_units.measure(context)
        stages = Stages(progress)
        fit_by_gradient(self, x, context, self.fitting, stages)
        given = standardised(context, self.context_units)
        with torch.no_grad():
            parts = [None] * -(-len(x) // BLOCK) if given is None else given.split(BLOCK)
            codes = [self.encoder(rows, part) for rows, part in zip(x.split(BLOCK), parts, strict=True)]
        self._density().fit(torch.cat(codes), context=context, progress=stages)

    def _density(self) -> GenerativeModel:
        density = self.codes
        assert isinstance(density, GenerativeModel)
        return density

    def _decoded(self, z: Tensor, context: Tensor | None) -> Tensor:
        return self.encoder.units.restore(self.decoder(z.to(self.encoder.units.mean), context)[:, 0])
