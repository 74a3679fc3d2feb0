"""A generative adversarial network of rows given a class, or given numbers."""

from __future__ import annotations

from math import prod

from torch import nn

from genrl.errors import InputError
from genrl.gans.adversarial_fitting import AdversarialFitting
from genrl.gans.adversarial_model import AdversarialModel
from genrl.gans.games import GameName
from genrl.gans.networks import Generator
from genrl.gans.penalties import PenaltyName
from genrl.gans.projection import ProjectionDiscriminator
from genrl.gans.settings import check_game, check_widths
from genrl.nn import Activation

__all__ = ["ConditionalGAN"]


class ConditionalGAN(AdversarialModel):
    """Rows given labels or numbers, whose discriminator projects (Mirza & Osindero 2014; Miyato & Koyama 2018).

    `GAN` takes a context, too, and puts it beside the row, as Mirza & Osindero did. Here the discriminator has one term
    for the row and one for the row and its context, an inner product, and there is no fit without labels or context.
    Rows of any shape are flattened on the way; columns and context are standardised.

    Departures from Miyato & Koyama: multilayer perceptrons in place of residual networks, a gradient penalty by default
    in place of spectral norm, and the generator has its context beside the noise.

    Args:
        objective: the game, one of those of `GAN`.
        penalty: on the discriminator's gradient with respect to the row, one of those of `GAN`, or None.
        penalty_weight: of the penalty; in standard units.
        spectral: bound each layer of the discriminator by its largest singular value.
        noise_features: columns of the generator's noise; by default as many as a row has.
        hidden: widths of the generator's hidden layers.
        discriminator_hidden: likewise; one or more.
        activation: between the layers of both.
        fitting: settings of the game.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.gans import AdversarialFitting, ConditionalGAN
    >>> _ = torch.manual_seed(0)
    >>> y = torch.randint(2, (1000,))
    >>> x = torch.randn(1000, 1) + 16.0 * y[:, None] - 8.0
    >>> short = AdversarialFitting(updates=200)
    >>> model = ConditionalGAN(hidden=(32, 32), discriminator_hidden=(32, 32), fitting=short).fit(x, y)
    >>> low, high = model.sample(500, torch.tensor([0, 1])).unbind(1)
    >>> bool((low < 0).float().mean() > 0.9), bool((high > 0).float().mean() > 0.9)
    (True, True)
    """

    architecture = "any two networks; the discriminator's last layer is an inner product with the context"

    def __init__(
        self,
        *,
        objective: GameName = "non_saturating",
        penalty: PenaltyName | None = "r1",
        penalty_weight: float = 0.01,
        spectral: bool = False,
        noise_features: int | None = None,
        hidden: tuple[int, ...] = (128, 128, 128),
        discriminator_hidden: tuple[int, ...] = (128, 128, 128),
        activation: Activation = "leaky_relu",
        fitting: AdversarialFitting = AdversarialFitting(),
    ) -> None:
        super().__init__(
            objective=objective,
            penalty=penalty,
            penalty_weight=penalty_weight,
            noise_features=noise_features,
            fitting=fitting,
        )
        self.spectral = spectral
        self.hidden = tuple(hidden)
        self.discriminator_hidden = tuple(discriminator_hidden)
        self.activation = activation
        check_game(objective, penalty, penalty_weight, None, spectral=spectral)
        check_widths(noise_features=noise_features, hidden=hidden, discriminator_hidden=discriminator_hidden)
        if not self.discriminator_hidden:
            raise InputError("discriminator_hidden needs one layer or more: its features are what a context looks at")

    def _networks(self, event_shape: tuple[int, ...], context_features: int) -> tuple[nn.Module, nn.Module]:
        if not context_features:
            raise InputError("ConditionalGAN learns rows given labels y, or given context=: use GAN for rows alone")
        features = prod(event_shape)
        generator = Generator(self.noise_columns, context_features, features, self.hidden, self.activation)
        discriminator = ProjectionDiscriminator(
            features, context_features, self.discriminator_hidden, self.activation, spectral=self.spectral
        )
        return generator, discriminator
