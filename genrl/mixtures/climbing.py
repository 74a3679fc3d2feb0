"""The iterations of expectation-maximisation: reported, ended when that is asked for, and resumed after that."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from math import inf, isfinite
from typing import Any, Generic, TypeVar

from torch import Tensor

from genrl.errors import InputError, NotFiniteError
from genrl.generative_model import Progress
from genrl.training.fit_checkpoints import FitState, begin_stage, stop_requested
from genrl.training.fit_history import FitEpoch

__all__ = ["Iterations", "Watch"]

Group = TypeVar("Group")


class Watch:
    """Hands epochs on until the answer is to stop, and remembers it.

    Args:
        progress: the caller's; None never asks.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._asked = False
        self._progress = progress

    def __call__(self, epoch: FitEpoch) -> None:
        """Report one iteration."""
        if self._progress is not None and not self._asked:
            self._asked = self._progress(epoch) is False

    @property
    def asked(self) -> bool:
        """The end was asked for: by the answer, or by a signal."""
        return self._asked or stop_requested()


class Iterations(Generic[Group]):
    """The iterations of one climb, which begins where an interrupted one had come to (see `FitCheckpoints`).

    Attributes:
        parameters: that the next iteration begins with.
        objective: what the climb makes large, after the last iteration.
        done: how many there were.

    Args:
        watch: of all climbs of the fit.
        planned: how many there are at most.
        start: a dataclass of tensors, or of such dataclasses.

    Raises:
        InputError: the checkpoint is of another fit.
    """

    def __init__(self, watch: Watch, planned: int, start: Group) -> None:
        self.parameters, self.objective, self.done = start, -inf, 0
        self._watch = watch
        self._planned = planned
        self._epochs: list[FitEpoch] = []
        self._stage = begin_stage("expectation-maximisation")
        saved = self._stage.saved
        if saved is not None:
            if {name: each.shape for name, each in saved.tensors.items()} != {
                name: each.shape for name, each in _tensors(start).items()
            }:
                raise InputError("the checkpoint is of another mixture: its parameters have other shapes")
            self.parameters = _with_tensors(start, dict(saved.tensors))
            self._epochs, self.objective = list(saved.epochs), float(saved.document["objective"])
            self.done = len(self._epochs)
            self._stage.replay(watch)

    def follow(self, loss: float, objective: float, parameters: Group, *, settled: bool) -> bool:
        """To be called after each iteration: whether another one follows.

        Args:
            loss: to be reported, in nats a row.
            objective: as it is now.
            parameters: that the next iteration, if there is one, begins with.
            settled: the objective gains too little for another iteration.

        Raises:
            NotFiniteError: the objective is NaN or infinite.
        """
        self.done, self.objective = self.done + 1, objective
        if not isfinite(objective):
            raise NotFiniteError(
                f"expectation-maximisation stopped in iteration {self.done}: its objective is {objective}. A larger "
                "reg_covar, or data of a smaller scale, often helps"
            )
        self._epochs.append(FitEpoch(number=self.done, planned=self._planned, train={"loss": loss}, validation={}))
        self._watch(self._epochs[-1])
        if settled or self.done == self._planned:
            self._stage.complete()
            return False
        self.parameters = parameters
        asked = self._watch.asked  # once: a signal may arrive at any time
        self._stage.reached(self._state, last=asked)
        return not asked

    def _state(self) -> FitState:
        return FitState(
            tensors=_tensors(self.parameters), document={"objective": self.objective}, epochs=tuple(self._epochs)
        )


def _tensors(group: Any, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a dataclass, and of those inside it, by name."""
    found: dict[str, Tensor] = {}
    for field in fields(group):
        value = getattr(group, field.name)
        found |= _tensors(value, f"{prefix}{field.name}.") if is_dataclass(value) else {f"{prefix}{field.name}": value}
    return found


def _with_tensors(group: Any, tensors: dict[str, Tensor], prefix: str = "") -> Any:
    """The dataclass with other tensors, where, of what type and of what memory layout its own are.

    By the layout products of matrices are rounded.
    """
    values = {}
    for field in fields(group):
        value, name = getattr(group, field.name), f"{prefix}{field.name}"
        values[field.name] = (
            _with_tensors(value, tensors, f"{name}.") if is_dataclass(value) else value.clone().copy_(tensors[name])
        )
    return replace(group, **values)
