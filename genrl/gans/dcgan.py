"""A generative adversarial network for images."""

from __future__ import annotations

from torch import nn

from genrl.gans.adversarial_fitting import AdversarialFitting
from genrl.gans.adversarial_model import AdversarialModel
from genrl.gans.convolutional_networks import ConvolutionalDiscriminator, ConvolutionalGenerator
from genrl.gans.games import GameName
from genrl.gans.penalties import PenaltyName
from genrl.gans.range import Range
from genrl.gans.settings import check_game, check_image, check_widths

__all__ = ["DCGAN"]

FITTING = AdversarialFitting(updates=2000, batch_size=128, learning_rate=2e-4, betas=(0.5, 0.999))


class DCGAN(AdversarialModel):
    """Images by fractionally strided convolutions, judged by strided ones (Radford et al. 2016).

    Neither network has a pooling or a dense hidden layer. The generator has batch norm and ReLU after each layer but
    the last, which a tanh follows; the discriminator has LeakyReLU, and batch norm after each layer but the first and
    the last. Weights start from N(0, 0.02). Pixels are scaled to -1 .. 1 by the least and the greatest of the data. As
    many levels are made as halve the image to 4 pixels, two or more: any image from 4 x 4 is taken, of sides even or
    odd. With a context, such as labels, it stands beside the noise, and beside each pixel that is judged.

    Departures from the paper: 4 x 4 kernels, 3 x 3 on odd sides, in place of 5 x 5, and a step size that falls to zero.

    Args:
        objective: the game, one of those of `GAN`.
        penalty: on the discriminator's gradient with respect to the pixels, one of those of `GAN`, or None.
        penalty_weight: of the penalty.
        noise_features: columns of the generator's noise.
        channels: of the layers next to the image; twice as many with each halving.
        fitting: settings of the game, by default the paper's: Adam's step size 2e-4, its first decay 0.5.

    Raises:
        InputError: a hyperparameter is out of its range, or the rows are no images.

    >>> import torch
    >>> from genrl.gans import DCGAN
    >>> _ = torch.manual_seed(0)
    >>> model = DCGAN(channels=8).build((3, 16, 16), context_features=2)
    >>> model.sample(5, torch.eye(2)).shape
    torch.Size([5, 2, 3, 16, 16])
    >>> [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    []
    """

    architecture = "convolutions with batch norm; images alone"

    def __init__(
        self,
        *,
        objective: GameName = "non_saturating",
        penalty: PenaltyName | None = None,
        penalty_weight: float = 0.01,
        noise_features: int = 64,
        channels: int = 32,
        fitting: AdversarialFitting = FITTING,
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

    def _units(self, features: int) -> Range:
        return Range()

    def _networks(self, event_shape: tuple[int, ...], context_features: int) -> tuple[nn.Module, nn.Module]:
        check_image(event_shape, "DCGAN")
        return (
            ConvolutionalGenerator(self.noise_columns, context_features, event_shape, self.channels),
            ConvolutionalDiscriminator(context_features, event_shape, self.channels),
        )
