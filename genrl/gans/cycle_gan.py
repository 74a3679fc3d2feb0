"""CycleGAN: a map between two domains, and its inverse, without a single pair."""

from __future__ import annotations

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.gans.adversarial_fitting import AdversarialFitting, Player, fit_adversarially
from genrl.gans.domains import COMPARED, as_source, drawn
from genrl.gans.games import GAMES, GameName
from genrl.gans.penalties import real_penalty
from genrl.gans.settings import check_domain_game, check_widths
from genrl.gans.transfer_model import TransferModel
from genrl.gans.transfer_networks import Judge, TransferNetwork
from genrl.generative_model import Progress
from genrl.nn import Activation

__all__ = ["CycleGAN"]


class CycleGAN(TransferModel):
    """Two generators, there and back, each against a discriminator of its domain (Zhu et al. 2017, equation 3).

    A row that goes there and back must return to itself. As a generative model it is p(y given x), all of it at the one
    row `transfer(x)`: the context of `sample` is x, flat. All losses are in standard units of the domain that they
    compare in; pixels of a channel share one.

    Nothing but the networks' simplicity chooses among the maps that carry one distribution to the other: where a domain
    has a symmetry, or a volume can flow within it, the distributions alone cannot tell which map was meant.

    Departures from the paper: a penalty on the discriminators' gradient at real rows in place of a pool of old fakes;
    average weights are kept; the generators start near the linear map that standardises.

    Beside the losses, the reports of a fit have the "cycle_error", the mean distance of a number from where it comes
    back, in standard units, averaged over both domains.

    Args:
        objective: the game of each direction; the paper's is least squares.
        cycle_weight: of the L1 distance between a row and where it comes back. Much more of it, such as the paper's 10,
            keeps the generators at the first maps that undo each other, whether or not they reach the other domain.
        identity_weight: of the L1 distance between a row and its transfer to the domain in which it is already, for
            domains that share their shape and their units (section 5.2 of the paper).
        penalty_weight: of the discriminators' squared gradient at real rows (R1).
        hidden: widths of the generators' hidden layers, or channels if both domains are images of one size.
        discriminator_hidden: likewise.
        activation: between the layers.
        fitting: settings of the game.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.gans import AdversarialFitting, CycleGAN
    >>> _ = torch.manual_seed(0)
    >>> x = torch.rand(1000, 2)
    >>> y = 5.0 + 3.0 * torch.rand(1000, 2) ** 2  # of other points: no row of x has a partner here
    >>> short = AdversarialFitting(updates=200, batch_size=64)
    >>> model = CycleGAN(hidden=(32,), discriminator_hidden=(32,), fitting=short).fit(x, y)
    >>> bool((model.transfer(x) - (5.0 + 3.0 * x**2)).abs().mean() < 0.3)
    True
    >>> bool((model.inverse_transfer(model.transfer(x)) - x).abs().mean() < 0.2)
    True
    """

    architecture = "any two pairs of networks; a generator's inverse is learned beside it"
    paired = False

    def __init__(
        self,
        *,
        objective: GameName = "least_squares",
        cycle_weight: float = 1.0,
        identity_weight: float = 0.0,
        penalty_weight: float = 0.01,
        hidden: tuple[int, ...] = (64, 64),
        discriminator_hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "leaky_relu",
        fitting: AdversarialFitting = AdversarialFitting(),
    ) -> None:
        super().__init__()
        self.objective = objective
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.penalty_weight = penalty_weight
        self.hidden = tuple(hidden)
        self.discriminator_hidden = tuple(discriminator_hidden)
        self.activation = activation
        self.fitting = fitting
        check_domain_game(
            objective, cycle_weight=cycle_weight, identity_weight=identity_weight, penalty_weight=penalty_weight
        )
        check_widths(hidden=hidden, discriminator_hidden=discriminator_hidden)

    def transfer(self, x: Tensor) -> Tensor:
        """Rows of the source as they would be in the target, (rows, *event_shape), differentiable."""
        self.require_built()
        made = self.generators[0](self.source_units(as_source(x, self.context_features)))
        return self.units.inverse(made)

    def inverse_transfer(self, y: Tensor) -> Tensor:
        """Rows of the target as they would be in the source.

        Raises:
            InputError: another shape, or not fitted.
        """
        made = self.generators[1](self.units(as_source(y, prod(self.require_built()), "y")))
        return self.source_units.inverse(made)

    def _networks(self, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        if self.identity_weight and source != target:
            raise InputError("identity_weight needs two domains of one shape: set it to 0")
        shapes = ((source, target), (target, source))
        self.generators = nn.ModuleList(
            TransferNetwork([start], end, self.hidden, self.activation) for start, end in shapes
        )
        self.discriminators = nn.ModuleList(
            Judge([end], self.discriminator_hidden, self.activation) for _, end in shapes
        )

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        given = self._measure(x, context)
        target, source = self.units(x), self.source_units(given)
        fit_adversarially(
            Player(network=self.discriminators, loss=lambda rows, _: self._judged(rows, drawn(target, rows))),
            Player(network=self.generators, loss=lambda rows, _: self._made(rows, drawn(target, rows))),
            source,
            settings=self.fitting,
            report=lambda: self._report(source[:COMPARED], target[:COMPARED]),
            progress=progress,
        )

    def _judged(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Both discriminators' loss, each in a game of its own."""
        there, back = self.generators
        losses = []
        for judge, real, generator, start in zip(self.discriminators, (y, x), (there, back), (x, y), strict=True):
            with torch.no_grad():
                fake = generator(start)
            logits = judge(torch.cat((real, fake)))
            targets = torch.cat((torch.ones_like(real[:, 0]), torch.zeros_like(fake[:, 0])))
            penalty = real_penalty(judge, real, fake) if self.penalty_weight else logits.new_zeros(())
            losses.append(GAMES[self.objective].discriminator(logits, targets) + self.penalty_weight * penalty)
        return {"loss": torch.stack(losses).sum()}

    def _made(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Both generators' loss: to be taken for real, and to come back."""
        there, back = self.generators
        fake_y, fake_x = there(x), back(y)
        judge_y, judge_x = self.discriminators
        game = GAMES[self.objective].generator
        fooled = game(judge_y(fake_y)) + game(judge_x(fake_x))
        cycle = F.l1_loss(back(fake_y), x) + F.l1_loss(there(fake_x), y)
        loss = fooled + self.cycle_weight * cycle
        if self.identity_weight:
            loss = loss + self.identity_weight * self._moved(x, y)
        return {"loss": loss, "cycle": cycle}

    def _moved(self, x: Tensor, y: Tensor) -> Tensor:
        """How far a row moves that is already where the generator leads."""
        there, back = self.generators
        y_as_x = self.source_units(self.units.inverse(y))
        x_as_y = self.units(self.source_units.inverse(x))
        return F.l1_loss(there(y_as_x), y) + F.l1_loss(back(x_as_y), x)

    @torch.no_grad()
    def _report(self, x: Tensor, y: Tensor) -> dict[str, float]:
        there, back = self.generators
        cycle = 0.5 * (F.l1_loss(back(there(x)), x) + F.l1_loss(there(back(y)), y))
        return {"cycle_error": float(cycle)}
