"""Fits a policy that draws its actions from a model in the model's own way, with the settings of cloning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from genrl.policies import SamplerPolicy
from genrl.training.fit import FitEpoch, FitHistory

__all__ = ["fit_sampler"]


def fit_sampler(
    policy: SamplerPolicy,
    observations: Tensor,
    actions: Tensor,
    *,
    episodes: Tensor,
    noise: Tensor,
    progress: Callable[[FitEpoch], bool | None] | None = None,
    **settings: Any,
) -> FitHistory:
    """Fit the policy's model from scratch.

    Args:
        policy: fitted in place.
        observations: (rows, columns) raw.
        actions: (rows, columns).
        episodes: (rows,) numbers of the episodes, for a policy that acts in chunks.
        noise: (columns,) deviation of what is added to the actions: a deterministic teacher's lie on a surface, where
            a density has no upper bound and a discriminator is soon sure.
        progress: called after each pass or report; a False that it returns ends the fit.
        **settings: replace those of the model's own `fitting`, if it has any.
    """
    sampler: Any = policy.sampler
    if is_dataclass(getattr(sampler, "fitting", None)):
        sampler.fitting = replace(sampler.fitting, **settings)
    epochs: list[FitEpoch] = []
    asked = False

    def note(epoch: FitEpoch) -> bool:
        nonlocal asked
        epochs.append(epoch)
        asked = progress is not None and progress(epoch) is False
        return not asked

    policy.fit(observations, actions + noise * torch.randn_like(actions), episodes=episodes, progress=note)
    # The weights kept are those of the best pass of the last stage, or of its last if nothing was held out to tell.
    stage = [epoch for epoch in epochs if epoch.planned == epochs[-1].planned]
    best = min(stage, key=lambda epoch: (epoch.validation.get("loss", 0.0), -epoch.number), default=None)
    kept = 0 if best is None else best.number
    return FitHistory(epochs=tuple(epochs), kept=kept, stopped=_ended(epochs, asked=asked))


def _ended(epochs: list[FitEpoch], *, asked: bool) -> Any:
    if asked:
        return "asked"
    return "not finite" if epochs and epochs[-1].number < epochs[-1].planned else "epochs"
