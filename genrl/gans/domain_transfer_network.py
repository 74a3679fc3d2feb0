"""The domain transfer network: from one domain to another, unpaired, keeping what a given function of a row sees."""

from __future__ import annotations

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from genrl.errors import InputError
from genrl.gans.adversarial_fitting import AdversarialFitting, Player, fit_adversarially
from genrl.gans.domains import COMPARED, DomainUnits, as_source, drawn
from genrl.gans.penalties import real_penalty
from genrl.gans.settings import check_weights, check_widths
from genrl.gans.transfer_model import TransferModel
from genrl.gans.transfer_networks import Judge, TransferNetwork
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation
from genrl.protocols import Codec

__all__ = ["DomainTransferNetwork"]

FROM_SOURCE, FROM_TARGET, REAL = range(3)
"""What the discriminator tells apart: a row made from a source row, one made from a target row, a target row."""


class DomainTransferNetwork(TransferModel):
    """A generator G = g(f(.)) under which f does not change, against a discriminator of three (Taigman et al. 2017).

    f is a given function of a row of either domain, which is not trained here: its value at `transfer(x)` must be that
    at x (equation 5), and a target row must be transferred to itself (equation 6). What f does not see is taken from
    the target domain; f must see enough to tell one row from another, and the same in a row and in its image.

    As a generative model it is p(y given x), all of it at `transfer(x)`: the context of `sample` is x, flat.

    Departures from the paper: no smoothing of images by total variation; a penalty on the discriminator's gradient at
    real rows; distances are mean squares in standard units.

    Beside the losses, the reports of a fit have the "constancy_error" and the "identity_error", root mean squares in
    standard units.

    Args:
        features: f, a fitted model with `encode`; None for the row itself in the standard units of its domain, which
            keeps as much as it can of the row (Shrivastava et al. 2017) and needs two domains of one shape.
        constancy_weight: of the change of f, the paper's alpha.
        identity_weight: of the change of target rows, the paper's beta.
        penalty_weight: of the discriminator's squared gradient at real rows (R1).
        hidden: widths of g's hidden layers, or channels if it leads from images to images.
        discriminator_hidden: likewise.
        activation: between the layers.
        fitting: settings of the game.

    Raises:
        InputError: a hyperparameter is out of its range, or `features` cannot encode.

    >>> import torch
    >>> from genrl.gans import AdversarialFitting, DomainTransferNetwork
    >>> _ = torch.manual_seed(0)
    >>> x, y = torch.rand(1000, 2), 5.0 + 3.0 * torch.rand(1000, 2) ** 2
    >>> short = AdversarialFitting(updates=100, batch_size=64)
    >>> model = DomainTransferNetwork(hidden=(32,), fitting=short).fit(x, y)
    >>> bool((model.transfer(x) - (5.0 + 3.0 * x**2)).abs().mean() < 0.5)
    True
    """

    architecture = "any two networks, and a function that both domains share"
    paired = False

    def __init__(
        self,
        *,
        features: GenerativeModel | None = None,
        constancy_weight: float = 15.0,
        identity_weight: float = 15.0,
        penalty_weight: float = 0.01,
        hidden: tuple[int, ...] = (64, 64),
        discriminator_hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "leaky_relu",
        fitting: AdversarialFitting = AdversarialFitting(),
    ) -> None:
        super().__init__()
        if features is not None and not (isinstance(features, Codec) and features.event_shape is not None):
            raise InputError("features must be a fitted model with encode, such as an Autoencoder, or None")
        self.features = features
        self.constancy_weight = constancy_weight
        self.identity_weight = identity_weight
        self.penalty_weight = penalty_weight
        self.hidden = tuple(hidden)
        self.discriminator_hidden = tuple(discriminator_hidden)
        self.activation = activation
        self.fitting = fitting
        check_weights(constancy_weight=constancy_weight, identity_weight=identity_weight, penalty_weight=penalty_weight)
        check_widths(hidden=hidden, discriminator_hidden=discriminator_hidden)

    def transfer(self, x: Tensor) -> Tensor:
        """Rows of the source as they would be in the target, (rows, *event_shape), differentiable."""
        self.require_built()
        return self.units.inverse(self.generator(self._code(as_source(x, self.context_features), self.source_units)))

    def _networks(self, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        if prod(source) != prod(target):
            raise InputError(f"X has {prod(source)} numbers a row, y {prod(target)}: f needs the same of both")
        code = target if self.features is None else self._encoded(torch.zeros(1, *target)).shape[1:]
        self.code_units = DomainUnits(tuple(code))
        self.generator = TransferNetwork([tuple(code)], target, self.hidden, self.activation)
        self.discriminator = Judge([target], self.discriminator_hidden, self.activation, logits=3)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        given = self._measure(x, context)
        if self.features is not None:
            with torch.no_grad():
                self.code_units.measure(self._encoded(torch.cat((given.reshape(-1, *x.shape[1:]), x))))
        target = self.units(x)
        fit_adversarially(
            Player(network=self.discriminator, loss=lambda rows, _: self._judged(rows, drawn(target, rows))),
            Player(network=self.generator, loss=lambda rows, _: self._made(rows, drawn(target, rows))),
            given.to(target),
            settings=self.fitting,
            report=lambda: self._report(given[:COMPARED], target[:COMPARED]),
            progress=progress,
        )

    def _judged(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Equation 3: three classes, a third of the batch each."""
        with torch.no_grad():
            made, kept = self.generator(self._code(x, self.source_units)), self._kept(y)
        logits = self.discriminator(torch.cat((made, kept, y)))
        classes = torch.arange(3, device=y.device).repeat_interleave(len(y))
        loss = F.cross_entropy(logits, classes)
        if self.penalty_weight:
            loss = loss + self.penalty_weight * real_penalty(lambda rows: self.discriminator(rows)[:, REAL], y, y)
        return {"loss": loss}

    def _made(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Equations 4 to 6: to be taken for real, with f as it was, and target rows as they were."""
        code = self._code(x, self.source_units)
        made, kept = self.generator(code), self._kept(y)
        real = torch.full((2 * len(y),), REAL, device=y.device)
        fooled = F.cross_entropy(self.discriminator(torch.cat((made, kept))), real)
        constancy = F.mse_loss(self._code(self.units.inverse(made), self.units), code)
        identity = F.mse_loss(kept, y)
        loss = fooled + self.constancy_weight * constancy + self.identity_weight * identity
        return {"loss": loss, "constancy": constancy, "identity": identity}

    def _kept(self, y: Tensor) -> Tensor:
        """G of target rows in standard units."""
        kept: Tensor = self.generator(self._code(self.units.inverse(y), self.units))
        return kept

    def _code(self, rows: Tensor, units: DomainUnits) -> Tensor:
        """F of rows in the units of their data, flat or not, in standard units."""
        if self.features is None:
            return units(rows)
        code: Tensor = self.code_units(self._encoded(rows.reshape(len(rows), *units.shape)))
        return code

    def _encoded(self, rows: Tensor) -> Tensor:
        code: Tensor = self.features.encode(rows)  # type: ignore[union-attr]
        return code

    @torch.no_grad()
    def _report(self, x: Tensor, y: Tensor) -> dict[str, float]:
        parts = self._made(x.to(y), y[torch.arange(len(x)) % len(y)])
        return {f"{name}_error": float(parts[name].sqrt()) for name in ("constancy", "identity")}
