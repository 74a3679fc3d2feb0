"""Paired domain transfer: one discriminator asks whether a row is real, another whether two rows belong together."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.gans.adversarial_fitting import AdversarialFitting, Player, fit_adversarially
from genrl.gans.domains import COMPARED, as_source
from genrl.gans.games import GAMES, GameName
from genrl.gans.penalties import real_penalty
from genrl.gans.settings import check_domain_game, check_widths
from genrl.gans.transfer_model import TransferModel
from genrl.gans.transfer_networks import Judge, TransferNetwork
from genrl.generative_model import Progress
from genrl.nn import Activation

__all__ = ["PairedTransferGAN"]


class PairedTransferGAN(TransferModel):
    """A converter from source rows to target rows, learned from pairs by two discriminators (Yoo et al. 2016).

    The first tells target rows from converted ones (equation 3). The second, of the domain, sees two rows: a source row
    and its own target, or another's, or what it was converted to, and tells the first from the rest (equation 4). As a
    generative model it is p(y given x), all of it at `transfer(x)`: the context of `sample` is x, flat.

    Departures from the paper: both discriminators move in one step; a penalty on their gradients at real rows; if
    wished, a distance to the partner as in Isola et al. 2017.

    Beside the losses, the reports of a fit have the "pair_error", the mean distance of a number from the partner's, in
    standard units.

    Args:
        objective: the game of both discriminators; the paper's is the non-saturating one.
        reconstruction_weight: of the L1 distance to the partner in standard units; 0 leaves all to the discriminators.
        penalty_weight: of each discriminator's squared gradient at real rows (R1).
        hidden: widths of the converter's hidden layers, or channels if both domains are images of one size.
        discriminator_hidden: likewise.
        activation: between the layers.
        fitting: settings of the game.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.gans import AdversarialFitting, PairedTransferGAN
    >>> _ = torch.manual_seed(0)
    >>> x = torch.rand(1000, 1)
    >>> y = torch.cat([x, x**2], 1)
    >>> model = PairedTransferGAN(hidden=(32,), fitting=AdversarialFitting(updates=150)).fit(x, y)
    >>> bool((model.transfer(x) - y).abs().mean() < 0.1)
    True
    """

    architecture = "any three networks, and data in pairs"
    paired = True

    def __init__(
        self,
        *,
        objective: GameName = "non_saturating",
        reconstruction_weight: float = 0.0,
        penalty_weight: float = 0.01,
        hidden: tuple[int, ...] = (64, 64),
        discriminator_hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "leaky_relu",
        fitting: AdversarialFitting = AdversarialFitting(),
    ) -> None:
        super().__init__()
        self.objective = objective
        self.reconstruction_weight = reconstruction_weight
        self.penalty_weight = penalty_weight
        self.hidden = tuple(hidden)
        self.discriminator_hidden = tuple(discriminator_hidden)
        self.activation = activation
        self.fitting = fitting
        check_domain_game(objective, reconstruction_weight=reconstruction_weight, penalty_weight=penalty_weight)
        check_widths(hidden=hidden, discriminator_hidden=discriminator_hidden)

    def transfer(self, x: Tensor) -> Tensor:
        """Rows of the source as they would be in the target, (rows, *event_shape), differentiable."""
        self.require_built()
        return self.units.inverse(self.converter(self.source_units(as_source(x, self.context_features))))

    def _networks(self, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        self.converter = TransferNetwork([source], target, self.hidden, self.activation)
        self.real_judge = Judge([target], self.discriminator_hidden, self.activation)
        self.pair_judge = Judge([target, source], self.discriminator_hidden, self.activation)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        given = self._measure(x, context)
        target, source = self.units(x), self.source_units(given)
        fit_adversarially(
            Player(network=nn.ModuleList((self.real_judge, self.pair_judge)), loss=self._judged),
            Player(network=self.converter, loss=self._made),
            target,
            source,
            settings=self.fitting,
            report=lambda: self._report(target[:COMPARED], source[:COMPARED]),
            progress=progress,
        )

    def _judged(self, y: Tensor, x: Tensor | None) -> dict[str, Tensor]:
        assert x is not None
        with torch.no_grad():
            fake = self.converter(x)
        loss = GAMES[self.objective].discriminator
        yes, no = torch.ones_like(y[:, 0]), torch.zeros_like(y[:, 0])
        others = y.roll(1, 0)  # rows come in random order
        real = loss(self.real_judge(torch.cat((y, fake))), torch.cat((yes, no)))
        pair = loss(self.pair_judge(torch.cat((y, others, fake)), torch.cat((x, x, x))), torch.cat((yes, no, no)))
        total = real + pair
        if self.penalty_weight:
            steep = real_penalty(self.real_judge, y, fake) + real_penalty(
                lambda rows: self.pair_judge(rows, x), y, fake
            )
            total = total + self.penalty_weight * steep
        return {"loss": total, "real": real, "pair": pair}

    def _made(self, y: Tensor, x: Tensor | None) -> dict[str, Tensor]:
        assert x is not None
        fake = self.converter(x)
        game = GAMES[self.objective].generator
        loss = game(self.real_judge(fake)) + game(self.pair_judge(fake, x))
        if self.reconstruction_weight:
            loss = loss + self.reconstruction_weight * F.l1_loss(fake, y)
        return {"loss": loss}

    @torch.no_grad()
    def _report(self, y: Tensor, x: Tensor) -> dict[str, float]:
        return {"pair_error": float(F.l1_loss(self.converter(x), y))}
