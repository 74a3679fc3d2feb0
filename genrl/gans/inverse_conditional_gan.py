"""The inverse of a conditional GAN: what noise and what context a given row would have come from."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.gans.adversarial_model import AdversarialModel
from genrl.gans.conditional_gan import ConditionalGAN
from genrl.gans.domains import DomainUnits
from genrl.gans.settings import check_widths
from genrl.gans.transfer_networks import Judge
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation
from genrl.row_checks import check_event
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient
from genrl.training.stages import Stages

__all__ = ["InverseConditionalGAN"]


class InverseConditionalGAN(GenerativeModel):
    """A conditional GAN with two encoders, to change one thing in a row and keep the rest (Perarnau et al. 2016).

    First the GAN is fitted. Then one encoder learns the noise from rows that the generator makes, where it is known
    (equation 4), and another the context from data (equation 5), both by squared errors; the generator stays as it is.
    `edit` encodes a row, puts another context beside its noise, and generates.

    Samples are those of the GAN; as a codec it maps rows to noise and back.

    Args:
        gan: any adversarial model that takes a context, for images a `DCGAN`; fitted anew, given the labels or the
            context. By default a `ConditionalGAN` with two columns of noise: few are easier to find again.
        hidden: widths of the encoders' hidden layers, or channels if rows are images.
        activation: between the layers.
        fitting: settings of the encoders' fit.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.gans import AdversarialFitting, GAN, InverseConditionalGAN
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x, y = torch.randn(1000, 1), torch.arange(1000) % 2
    >>> x = torch.cat([x, 0.1 * x + 5.0 * y[:, None]], 1)
    >>> short = AdversarialFitting(updates=200)
    >>> gan = GAN(noise_features=1, hidden=(32, 32), discriminator_hidden=(32, 32), fitting=short)
    >>> model = InverseConditionalGAN(gan=gan, fitting=GradientFitting(updates=200)).fit(x, y)
    >>> edited = model.edit(x[y == 0], torch.ones(500, dtype=torch.long))
    >>> bool((edited[:, 1] > 3).float().mean() > 0.9)
    True
    """

    architecture = "any networks; the generator gets an approximate inverse"
    why_no_density = "its generator has no inverse but an approximate one, which measures no volumes"

    def __init__(
        self,
        *,
        gan: AdversarialModel | None = None,
        hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "leaky_relu",
        fitting: GradientFitting = GradientFitting(),
    ) -> None:
        super().__init__()
        self.gan = ConditionalGAN(noise_features=2) if gan is None else gan
        self.hidden = tuple(hidden)
        self.activation = activation
        self.fitting = fitting
        check_widths(hidden=hidden)

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of the GAN, of shape `sample_shape + (rows,) + event_shape`."""
        return self.gan.sample(sample_shape, self.encode_context(context))

    def encode(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows, noise columns), the noise that rows would have come from; the context is not looked at.

        Raises:
            InputError: wrong shapes.
        """
        return self._encoders(x).noise(self.units(x))

    def decode(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """The rows that noise and context stand for.

        Raises:
            InputError: wrong shapes.
        """
        return self.gan.generate(z, self.encode_context(context, len(z)))

    def infer_context(self, x: Tensor) -> Tensor:
        """(rows, context columns), the expected context of rows; of labels, about their probabilities.

        Raises:
            InputError: wrong shapes.
        """
        return self.context_units.inverse(self._encoders(x).context(self.units(x)))

    def edit(self, x: Tensor, context: Tensor) -> Tensor:
        """Rows as they would be with another context.

        Raises:
            InputError: wrong shapes.
        """
        return self.decode(self.encode(x), context)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if not context_features:
            raise InputError(f"{type(self).__name__} inverts a conditional GAN: fit it with labels, as y, or a context")
        self.gan.build(event_shape, context_features)
        self.units, self.context_units = DomainUnits(event_shape), DomainUnits((context_features,))
        sizes = (self.gan.noise_columns, context_features)
        self.encoders = _Encoders(event_shape, sizes, self.hidden, self.activation)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        assert context is not None
        stages = Stages(progress)
        self.gan.fit(x, context=context, progress=stages)
        if stages.asked:
            return
        self.units.measure(x)
        self.context_units.measure(context)
        self.encoders.generate = lambda noise, given: self.units(
            self.gan.generate(noise, self.context_units.inverse(given))
        )
        try:
            fit_by_gradient(self.encoders, self.units(x), self.context_units(context), self.fitting, stages)
        finally:
            self.encoders.generate = None

    def _encoders(self, x: Tensor) -> _Encoders:
        check_event(x, self.require_built(), "x")
        return self.encoders


class _Encoders(nn.Module):
    """Noise and context of rows in standard units."""

    def __init__(
        self, shape: tuple[int, ...], sizes: tuple[int, int], hidden: tuple[int, ...], activation: Activation
    ) -> None:
        super().__init__()
        self.sizes = sizes
        self.features = prod(shape)
        self._noise, self._context = (Judge([shape], hidden, activation, logits=size) for size in sizes)
        self.generate: Callable[[Tensor, Tensor], Tensor] | None = None

    def noise(self, x: Tensor) -> Tensor:
        """(rows, noise columns)."""
        noise: Tensor = self._noise(x)
        return noise.reshape(len(x), self.sizes[0])

    def context(self, x: Tensor) -> Tensor:
        """(rows, context columns)."""
        context: Tensor = self._context(x)
        return context.reshape(len(x), self.sizes[1])

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """Equations 4 and 5, means in place of sums."""
        assert context is not None
        assert self.generate is not None
        noise = torch.randn(len(x), self.sizes[0], device=x.device)
        with torch.no_grad():
            made = self.generate(noise, context)
        of_noise, of_context = F.mse_loss(self.noise(made), noise), F.mse_loss(self.context(x), context)
        return {"loss": of_noise + of_context, "noise": of_noise, "context": of_context}
