"""What a fit reports: its passes over the data, and why it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

__all__ = ["FitEpoch", "FitHistory", "Stopped", "pack_epochs", "unpack_epochs"]

Stopped = Literal["epochs", "patience", "asked"]


@dataclass(frozen=True, kw_only=True)
class FitEpoch:
    """One pass over the data.

    Attributes:
        number: counted from 1.
        planned: how many there will be at most.
        train: means over the rows trained on, as they were met.
        validation: means over the rows held out, after the pass; empty if there are none.
    """

    number: int
    planned: int
    train: dict[str, float]
    validation: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class FitHistory:
    """What happened.

    Attributes:
        epochs: in order.
        kept: number of the epoch after which the model had the weights that it has now; 0 for those it came with.
        stopped: all epochs were done, or no more improvement for `patience` of them, or `progress` or a signal asked
            for an end.
    """

    epochs: tuple[FitEpoch, ...]
    kept: int
    stopped: Stopped

    def followed_by(self, later: FitHistory) -> FitHistory:
        """Of both fits, one after the other, as if the epochs of the second had been counted on."""
        kept = self.kept if later.kept == 0 else len(self.epochs) + later.kept
        return FitHistory(epochs=(*self.epochs, *later.epochs), kept=kept, stopped=later.stopped)


def pack_epochs(epochs: Sequence[FitEpoch]) -> dict[str, Tensor]:
    """Epochs as float64 tensors, without loss.

    Returns:
        `numbers` (epochs, 2), the number of each and how many were planned; and for each metric, as
        `train.<metric>` or `validation.<metric>`, (epochs that report it, 2), the place of the epoch and the value.

    >>> epoch = FitEpoch(number=1, planned=2, train={"loss": 0.1}, validation={})
    >>> unpack_epochs(pack_epochs([epoch])) == [epoch]
    True
    """
    packed: dict[str, list[tuple[float, float]]] = {"numbers": [(epoch.number, epoch.planned) for epoch in epochs]}
    for place, epoch in enumerate(epochs):
        for side, metrics in (("train", epoch.train), ("validation", epoch.validation)):
            for name, value in metrics.items():
                packed.setdefault(f"{side}.{name}", []).append((place, value))
    return {name: torch.tensor(pairs, dtype=torch.float64).reshape(-1, 2) for name, pairs in packed.items()}


def unpack_epochs(packed: dict[str, Tensor]) -> list[FitEpoch]:
    """The inverse of `pack_epochs`."""
    epochs = [
        FitEpoch(number=int(number), planned=int(planned), train={}, validation={})
        for number, planned in packed["numbers"].tolist()
    ]
    for name, pairs in packed.items():
        side, _, metric = name.partition(".")
        for place, value in pairs.tolist() if metric else ():
            getattr(epochs[int(place)], side)[metric] = value
    return epochs
