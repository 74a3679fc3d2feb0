"""What learning in dreams can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from genrl.errors import InputError

from .dream_learners import DreamPPOConfig, DreamSACConfig
from .world_model_choices import WorldModelName

__all__ = ["DreamingConfig"]


@dataclass(frozen=True, kw_only=True)
class DreamingConfig:
    """Settings of learning in dreams."""

    first_steps: int | None = None
    """Real steps of random actions before the first fit; by default five episodes as long as the task lets them be, and
    500 steps where it sets no limit."""
    steps_per_round: int = 250
    """Real steps between two fits of the model."""
    model: WorldModelName = "ensemble"
    """What dreams, by the names of `train_world_model.py`."""
    model_hidden: tuple[int, ...] = (200, 200)
    """Widths of its hidden layers; those other than the ensemble have one width for all, the first of these."""
    first_updates: int = 500
    """Gradient steps of the model's first fit."""
    model_updates: int = 200
    """Of each fit after it, which goes on from the weights that there are. Where a model cannot go on, it learns anew
    with `first_updates`."""
    dreams: int = 128
    """Side by side."""
    horizon: int = 5
    """The most steps of a dream."""
    disagreement_level: float | None = 0.999
    """A dream is cut short where the model disagrees more than at this fraction of held-out real steps."""
    learner: Literal["sac", "ppo"] = "sac"
    """What learns in the dreams."""
    sac: DreamSACConfig = field(default_factory=DreamSACConfig)
    """Settings of SAC."""
    ppo: DreamPPOConfig = field(default_factory=DreamPPOConfig)
    """Settings of PPO."""

    def __post_init__(self) -> None:
        for name in ("first_steps", "steps_per_round", "first_updates", "model_updates", "dreams", "horizon"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be 1 or more, not {value}")
        if not self.model_hidden:
            raise InputError("model_hidden must name one width at least")
