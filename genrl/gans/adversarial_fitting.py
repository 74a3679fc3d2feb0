"""The one loop for everything that is learned by a game of two: settings, and what is done with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import InputError, NotFiniteError
from genrl.finite import name_not_finite
from genrl.nn.ema import MovingAverage
from genrl.training.fit import FitEpoch, FitHistory, LossFunction
from genrl.training.fit_checkpoints import FitStage, FitState, FitStopped, begin_stage
from genrl.training.fit_history import Stopped
from genrl.training.optimizer_state import flatten_optimizer, restore_optimizer, restore_schedule
from genrl.training.reading import reading

__all__ = ["AdversarialFitting", "Player", "fit_adversarially"]


@dataclass(frozen=True, kw_only=True)
class AdversarialFitting:
    """Settings of a game of two, each learning by Adam, whose step size falls to zero along half a cosine."""

    updates: int = 2000
    """Rounds of the game."""
    discriminator_steps: int = 1
    """Gradient steps of the discriminator in each round; 0 leaves it as it is."""
    generator_steps: int = 1
    """Gradient steps of the generator, after the discriminator's; 0 leaves it as it is."""
    batch_size: int = 256
    """Rows of a gradient step, drawn with replacement."""
    learning_rate: float = 2e-3
    """Adam's step size at first, for both."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decays. The first is not its usual 0.9: an old gradient is soon wrong where the other side moves."""
    average: float = 0.995
    """Decay of the moving average of the generator's weights, which are the ones kept; 0 keeps the last."""
    report_every: int = 100
    """Rounds between two reports."""
    seed: int = 0
    """Of the batches and the noise."""

    def __post_init__(self) -> None:
        for name in ("updates", "batch_size", "report_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}")
        steps = (self.discriminator_steps, self.generator_steps)
        if min(steps) < 0 or max(steps) == 0:
            raise InputError(f"discriminator_steps and generator_steps must be 0 or more, and one above 0, not {steps}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, not {self.learning_rate}")
        for name, value in (("average", self.average), ("betas", self.betas[0]), ("betas", self.betas[1])):
            if not 0 <= value < 1:
                raise InputError(f"{name} must be within 0 .. 1, not {value}")


@dataclass(frozen=True, kw_only=True)
class Player:
    """One side of the game.

    Attributes:
        network: whose parameters it moves, and no others.
        loss: scalars of a batch (x, context); `loss` is what it minimises, the others are reported.
        after_step: called after each of its steps, with the number of those taken so far.
    """

    network: nn.Module
    loss: LossFunction
    after_step: Callable[[int], None] | None = None


class _Side:
    """A player with its optimiser, and the sums of what its losses reported."""

    def __init__(self, name: str, player: Player, steps: int, settings: AdversarialFitting) -> None:
        self.name = name
        self.player = player
        self.steps = steps
        self.parameters = list(player.network.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, settings.learning_rate, settings.betas)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, settings.updates)
        self.taken = 0
        self.sums: dict[str, Tensor] = {}
        self.summed = 0

    def step(self, x: Tensor, context: Tensor | None) -> None:
        """Move the parameters, or raise if the loss or its gradient is not finite, and nothing has moved."""
        metrics = self.player.loss(x, context)
        # The gradient with respect to one's own parameters: the other side's are not even computed.
        gradients = torch.autograd.grad(metrics["loss"], self.parameters, allow_unused=True)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        norm = nn.utils.clip_grad_norm_(self.parameters, math.inf)
        if not torch.isfinite(norm + metrics["loss"].detach()):
            what = "gradient" if metrics["loss"].isfinite() else "loss"
            raise NotFiniteError(f"the {self.name}'s {what} is not finite")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.taken += 1
        if self.player.after_step is not None:
            self.player.after_step(self.taken)
        self.summed += 1
        for name, value in metrics.items():
            self.sums[name] = self.sums[name] + value.detach() if name in self.sums else value.detach().clone()

    def means(self) -> dict[str, float]:
        """Of what was reported since the last call, by `<name>_<metric>`."""
        means = {f"{self.name}_{name}": float(total) / self.summed for name, total in self.sums.items()}
        self.sums, self.summed = {}, 0
        return means

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Between two reports: of its optimiser and its schedule, in tensors and JSON; not its network."""
        tensors, settings = flatten_optimizer(self.optimizer.state_dict())
        return tensors, {"optimizer": settings, "schedule": self.schedule.state_dict(), "taken": self.taken}

    def restore(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        """Go back to what `state` gave."""
        restore_optimizer(self.optimizer, tensors, document["optimizer"])
        restore_schedule(self.schedule, document["schedule"])
        self.taken = int(document["taken"])


class _Game:
    """Both sides, and how far they have come: everything that the rounds up to the next report depend on."""

    def __init__(self, discriminator: Player, generator: Player, settings: AdversarialFitting) -> None:
        self.sides = (
            _Side("discriminator", discriminator, settings.discriminator_steps, settings),
            _Side("generator", generator, settings.generator_steps, settings),
        )
        self.networks = nn.ModuleList(side.player.network for side in self.sides)
        self.average = MovingAverage(generator.network, settings.average)
        self.done: list[FitEpoch] = []
        self.kept = self._copy()

    def play_round(self, batches: Iterator[tuple[Tensor, Tensor | None]]) -> None:
        """Every step of both."""
        for side in self.sides:
            for _ in range(side.steps):
                side.step(*next(batches))
            if side.steps:
                side.schedule.step()
        self.average.update()

    def losses(self) -> dict[str, float]:
        """Means since the last report."""
        losses = {name: value for side in self.sides for name, value in side.means().items()}
        return {"loss": losses.get("discriminator_loss", losses.get("generator_loss", math.nan)), **losses}

    def require_finite_weights(self) -> None:
        """Raises:
        NotFiniteError: one is not; it is named.
        """
        for side in self.sides:
            weight = name_not_finite(side.player.network.named_parameters())
            if weight is not None:
                raise NotFiniteError(f"the {side.name}'s parameter {weight} is not finite")

    def add(self, report: FitEpoch) -> None:
        """One more report was made, and the generator has its average weights."""
        self.done.append(report)
        self.kept = self._copy()

    def state(self) -> FitState:
        """Between two reports."""
        groups = {"networks": self.networks.state_dict(), "kept": self.kept, "average": self.average.state_dict()}
        documents = {}
        for side in self.sides:
            groups[side.name], documents[side.name] = side.state()
        tensors = {f"{group}.{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
        return FitState(tensors=tensors, document=documents, epochs=tuple(self.done))

    def final_state(self) -> FitState:
        """After the last report: the weights that were kept."""
        tensors = {f"kept.{name}": tensor for name, tensor in self.kept.items()}
        return FitState(tensors=tensors, document={}, epochs=tuple(self.done))

    def restore(self, state: FitState) -> None:
        """Go back to what `state` or `final_state` gave.

        Raises:
            InputError: it is of another game.
        """
        groups = state.groups()
        with reading("the checkpoint of the fit", [state.tensors], of_caller=True):
            self.networks.load_state_dict(groups["kept"])
            self.kept = self._copy()
            if "networks" in groups:
                self.networks.load_state_dict(groups["networks"])
                self.average.load_state_dict(groups["average"])
                for side in self.sides:
                    side.restore(groups.get(side.name, {}), state.document[side.name])
        self.done = list(state.epochs)

    def _copy(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.networks.state_dict().items()}


def fit_adversarially(
    discriminator: Player,
    generator: Player,
    x: Tensor,
    context: Tensor | None = None,
    *,
    settings: AdversarialFitting,
    report: Callable[[], Mapping[str, float]] | None = None,
    progress: Callable[[FitEpoch], bool | None] | None = None,
) -> FitHistory:
    """Let two networks learn against each other (Goodfellow et al. 2014, algorithm 1).

    In each round the discriminator takes its steps first, then the generator. Both are left with the weights of the
    last report, the generator with its average ones, however the loop ends: also when an exception passes through it,
    or when a loss or gradient that is not finite ends it, with an error. While `report` and `progress` are called, the
    generator has its average weights.

    Inside of a `FitCheckpoints` the state after each report can be stored, and a game that was interrupted goes on from
    there with the same result, to the bit, as one that was not.

    Whatever the losses draw from torch's global generator follows from the seed; the generator is left as it was.

    Args:
        discriminator: moves first.
        generator: the side that is kept for use.
        x: (rows, ...).
        context: (rows, columns) or None.
        settings: how.
        report: figures for each report, beside the losses.
        progress: called after each report, an epoch to it, with the means since the last of "discriminator_loss",
            "generator_loss" and what else the losses give; "loss" is that of the discriminator, of the generator if the
            discriminator takes no steps. A False that it returns ends the game.

    Returns:
        The reports, and why it ended.

    Raises:
        NotFiniteError: a loss or a gradient became NaN or infinite.
    """
    game = _Game(discriminator, generator, settings)
    networks = game.networks
    modes = [network.training for network in networks]
    device = next(networks.parameters()).device
    planned = -(-settings.updates // settings.report_every)
    stopped: Stopped = "epochs"
    stage = begin_stage("an adversarial game")
    if stage.completed:
        return _completed(stage, game, progress)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(settings.seed)
            if stage.saved is not None:
                game.restore(stage.saved)
                stage.replay(progress)
            batches = _batches(x, context, settings.batch_size, device)
            while len(game.done) < planned:
                networks.train()
                played = len(game.done) * settings.report_every
                try:
                    for _ in stage.batches(range(min(settings.report_every, settings.updates - played))):
                        played += 1
                        game.play_round(batches)
                    game.require_finite_weights()
                except NotFiniteError as error:
                    raise _stopped(str(error), played, len(game.done)) from None
                networks.eval()
                with game.average.applied():
                    figures = {**game.losses(), **({} if report is None else report())}
                    game.add(FitEpoch(number=len(game.done) + 1, planned=planned, train=figures, validation={}))
                    asked = progress is not None and progress(game.done[-1]) is False
                stage.reached(game.state, last=asked)
                if asked:
                    stopped = "asked"
                    break
    except FitStopped:
        stopped = "asked"
    finally:
        networks.load_state_dict(game.kept)
        for network, mode in zip(networks, modes, strict=True):
            network.train(mode)
    if stopped != "asked":
        stage.complete(game.final_state)
    return FitHistory(epochs=tuple(game.done), kept=len(game.done), stopped=stopped)


def _completed(stage: FitStage, game: _Game, progress: Callable[[FitEpoch], bool | None] | None) -> FitHistory:
    """Of a game that was completed in an earlier process: the networks get their weights."""
    assert stage.saved is not None
    game.restore(stage.saved)
    stage.replay(progress)
    return FitHistory(epochs=tuple(game.done), kept=len(game.done), stopped="epochs")


def _batches(
    x: Tensor, context: Tensor | None, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor | None]]:
    while True:
        picked = torch.randint(len(x), (batch_size,))
        yield x[picked].to(device), None if context is None else context[picked].to(device)


def _stopped(what: str, number: int, kept: int) -> NotFiniteError:
    weights = f"the weights of report {kept} are kept" if kept else "the weights are as they were"
    return NotFiniteError(
        f"training stopped in round {number}: {what}; {weights}. A smaller step size, or a penalty on the "
        "discriminator's gradient, often helps"
    )
