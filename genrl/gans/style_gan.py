"""A generative adversarial network whose samples can be mixed, level by level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.gans.adversarial_fitting import AdversarialFitting, Player
from genrl.gans.adversarial_model import AdversarialModel
from genrl.gans.games import GameName
from genrl.gans.growing import growing_players, levels_of
from genrl.gans.growing_networks import GrowingDiscriminator
from genrl.gans.penalties import PenaltyName
from genrl.gans.progressive_gan import GROWING_FITTING
from genrl.gans.range import Range
from genrl.gans.settings import check_game, check_image, check_widths
from genrl.gans.style_networks import StyleGenerator
from genrl.row_checks import check_event

__all__ = ["StyleGAN"]


class StyleGAN(AdversarialModel):
    """Images drawn from a learned constant by styles, one for each layer (Karras et al. 2019).

    A mapping network turns noise into a style; adaptive instance norm gives each channel of a layer the mean and the
    deviation that the style says. Coarse levels decide shapes, fine ones strokes. What is left to chance, such as where
    a stroke is rough, comes from noise inputs of each layer. Training mixes the styles of two noises, and grows from
    about 4 x 4 to the full size against the discriminator of `ProgressiveGAN`. Sides have 8 pixels or more, even.

    Departures from the paper: the same number of channels at each level, fewer mapping layers, that learn as fast as
    the others, and a constant that starts from noise; no truncation.

    Args:
        objective: the game, one of those of `GAN`.
        penalty: on the discriminator's gradient with respect to the pixels, one of those of `GAN`, or None.
        penalty_weight: of the penalty.
        noise_features: columns of the noise that styles are made of.
        style_features: columns of a style.
        mapping_layers: from noise to style.
        mixing: share of the batches with mixed styles.
        channels: of each layer.
        fitting: settings of the game, all levels together.

    Raises:
        InputError: a hyperparameter is out of its range, or the rows are no images that can be halved.

    >>> import torch
    >>> from genrl.gans import StyleGAN
    >>> _ = torch.manual_seed(0)
    >>> model = StyleGAN(channels=4, noise_features=8).build((1, 16, 16))
    >>> styles = model.styles(torch.randn(2, 8))
    >>> styles.shape  # two layers at each of 4 x 4, 8 x 8 and 16 x 16
    torch.Size([2, 6, 64])
    >>> model.synthesise(model.mixed(styles[:1], styles[1:], level=2)).shape
    torch.Size([1, 1, 16, 16])
    """

    architecture = "convolutions under styles that grow by doubling; images alone"

    def __init__(
        self,
        *,
        objective: GameName = "non_saturating",
        penalty: PenaltyName | None = "r1",
        penalty_weight: float = 0.1,
        noise_features: int = 64,
        style_features: int = 64,
        mapping_layers: int = 4,
        mixing: float = 0.9,
        channels: int = 32,
        fitting: AdversarialFitting = GROWING_FITTING,
    ) -> None:
        super().__init__(
            objective=objective,
            penalty=penalty,
            penalty_weight=penalty_weight,
            noise_features=noise_features,
            fitting=fitting,
        )
        self.style_features = style_features
        self.mapping_layers = mapping_layers
        self.mixing = mixing
        self.channels = channels
        check_game(objective, penalty, penalty_weight, None, spectral=False)
        check_widths(
            noise_features=noise_features,
            style_features=style_features,
            mapping_layers=mapping_layers,
            channels=channels,
        )
        if not 0 <= mixing <= 1:
            raise InputError(f"mixing must be within 0 .. 1, not {mixing}")

    def styles(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """The styles that noise stands for, the same for each layer.

        Args:
            noise: (rows, noise_features).
            context: (rows, columns) or labels, if the model is conditional.

        Returns:
            (rows, layers, style_features), two layers for each level, the coarsest first.

        Raises:
            InputError: wrong shapes.
        """
        self.require_built()
        check_event(noise, (self.noise_columns,), "noise")
        given = self._standard_context(self.encode_context(context, len(noise)))
        return self._generator.styles(noise, given)

    def mixed(self, coarse: Tensor, fine: Tensor, *, level: int) -> Tensor:
        """Styles of `coarse` below a level, and of `fine` from it on.

        Args:
            coarse: (rows, layers, style_features).
            fine: likewise.
            level: 0 for all of `fine`, 1 for all but its first level, and so on.

        Raises:
            InputError: there is no such level.
        """
        levels = len(self._generator.sizes)
        if not 0 <= level <= levels:
            raise InputError(f"level must be within 0 .. {levels}, not {level}")
        return torch.cat((coarse[:, : 2 * level], fine[:, 2 * level :]), 1)

    def synthesise(self, styles: Tensor) -> Tensor:
        """(rows, channels, height, width) images of these styles, with noise inputs drawn anew.

        Raises:
            InputError: the styles are of another shape.
        """
        event_shape = self.require_built()
        check_event(styles, (len(self._generator.layers), self.style_features), "styles")
        flat = self._generator.synthesise(styles, self._generator.noises(len(styles)))
        return self.units.restore(flat).reshape(len(styles), *event_shape)

    @property
    def depth(self) -> float:
        """How far the networks have grown: 0 at the coarsest level, and 1 more for each doubling."""
        return float(self._generator.depth)

    @property
    def _generator(self) -> StyleGenerator:
        self.require_built()
        assert isinstance(self.generator, StyleGenerator)
        return self.generator

    def _units(self, features: int) -> Range:
        return Range()

    def _networks(self, event_shape: tuple[int, ...], context_features: int) -> tuple[nn.Module, nn.Module]:
        check_image(event_shape, "StyleGAN", least=8, even=True)
        generator = StyleGenerator(
            self.noise_columns,
            context_features,
            event_shape,
            channels=self.channels,
            style_features=self.style_features,
            mapping_layers=self.mapping_layers,
            mixing=self.mixing,
        )
        return generator, GrowingDiscriminator(context_features, event_shape, self.channels)

    def _players(self) -> tuple[Player, Player]:
        _, height, width = self.require_built()
        deepest = len(levels_of((height, width))) - 1
        return growing_players(*super()._players(), deepest, self.fitting)
