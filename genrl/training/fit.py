"""The one loop for everything that is trained by minimising a loss over rows of data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from genrl.errors import InputError, NotFiniteError
from genrl.finite import describe_not_finite, name_not_finite
from genrl.nn import MovingAverage
from genrl.protocols import Trainable
from genrl.training.fit_checkpoints import FitStage, FitState, FitStopped, begin_stage
from genrl.training.fit_history import FitEpoch, FitHistory, Stopped
from genrl.training.optimizer_state import flatten_optimizer, restore_optimizer, restore_schedule
from genrl.training.reading import reading, validate

__all__ = ["FitEpoch", "FitHistory", "LossFunction", "fit"]

LossFunction = Callable[[Tensor, Tensor | None], Mapping[str, Tensor]]
"""Scalars of a batch (x, context): `loss` is minimised, the others are reported."""


SOURCE = "the checkpoint of the fit"


@dataclass(frozen=True)
class _Rows:
    """Some rows of the data, to be met in batches."""

    x: Tensor
    context: Tensor | None
    indices: Tensor
    batch_size: int
    device: torch.device

    def batches(self, *, shuffled: bool) -> Iterator[tuple[Tensor, Tensor | None]]:
        order = self.indices[torch.randperm(len(self.indices))] if shuffled else self.indices
        for picked in order.split(self.batch_size) if len(order) else ():  # splitting nothing gives an empty batch
            context = None if self.context is None else self.context[picked].to(self.device)
            yield self.x[picked].to(self.device), context


def fit(
    model: nn.Module,
    x: Tensor,
    context: Tensor | None = None,
    *,
    loss: LossFunction | None = None,
    optimizer: Optimizer | None = None,
    schedule: LRScheduler | None = None,
    epochs: int = 100,
    batch_size: int = 256,
    validation: float | Tensor = 0.1,
    patience: int | None = None,
    max_grad_norm: float | None = None,
    average: float = 0.0,
    seed: int = 0,
    progress: Callable[[FitEpoch], bool | None] | None = None,
) -> FitHistory:
    """Train a model by minibatches, and leave it with its best weights.

    The best ones are those of the lowest validation loss; without validation, those of the last epoch. They are put
    back however the loop ends, also when an exception (Ctrl-C, or one that `progress` raises) passes through it.
    A loss or gradient that is not finite ends the training before it reaches the weights, with an error.

    Inside of a `FitCheckpoints` the end of each epoch can be stored, and a fit that was interrupted goes on from there
    with the same result, to the bit, as one that was not.

    Whatever the loss draws from torch's global generator follows from `seed` too; the generator is left as it was.
    Each validation draws the same numbers, so that its losses differ by the weights alone.

    Args:
        model: put into training mode while it is trained, and back.
        x: (rows, ...), on any device; batches are moved to the model's.
        context: (rows, ...), given to the loss beside x.
        loss: by default `model.loss`.
        optimizer: of the model's parameters; by default Adam at its usual step size, 1e-3.
        schedule: of the optimizer's step size, advanced after each epoch.
        epochs: passes over the data, at most.
        batch_size: rows of a minibatch; the last one of an epoch may be smaller.
        validation: fraction of the rows to hold out, drawn at random; or the indices of those to hold out.
        patience: stop after so many epochs without a lower validation loss; None never does.
        max_grad_norm: the gradient is scaled down to this norm; None leaves it.
        average: decay of a moving average of the weights, which are then the ones that are validated, shown to
            `progress` and kept; 0 for none.
        seed: of the split, the order of rows and the loss's own noise.
        progress: called after each epoch; a False that it returns ends the training.

    Raises:
        InputError: there are no rows to train on, a setting is out of its range, the model has no loss, or the
            checkpoint to go on from is of another fit.
        NotFiniteError: a loss, a gradient or a weight became NaN or infinite; the model has its best weights so far.

    >>> class Mean(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.mean = nn.Parameter(torch.zeros(1))
    ...     def loss(self, x, context=None):
    ...         return {"loss": (x - self.mean).square().mean()}
    >>> model = Mean()
    >>> adam = torch.optim.Adam(model.parameters(), 0.05)
    >>> history = fit(model, torch.full((1000, 1), 3.0), epochs=50, optimizer=adam)
    >>> round(model.mean.item(), 2), len(history.epochs)
    (3.0, 50)
    """
    loss = _loss_of(model, loss)
    _check(x, context, epochs, batch_size, patience, average)
    optimizer = optimizer or torch.optim.Adam(model.parameters())
    device = next(model.parameters()).device
    trained, held_out = (
        _Rows(x, context, indices, batch_size, device) for indices in _split(len(x), validation, patience, seed)
    )
    smooth = MovingAverage(model, average) if average else None
    course = _Course(model, optimizer, schedule, smooth, len(x))
    was_training = model.training
    stage = begin_stage("gradient descent")
    if stage.completed:
        return _completed(stage, course, progress)
    try:
        with _own_random_state(device, seed):
            if stage.saved is not None:
                course.restore(stage.saved)
                stage.replay(progress)
            while (stopped := course.ended(epochs, patience)) is None:
                number = len(course.done) + 1
                failure = partial(_failure, number, course.kept_epoch)
                model.train()
                train = _train(model, trained, loss, optimizer, max_grad_norm, smooth, failure, stage)
                if schedule is not None:
                    schedule.step()
                with nullcontext() if smooth is None else smooth.applied():
                    held = _validate(model, held_out, loss, seed, failure, stage)
                    course.add(FitEpoch(number=number, planned=epochs, train=train, validation=held))
                    asked = progress is not None and progress(course.done[-1]) is False
                stage.reached(course.state, last=asked)
                if asked:
                    stopped = "asked"
                    break
    except FitStopped:
        stopped = "asked"
    finally:
        model.load_state_dict(course.kept)
        model.train(was_training)
    if stopped != "asked":
        stage.complete(partial(course.final_state, stopped))
    return course.history(stopped)


class _Course:
    """How far a fit has come: everything that its next epoch depends on."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: LRScheduler | None,
        smooth: MovingAverage | None,
        rows: int,
    ) -> None:
        self.done: list[FitEpoch] = []
        self.kept, self.kept_epoch, self.lowest = _copy(model), 0, math.inf
        self._model = model
        self._optimizer = optimizer
        self._schedule = schedule
        self._smooth = smooth
        self._rows = rows

    def add(self, epoch: FitEpoch) -> None:
        """One more epoch was done, and the model has the weights that were validated."""
        self.done.append(epoch)
        watched = epoch.validation.get("loss", -math.inf)
        if not epoch.validation or watched < self.lowest:
            self.kept, self.kept_epoch, self.lowest = _copy(self._model), epoch.number, watched

    def ended(self, epochs: int, patience: int | None) -> Stopped | None:
        """Why no epoch follows; None if one does."""
        if patience is not None and len(self.done) - self.kept_epoch >= patience:
            return "patience"
        return "epochs" if len(self.done) >= epochs else None

    def history(self, stopped: Stopped) -> FitHistory:
        return FitHistory(epochs=tuple(self.done), kept=self.kept_epoch, stopped=stopped)

    def state(self) -> FitState:
        """Between two epochs."""
        moments, settings = flatten_optimizer(self._optimizer.state_dict())
        groups = {
            "model": self._model.state_dict(),
            "kept": self.kept,
            "optimizer": moments,
            "average": {} if self._smooth is None else self._smooth.state_dict(),
        }
        schedule = None if self._schedule is None else self._schedule.state_dict()
        return FitState(
            tensors={f"{group}.{name}": tensor for group, named in groups.items() for name, tensor in named.items()},
            document={**self._facts(), "optimizer": settings, "schedule": schedule},
            epochs=tuple(self.done),
        )

    def final_state(self, stopped: Stopped) -> FitState:
        """After the last epoch: the weights that were kept, and why it was the last."""
        tensors = {f"kept.{name}": tensor for name, tensor in self.kept.items()}
        return FitState(tensors=tensors, document={**self._facts(), "stopped": stopped}, epochs=tuple(self.done))

    def restore(self, state: FitState) -> None:
        """Go back to what `state` or `final_state` gave.

        Raises:
            InputError: it is of another fit.
        """
        groups, facts = state.groups(), state.document
        with reading(SOURCE, [state.tensors], of_caller=True):
            if facts["rows"] != self._rows:
                raise InputError(f"{SOURCE} is of one to {facts['rows']} rows, not to {self._rows}")
            self._model.load_state_dict(groups["kept"])
            self.kept, self.kept_epoch = _copy(self._model), int(facts["kept_epoch"])
            self.lowest = math.inf if facts["lowest"] is None else float(facts["lowest"])
            if "optimizer" in facts:
                self._model.load_state_dict(groups["model"])
                restore_optimizer(self._optimizer, groups.get("optimizer", {}), facts["optimizer"])
                if self._schedule is not None:
                    restore_schedule(self._schedule, facts["schedule"])
                if self._smooth is not None:
                    self._smooth.load_state_dict(groups["average"])
        self.done = list(state.epochs)

    def _facts(self) -> dict[str, Any]:
        lowest = self.lowest if math.isfinite(self.lowest) else None
        return {"rows": self._rows, "kept_epoch": self.kept_epoch, "lowest": lowest}


def _completed(stage: FitStage, course: _Course, progress: Callable[[FitEpoch], bool | None] | None) -> FitHistory:
    """Of a fit that was completed in an earlier process: the model gets its weights."""
    assert stage.saved is not None
    course.restore(stage.saved)
    stage.replay(progress)
    return course.history(validate(Stopped, stage.saved.document["stopped"], SOURCE, "stopped"))


def _train(
    model: nn.Module,
    rows: _Rows,
    loss: LossFunction,
    optimizer: Optimizer,
    max_grad_norm: float | None,
    smooth: MovingAverage | None,
    failure: Callable[[str], NotFiniteError],
    stage: FitStage,
) -> dict[str, float]:
    """One epoch; raises what `failure` makes as soon as something is not finite."""
    means = _Means()
    for number, (x, context) in enumerate(stage.batches(rows.batches(shuffled=True)), start=1):
        metrics = loss(x, context)
        optimizer.zero_grad(set_to_none=True)
        metrics["loss"].backward()
        norm = nn.utils.get_total_norm([weight.grad for weight in model.parameters() if weight.grad is not None])
        if not torch.isfinite(norm + metrics["loss"].detach()):
            raise failure(f"batch {number}: {_blame(metrics['loss'], model)}")
        if max_grad_norm is not None:
            nn.utils.clip_grads_with_norm_(model.parameters(), max_grad_norm, norm)
        optimizer.step()
        if smooth is not None:
            smooth.update()
        means.add(metrics, len(x))
    weight = name_not_finite(model.named_parameters())
    if weight is not None:
        raise failure(f"the parameter {weight} is not finite")
    return means.values()


@torch.no_grad()
def _validate(
    model: nn.Module,
    rows: _Rows,
    loss: LossFunction,
    seed: int,
    failure: Callable[[str], NotFiniteError],
    stage: FitStage,
) -> dict[str, float]:
    means = _Means()
    model.eval()
    with _own_random_state(rows.device, seed):
        for x, context in stage.batches(rows.batches(shuffled=False)):
            means.add(loss(x, context), len(x))
    values = means.values()
    if not math.isfinite(values.get("loss", 0.0)):
        raise failure(f"the loss of the rows held out is {values['loss']}")
    return values


class _Means:
    """Means over rows of what each batch reports, summed on the device: reading a number would wait for it."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._rows = 0

    def add(self, metrics: Mapping[str, Tensor], rows: int) -> None:
        self._rows += rows
        for name, value in metrics.items():
            weighted = value.detach() * rows
            self._sums[name] = self._sums[name] + weighted if name in self._sums else weighted

    def values(self) -> dict[str, float]:
        return {name: float(total) / self._rows for name, total in self._sums.items()}


@contextmanager
def _own_random_state(device: torch.device, seed: int) -> Iterator[None]:
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _split(rows: int, validation: float | Tensor, patience: int | None, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the rows to train on, and of those held out."""
    if isinstance(validation, Tensor):
        held_out = validation.cpu()
    elif not 0 <= validation < 1:
        raise InputError(f"the fraction held out for validation must be within 0 .. 1, not {validation}")
    else:
        count = max(1, round(validation * rows)) if validation else 0
        held_out = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))[:count]
    trained = torch.ones(rows, dtype=torch.bool)
    trained[held_out] = False
    if not trained.any():
        raise InputError(f"{rows} rows, {len(held_out)} of them held out: none is left to train on")
    if patience is not None and len(held_out) == 0:
        raise InputError("patience needs validation: hold some rows out, or train for all epochs")
    return torch.nonzero(trained).flatten(), held_out


def _check(
    x: Tensor, context: Tensor | None, epochs: int, batch_size: int, patience: int | None, average: float
) -> None:
    if context is not None and len(context) != len(x):
        raise InputError(f"x has {len(x)} rows, its context {len(context)}: they must belong together")
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be 1 or more, not {value}")
    if not 0 <= average < 1:
        raise InputError(f"average must be within 0 .. 1, not {average}")


def _loss_of(model: nn.Module, loss: LossFunction | None) -> LossFunction:
    if loss is not None:
        return loss
    if not isinstance(model, Trainable):
        raise InputError(f"{type(model).__name__} has no method loss(x, context): pass one as loss=")
    return model.loss


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _blame(loss: Tensor, model: nn.Module) -> str:
    """Which of a loss and its gradients is not finite."""
    if not torch.isfinite(loss.detach()):
        return f"the loss is {loss.item()}"
    gradients = ((name, weight.grad) for name, weight in model.named_parameters() if weight.grad is not None)
    name = name_not_finite(gradients)
    if name is None:
        return "the norm of the gradient is too large for its floating-point type"
    gradient = model.get_parameter(name).grad
    assert gradient is not None
    return f"the gradient of {name} is not finite ({describe_not_finite(gradient)})"


def _failure(epoch: int, kept: int, what: str) -> NotFiniteError:
    weights = f"the weights of epoch {kept} are kept" if kept else "the weights are as they were"
    return NotFiniteError(
        f"training stopped in epoch {epoch}, {what}; {weights}. A smaller step size, or a limit on the gradient's "
        "norm, often helps"
    )
