"""One round of learning in dreams: how far it has come, and what it did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from genrl.training.fit_history import FitHistory

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
