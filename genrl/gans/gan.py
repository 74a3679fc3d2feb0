"""Generative adversarial networks for rows of columns."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from torch import nn

from genrl.gans.adversarial_fitting import AdversarialFitting, Player
from genrl.gans.adversarial_model import AdversarialModel
from genrl.gans.games import GameName
from genrl.gans.networks import Discriminator, Generator
from genrl.gans.penalties import PenaltyName
from genrl.gans.settings import check_game, check_widths
from genrl.gans.weight_clipping import clip_weights
from genrl.nn import Activation

__all__ = ["GAN"]

FITTING = AdversarialFitting(updates=5000)


class GAN(AdversarialModel):
    """A generator of rows that plays against a discriminator (Goodfellow et al. 2014), both multilayer perceptrons.

    Samples are one pass through the generator. There is no density: the generator has no inverse. With a context both
    networks see it (Mirza & Osindero 2014): x is sampled, and judged, given the context. Rows of any shape are
    flattened on the way; columns and context are standardised with numbers measured when the fit begins.

    The discriminator's gradient is penalised by default, and weakly: without it the game does not settle (Mescheder et
    al. 2018), and much more of it blurs the modes together.

    Args:
        objective: the game. "minimax", the zero-sum one; "non_saturating", the same but for the generator's gradient,
            which does not vanish where the discriminator is sure; "least_squares"; "wasserstein", for which the
            discriminator must be bounded by one of the following; "hinge".
        penalty: on the discriminator's gradient. "interpolation" draws its norm to 1 between real and fake rows,
            "one_sided" below 1; "r1", "r2" and "r1_r2" draw it to 0 at real rows, at fake rows, and at both. None for
            none.
        penalty_weight: of the penalty; in standard units.
        weight_clip: limit to which the discriminator's weights are clipped after each step; None for none.
        spectral: bound each layer of the discriminator by its largest singular value.
        noise_features: columns of the generator's noise, which is normal; by default as many as a row has. Few suit
            separate modes: the less room there is between the noise of two modes, the fewer samples fall between them.
        hidden: widths of the generator's hidden layers.
        discriminator_hidden: likewise.
        activation: between the layers of both.
        fitting: settings of the game; by default 5,000 rounds, which take up to a minute.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.gans import AdversarialFitting, GAN
    >>> _ = torch.manual_seed(0)
    >>> x = torch.cat([torch.randn(500, 1) - 8.0, torch.randn(500, 1) + 8.0])
    >>> short = AdversarialFitting(updates=200)
    >>> gan = GAN(hidden=(32, 32), discriminator_hidden=(32, 32), fitting=short).fit(x)
    >>> samples = gan.sample(1000)
    >>> bool((samples > 4).float().mean() > 0.25), bool((samples < -4).float().mean() > 0.25)
    (True, True)
    """

    architecture = "any two networks; the generator needs no inverse"

    def __init__(
        self,
        *,
        objective: GameName = "non_saturating",
        penalty: PenaltyName | None = "r1",
        penalty_weight: float = 0.01,
        weight_clip: float | None = None,
        spectral: bool = False,
        noise_features: int | None = None,
        hidden: tuple[int, ...] = (128, 128, 128),
        discriminator_hidden: tuple[int, ...] = (128, 128, 128),
        activation: Activation = "leaky_relu",
        fitting: AdversarialFitting = FITTING,
    ) -> None:
        super().__init__(
            objective=objective,
            penalty=penalty,
            penalty_weight=penalty_weight,
            noise_features=noise_features,
            fitting=fitting,
        )
        self.weight_clip = weight_clip
        self.spectral = spectral
        self.hidden = tuple(hidden)
        self.discriminator_hidden = tuple(discriminator_hidden)
        self.activation = activation
        check_game(objective, penalty, penalty_weight, weight_clip, spectral=spectral)
        check_widths(noise_features=noise_features, hidden=hidden, discriminator_hidden=discriminator_hidden)

    def _networks(self, event_shape: tuple[int, ...], context_features: int) -> tuple[nn.Module, nn.Module]:
        features = prod(event_shape)
        generator = Generator(self.noise_columns, context_features, features, self.hidden, self.activation)
        discriminator = Discriminator(
            features, context_features, self.discriminator_hidden, self.activation, spectral=self.spectral
        )
        return generator, discriminator

    def _players(self) -> tuple[Player, Player]:
        discriminator, generator = super()._players()
        limit = self.weight_clip
        if limit is not None:
            discriminator = replace(discriminator, after_step=lambda taken: clip_weights(self.discriminator, limit))
        return discriminator, generator
