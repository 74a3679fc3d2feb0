"""A generative adversarial network that begins with small images."""

from __future__ import annotations

from torch import nn

from genrl.gans.adversarial_fitting import AdversarialFitting, Player
from genrl.gans.adversarial_model import AdversarialModel
from genrl.gans.games import GameName
from genrl.gans.growing import growing_players, levels_of
from genrl.gans.growing_networks import GrowingDiscriminator, GrowingGenerator
from genrl.gans.penalties import PenaltyName
from genrl.gans.range import Range
from genrl.gans.settings import check_game, check_image, check_widths

__all__ = ["GROWING_FITTING", "ProgressiveGAN"]

GROWING_FITTING = AdversarialFitting(updates=2000, batch_size=64, learning_rate=1e-2, betas=(0.0, 0.99))
"""The step size is for weights of deviation 1: a hundredth of them, as much as 2e-4 is for those of `DCGAN`."""


class ProgressiveGAN(AdversarialModel):
    """Images learned from coarse to fine (Karras et al. 2018).

    The game begins with the images averaged down to about 4 x 4. Then one level after another, of twice the size, fades
    into generator and discriminator, each for an equal part of the updates, and has as long to settle. Weights have an
    equalised learning rate, the generator pixel norm, and the discriminator sees how much a batch varies. Pixels are
    scaled to -1 .. 1 by the least and the greatest of the data; sides have 8 pixels or more, and are even.

    Departures from the paper: the same number of channels at each level; the non-saturating game with a penalty on the
    gradient at real images in place of Wasserstein's, which can be chosen; Adam goes on where a level is added; labels
    or numbers as a context, which the paper has as an auxiliary classifier, enter the discriminator as an inner
    product.

    Args:
        objective: the game, one of those of `GAN`.
        penalty: on the discriminator's gradient with respect to the pixels, one of those of `GAN`, or None.
        penalty_weight: of the penalty.
        noise_features: columns of the generator's noise.
        channels: of each layer.
        fitting: settings of the game, all levels together.

    Raises:
        InputError: a hyperparameter is out of its range, or the rows are no images that can be halved.

    >>> import torch
    >>> from genrl.gans import AdversarialFitting, ProgressiveGAN
    >>> _ = torch.manual_seed(0)
    >>> short = AdversarialFitting(updates=12, batch_size=8, report_every=4)
    >>> model, depths = ProgressiveGAN(channels=4, fitting=short), []
    >>> _ = model.fit(torch.rand(40, 1, 16, 16), progress=lambda report: depths.append(round(model.depth, 1)))
    >>> depths, model.sample(3).shape
    ([0.7, 1.3, 2.0], torch.Size([3, 1, 16, 16]))
    """

    architecture = "convolutions that grow by doubling; images alone"

    def __init__(
        self,
        *,
        objective: GameName = "non_saturating",
        penalty: PenaltyName | None = "r1",
        penalty_weight: float = 0.1,
        noise_features: int = 64,
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
        self.channels = channels
        check_game(objective, penalty, penalty_weight, None, spectral=False)
        check_widths(noise_features=noise_features, channels=channels)

    @property
    def depth(self) -> float:
        """How far the networks have grown: 0 at the coarsest level, and 1 more for each doubling."""
        return float(self.generator.get_buffer("depth"))

    def _units(self, features: int) -> Range:
        return Range()

    def _networks(self, event_shape: tuple[int, ...], context_features: int) -> tuple[nn.Module, nn.Module]:
        check_image(event_shape, "ProgressiveGAN", least=8, even=True)
        return (
            GrowingGenerator(self.noise_columns, context_features, event_shape, self.channels),
            GrowingDiscriminator(context_features, event_shape, self.channels),
        )

    def _players(self) -> tuple[Player, Player]:
        _, height, width = self.require_built()
        deepest = len(levels_of((height, width))) - 1
        return growing_players(*super()._players(), deepest, self.fitting)
