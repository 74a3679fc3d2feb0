"""Exact resumption of fits: what training loops store at the end of an epoch, and what they begin again from.

A fit may consist of several training loops (a VQ-VAE, then the prior of its codes), called stages here, deep inside
models that know nothing of checkpoints. While a `FitCheckpoints` is entered, every loop that begins is the next stage
of it: a stage that was completed before takes its final state at once, the one that was interrupted goes on from its
last stored epoch, later ones begin as usual. What lies between the loops is simply computed again, as it follows from
the seed and from the states of the loops. Outside of such a `with` block nothing is stored and nothing costs time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from numpy.typing import NDArray
from torch import Tensor

from genrl import stop_signals
from genrl.errors import InputError
from genrl.training.checkpoint import CheckpointParts
from genrl.training.fit_history import FitEpoch, pack_epochs, unpack_epochs
from genrl.training.reading import reading
from genrl.training.seeding import random_state, restore_random_state

__all__ = ["FitCheckpoints", "FitStage", "FitState", "FitStopped", "begin_stage", "stop_requested"]

SECONDS_BETWEEN_COPIES = 1.0
SECONDS_BETWEEN_CHECKPOINTS = 30.0

Item = TypeVar("Item")


class FitStopped(Exception):
    """Leaves a training loop in the middle of an epoch, which is discarded; the loop catches it."""


@dataclass(frozen=True, kw_only=True)
class FitState:
    """All that a training loop needs to go on from the end of an epoch.

    Attributes:
        tensors: weights, and what optimizers and averages hold.
        document: JSON.
        epochs: done so far.
    """

    tensors: Mapping[str, Tensor]
    document: Mapping[str, Any]
    epochs: tuple[FitEpoch, ...] = ()

    def groups(self) -> dict[str, dict[str, Tensor]]:
        """The tensors by the part of their name before the first dot."""
        groups: dict[str, dict[str, Tensor]] = {}
        for name, tensor in self.tensors.items():
            group, _, member = name.partition(".")
            groups.setdefault(group, {})[member] = tensor
        return groups


@dataclass(kw_only=True)
class _Record:
    """What is stored of one stage."""

    kind: str
    completed: bool = False
    state: FitState | None = None
    random: dict[str, NDArray[Any]] = field(default_factory=dict)


class FitCheckpoints:
    """While entered, training loops store their states here and begin from those that were stored before.

    Args:
        saved: what `save` was given in an earlier process; None begins anew.
        save: writes a checkpoint: called every `every_seconds`, and when the `with` block is left.
        stop: whether the fit is to end, asked between two batches; by default a stop signal (`StopSignals`) ends it.
        every_seconds: between two checkpoints; a process that is killed loses at most this and one epoch.

    Attributes:
        replaying: whether epochs of an earlier process are being reported again, which restores the state of every
            `progress` callback; a display need not show them.

    Raises:
        InputError: `saved` is damaged.

    >>> import torch
    >>> from genrl.training.fit import fit
    >>> def fitted(saved, last):
    ...     torch.manual_seed(0)
    ...     model = torch.nn.Linear(1, 1)
    ...     loss = lambda x, context: {"loss": (model(x) - x).square().mean()}
    ...     with FitCheckpoints(saved) as checkpoints:
    ...         fit(model, torch.arange(9.0)[:, None], loss=loss, epochs=5, progress=lambda epoch: epoch.number < last)
    ...     return model.weight.item(), checkpoints.state()
    >>> _, half = fitted(None, last=3)
    >>> fitted(half, last=9)[0] == fitted(None, last=9)[0]
    True
    """

    def __init__(
        self,
        saved: CheckpointParts | None = None,
        *,
        save: Callable[[CheckpointParts], None] | None = None,
        stop: Callable[[], bool] = stop_signals.stop_requested,
        every_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
    ) -> None:
        self.replaying = False
        self._before = [] if saved is None else _unpack(saved)
        self._records: list[_Record] = []
        self._save = save
        self._stop = stop
        self._every_seconds = every_seconds
        self._interrupted = False
        self._unsaved = False
        self._saved_at = self._copied_at = time.monotonic()
        self._token: Token[FitCheckpoints | None] | None = None

    def __enter__(self) -> FitCheckpoints:
        self._token = _current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._token is not None
        _current.reset(self._token)
        self.write()

    @property
    def epochs_done(self) -> int:
        """Epochs in the stored states of all stages."""
        return sum(len(record.state.epochs) for record in self._all() if record.state is not None)

    def state(self) -> CheckpointParts:
        """The states of all stages: `fit` among the tensors and the documents, `fit_random` among the arrays."""
        return _pack(self._all())

    def write(self) -> None:
        """Save now, if there is something new."""
        if self._save is not None and self._unsaved:
            with stop_signals.uninterrupted():
                self._save(self.state())
            self._unsaved = False
        self._saved_at = time.monotonic()

    def restart(self) -> None:
        """Forget all stages: the next loop is the first one, as what was fitted so far is saved elsewhere."""
        self._records, self._before, self._interrupted, self._unsaved = [], [], False, True

    def stop_requested(self) -> bool:
        """Whether the fit is to end."""
        return self._stop()

    def _all(self) -> list[_Record]:
        """Of the stages that have begun here, and of those that an earlier process had reached after them."""
        return [*self._records, *self._before[len(self._records) :]]

    def _begin(self, kind: str) -> FitStage:
        if self._interrupted:  # by its `progress`; what follows an incomplete stage belongs to no whole fit
            return FitStage(self, None, None)
        number = len(self._records)
        before = self._before[number] if number < len(self._before) else None
        if before is not None and before.kind != kind:
            raise InputError(
                f"the checkpoint is of another fit: its stage {number + 1} is a fit by {before.kind}, not by {kind}"
            )
        self._records.append(before or _Record(kind=kind))
        return FitStage(self, self._records[-1], before)

    def _keep(self, record: _Record, take: Callable[[], FitState]) -> None:
        state = take()
        copies = {name: tensor.detach().clone() for name, tensor in state.tensors.items()}
        record.state = FitState(tensors=copies, document=state.document, epochs=state.epochs)
        record.random = random_state()
        self._unsaved = True
        self._copied_at = time.monotonic()

    def _reached(self, record: _Record, take: Callable[[], FitState], *, last: bool) -> None:
        self._interrupted = last
        if last or time.monotonic() - self._copied_at >= SECONDS_BETWEEN_COPIES:
            self._keep(record, take)
        if time.monotonic() - self._saved_at >= self._every_seconds:
            self.write()

    def _complete(self, record: _Record, take: Callable[[], FitState] | None) -> None:
        if take is not None:
            self._keep(record, take)
        record.completed = True


_current: ContextVar[FitCheckpoints | None] = ContextVar("fit_checkpoints", default=None)


def begin_stage(kind: str) -> FitStage:
    """The stage that a training loop is, to be asked for once when it begins.

    Args:
        kind: of the loop; one that goes on from the state of another kind is refused.

    Raises:
        InputError: the checkpoint is of another fit.
    """
    current = _current.get()
    return FitStage(None, None, None) if current is None else current._begin(kind)


def stop_requested() -> bool:
    """Whether the fit that is going on is to end; fits of several stages ask between them."""
    current = _current.get()
    return current is not None and current.stop_requested()


class FitStage:
    """One training loop, as `FitCheckpoints` knows it; without one it does nothing.

    Attributes:
        saved: the state to begin from; None begins anew.
        completed: `saved` is the final state, and the loop is to leave its model in it and end.
    """

    def __init__(self, checkpoints: FitCheckpoints | None, record: _Record | None, before: _Record | None) -> None:
        self.saved = None if before is None else before.state
        self.completed = before is not None and before.completed and before.state is not None
        self._checkpoints = checkpoints
        self._record = record
        self._random = {} if before is None else before.random

    def replay(self, progress: Callable[[FitEpoch], object] | None) -> None:
        """Report the epochs of `saved` again, and put the global random states back as they were after the last."""
        if self.saved is None or self._checkpoints is None:
            return
        self._checkpoints.replaying = True
        try:
            for epoch in self.saved.epochs:
                if progress is not None:
                    progress(epoch)
        finally:
            self._checkpoints.replaying = False
        restore_random_state(self._random)

    def batches(self, batches: Iterable[Item]) -> Iterable[Item]:
        """The same batches; `FitStopped` is raised between two of them when the fit is to end."""
        return batches if self._checkpoints is None else _until_stopped(batches, self._checkpoints)

    def reached(self, take: Callable[[], FitState], *, last: bool = False) -> None:
        """To be called at the end of every epoch, after `progress`.

        Args:
            take: gives the state; called now and then only.
            last: `progress` has asked for the end.
        """
        if self._checkpoints is not None and self._record is not None:
            self._checkpoints._reached(self._record, take, last=last)

    def complete(self, take: Callable[[], FitState] | None = None) -> None:
        """To be called when the loop has done all that it was to do.

        Args:
            take: gives the final state; None for a loop that rather goes on from the last one stored again.
        """
        if self._checkpoints is not None and self._record is not None:
            self._checkpoints._complete(self._record, take)


def _until_stopped(batches: Iterable[Item], checkpoints: FitCheckpoints) -> Iterator[Item]:
    for batch in batches:
        if checkpoints.stop_requested():
            checkpoints._interrupted = True
            raise FitStopped
        yield batch


def _pack(records: list[_Record]) -> CheckpointParts:
    tensors: dict[str, Tensor] = {}
    arrays: dict[str, NDArray[Any]] = {}
    stages = []
    for number, record in enumerate(records):
        stages.append({"kind": record.kind, "completed": record.completed, "state": None})
        arrays |= {f"{number}.{name}": array for name, array in record.random.items()}
        if record.state is not None:
            stages[-1]["state"] = dict(record.state.document)
            parts = {"tensors": record.state.tensors, "epochs": pack_epochs(record.state.epochs)}
            for part, group in parts.items():
                tensors |= {f"{number}.{part}.{name}": tensor for name, tensor in group.items()}
    return CheckpointParts(
        tensors={"fit": tensors}, documents={"fit": {"stages": stages}}, arrays={"fit_random": arrays}
    )


def _unpack(saved: CheckpointParts) -> list[_Record]:
    records = []
    with reading("the checkpoint of the fit"):
        for number, stage in enumerate(saved.documents["fit"]["stages"]):
            state = None
            if stage["state"] is not None:
                state = FitState(
                    tensors=_group(saved.tensors["fit"], f"{number}.tensors."),
                    document=dict(stage["state"]),
                    epochs=tuple(unpack_epochs(_group(saved.tensors["fit"], f"{number}.epochs."))),
                )
            random = _group(saved.arrays["fit_random"], f"{number}.")
            records.append(
                _Record(kind=str(stage["kind"]), completed=bool(stage["completed"]), state=state, random=random)
            )
    return records


def _group(members: Mapping[str, Item], prefix: str) -> dict[str, Item]:
    return {name.removeprefix(prefix): member for name, member in members.items() if name.startswith(prefix)}
