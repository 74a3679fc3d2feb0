"""One round of learning in dreams: how far it has come, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from genrl.training.fit_history import FitEpoch, FitHistory

__all__ = ["DreamRound", "RoundUnderWay"]

RoundStage = Literal["collect", "fit", "dream"]


@dataclass(frozen=True, kw_only=True)
class DreamRound:
    """What one round did.

    Attributes:
        number: counted from 1.
        real_steps: taken so far, over all rounds.
        dreamt_steps: likewise.
        episode_returns: true returns of the real episodes that ended in this round, with exploration.
        history: of the model's fit.
    """

    number: int
    real_steps: int
    dreamt_steps: int
    episode_returns: tuple[float, ...]
    history: FitHistory

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> DreamRound:
        """The inverse of `to_document`."""
        returns = tuple(document["episode_returns"])
        return cls(**{**document, "episode_returns": returns, "history": _history(document["history"])})


@dataclass(kw_only=True)
class RoundUnderWay:
    """A round that has begun.

    Attributes:
        real_steps: that it takes.
        episodes_before: real episodes that had ended when it began.
        stage: what it is about to do or doing: take real steps, fit the model, or learn in dreams.
        dream_until: steps that the learner will have dreamt, over all rounds, when it is over.
        history: of the model's fit, once that is over.
    """

    real_steps: int
    episodes_before: int
    stage: RoundStage = "collect"
    dream_until: int = 0
    history: FitHistory | None = None

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RoundUnderWay:
        """The inverse of `to_document`."""
        history = None if document["history"] is None else _history(document["history"])
        return cls(**{**document, "history": history})


def _history(document: Mapping[str, Any]) -> FitHistory:
    epochs = tuple(FitEpoch(**epoch) for epoch in document["epochs"])
    return FitHistory(epochs=epochs, kept=document["kept"], stopped=document["stopped"])
