"""Fits a policy that draws its actions from a model in the model's own way, with the settings of cloning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from genrl.policies import SamplerPolicy
from genrl.training.fit import FitEpoch, FitHistory
from genrl.training.watched_fit import watched_fit

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
    noisy = actions + noise * torch.randn_like(actions)
    return watched_fit(lambda note: policy.fit(observations, noisy, episodes=episodes, progress=note), progress)
