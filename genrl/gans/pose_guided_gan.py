"""Pose-guided generation in two stages: a coarse row by reconstruction, then what it lacks by a game."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.gans.adversarial_fitting import AdversarialFitting, Player, fit_adversarially
from genrl.gans.domains import COMPARED, DomainUnits, as_domains, as_source, repeated
from genrl.gans.games import GAMES, GameName
from genrl.gans.penalties import real_penalty
from genrl.gans.settings import check_domain_game, check_widths
from genrl.gans.transfer_networks import Judge, TransferNetwork
from genrl.generative_model import GenerativeModel, Progress
from genrl.nn import Activation
from genrl.row_checks import as_rows
from genrl.training.gradient_fitting import GradientFitting, fit_by_gradient
from genrl.training.stages import Stages

__all__ = ["PoseGuidedGAN"]


class PoseGuidedGAN(GenerativeModel):
    """The same thing in another pose, in two stages (Ma et al. 2017).

    The first network learns to reconstruct the row in the wanted pose (equation 1), which is right but blurred. The
    second sees the coarse row and the source and adds a difference to it, against a discriminator that looks at a
    source row and a target row together (equations 3 and 4). As a generative model it is p(y given x, pose), all of it
    at `repose(x, pose)`: the context of `sample` is x, flat, with the columns of the pose after it.

    Departures from the paper: the pose is whatever columns say it, not a map of joints, and there is no mask of the
    pose; a penalty on the discriminator's gradient.

    Args:
        objective: the game of the second stage; the paper's is the non-saturating one.
        reconstruction_weight: of the L1 distance in the second stage, the paper's lambda.
        penalty_weight: of the discriminator's squared gradient at real rows (R1).
        hidden: widths of both generators' hidden layers, or channels for images.
        discriminator_hidden: likewise.
        activation: between the layers.
        coarse_fitting: settings of the first stage.
        fitting: settings of the second.

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.gans import AdversarialFitting, PoseGuidedGAN
    >>> from genrl.training.gradient_fitting import GradientFitting
    >>> _ = torch.manual_seed(0)
    >>> x, pose = torch.randn(1000, 2), torch.rand(1000, 1)
    >>> stages = {"coarse_fitting": GradientFitting(updates=300), "fitting": AdversarialFitting(updates=100)}
    >>> model = PoseGuidedGAN(**stages).fit(x, x + pose, context=pose)
    >>> bool((model.repose(x, pose) - (x + pose)).abs().mean() < 0.2)
    True
    """

    architecture = "any three networks, and pairs with a pose"
    why_no_density = "given a row and a pose all that it draws is one row, and a point has no density"
    paired: ClassVar[bool] = True

    def __init__(
        self,
        *,
        objective: GameName = "non_saturating",
        reconstruction_weight: float = 10.0,
        penalty_weight: float = 0.01,
        hidden: tuple[int, ...] = (64, 64),
        discriminator_hidden: tuple[int, ...] = (64, 64),
        activation: Activation = "leaky_relu",
        coarse_fitting: GradientFitting = GradientFitting(),
        fitting: AdversarialFitting = AdversarialFitting(),
    ) -> None:
        super().__init__()
        self.objective = objective
        self.reconstruction_weight = reconstruction_weight
        self.penalty_weight = penalty_weight
        self.hidden = tuple(hidden)
        self.discriminator_hidden = tuple(discriminator_hidden)
        self.activation = activation
        self.coarse_fitting = coarse_fitting
        self.fitting = fitting
        check_domain_game(objective, reconstruction_weight=reconstruction_weight, penalty_weight=penalty_weight)
        check_widths(hidden=hidden, discriminator_hidden=discriminator_hidden)

    def fit(self, X: Any, y: Any = None, *, context: Any = None, progress: Progress | None = None) -> Self:
        """Learn both stages from pairs, from scratch.

        Args:
            X: (rows, ...) things.
            y: (rows, ...) the same things in other poses, of the same shape.
            context: (rows, columns) the pose of each row of y.
            progress: called after each pass of the first stage and each report of the second, which has the
                "coarse_error" and the "refined_error", mean distances of a number from the partner's in standard units.

        Raises:
            InputError: bad data; the message names the argument.
        """
        source, target = as_domains(X, y, paired=True)
        if source.shape != target.shape:
            raise InputError(f"y must have the shape of X, {tuple(source.shape)}, not {tuple(target.shape)}")
        if context is None:
            raise InputError("context is missing: give the pose of each row of y")
        pose = as_rows(context, "context")
        if pose.ndim != 2 or len(pose) != len(source):
            raise InputError(f"context must be ({len(source)}, columns), a pose for each row, not {tuple(pose.shape)}")
        self.build(tuple(target.shape[1:]), prod(source.shape[1:]) + pose.shape[1])
        known = torch.cat((source.flatten(1), pose.to(source)), 1)
        self._fit(target.to(self.device), known.to(self.device), progress)
        return self

    def repose(self, x: Tensor, pose: Tensor) -> Tensor:
        """What is seen in x, in another pose, (rows, *event_shape), differentiable.

        Raises:
            InputError: other shapes, or not fitted.
        """
        features = prod(self.require_built())
        source = as_source(x, features)
        if tuple(pose.shape) != (len(source), self.context_features - features):
            raise InputError(f"pose must be ({len(source)}, {self.context_features - features}), a row for each of x")
        return self.units.inverse(self._refined(self._standard(torch.cat((source, pose), 1)))[1])

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Each row of the context, source and pose, in that pose; all samples of one row are the same."""
        given = self.encode_context(context)
        assert given is not None  # built with a source
        features = prod(self.require_built())
        with torch.no_grad():
            return repeated(self.repose(given[:, :features], given[:, features:]), sample_shape)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        pose = (context_features - prod(event_shape),)
        if pose[0] < 1:
            raise InputError("the context must be a row of the source, flat, and after it at least one column of pose")
        self.units, self.pose_units = DomainUnits(event_shape), DomainUnits(pose)
        self.coarse = _Coarse(event_shape, pose, self.hidden, self.activation)
        # It starts as the identity of the coarse row: what its network adds is the paper's difference map.
        self.refiner = TransferNetwork([event_shape, event_shape, pose], event_shape, self.hidden, self.activation)
        self.discriminator = Judge([event_shape, event_shape, pose], self.discriminator_hidden, self.activation)

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        assert context is not None
        features = prod(self.require_built())
        self.units.measure(torch.cat((x, context[:, :features].reshape(x.shape).to(x))))
        self.pose_units.measure(context[:, features:])
        target, given = self.units(x), self._standard(context)
        stages = Stages(progress)
        fit_by_gradient(self.coarse, target, given, self.coarse_fitting, stages)
        if stages.asked:
            return
        fit_adversarially(
            Player(network=self.discriminator, loss=self._judged),
            Player(network=self.refiner, loss=self._made),
            target,
            given,
            settings=self.fitting,
            report=lambda: self._report(target[:COMPARED], given[:COMPARED]),
            progress=stages,
        )

    def _standard(self, context: Tensor) -> Tensor:
        features = prod(self.require_built())
        return torch.cat((self.units(context[:, :features]), self.pose_units(context[:, features:])), 1)

    def _refined(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """The coarse row and the final one, in standard units."""
        coarse = self.coarse(context)
        return coarse, self.refiner(coarse, *self.coarse.split(context))

    def _judged(self, y: Tensor, context: Tensor | None) -> dict[str, Tensor]:
        assert context is not None
        source, pose = self.coarse.split(context)
        with torch.no_grad():
            fake = self._refined(context)[1]
        logits = self.discriminator(torch.cat((y, fake)), source.repeat(2, 1), pose.repeat(2, 1))
        targets = torch.cat((torch.ones_like(y[:, 0]), torch.zeros_like(y[:, 0])))
        loss = GAMES[self.objective].discriminator(logits, targets)
        if self.penalty_weight:
            steep = real_penalty(lambda rows: self.discriminator(rows, source, pose), y, fake)
            loss = loss + self.penalty_weight * steep
        return {"loss": loss}

    def _made(self, y: Tensor, context: Tensor | None) -> dict[str, Tensor]:
        assert context is not None
        source, pose = self.coarse.split(context)
        with torch.no_grad():  # the first stage is at an end
            coarse = self.coarse(context)
        fake = self.refiner(coarse, source, pose)
        fooled = GAMES[self.objective].generator(self.discriminator(fake, source, pose))
        return {"loss": fooled + self.reconstruction_weight * F.l1_loss(fake, y)}

    @torch.no_grad()
    def _report(self, y: Tensor, context: Tensor) -> dict[str, float]:
        coarse, refined = self._refined(context)
        return {"coarse_error": float(F.l1_loss(coarse, y)), "refined_error": float(F.l1_loss(refined, y))}


class _Coarse(nn.Module):
    """The first stage: from a source row and a pose, side by side, to the target row."""

    def __init__(
        self, shape: tuple[int, ...], pose: tuple[int, ...], hidden: tuple[int, ...], activation: Activation
    ) -> None:
        super().__init__()
        self.sizes = [prod(shape), prod(pose)]
        self.network = TransferNetwork([shape, pose], shape, hidden, activation)

    def split(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Source and pose."""
        source, pose = context.split(self.sizes, 1)
        return source, pose

    def forward(self, context: Tensor) -> Tensor:
        """(rows, features)."""
        made: Tensor = self.network(*self.split(context))
        return made

    def loss(self, x: Tensor, context: Tensor | None = None) -> dict[str, Tensor]:
        """L1, equation 1."""
        assert context is not None
        return {"loss": F.l1_loss(self(context), x)}
