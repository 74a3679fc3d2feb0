"""The world models that have a name on the command line; in Python pass your own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from genrl.autoencoders import VAE, VQVAE
from genrl.discretised import Discretised
from genrl.flows import NeuralSplineFlow
from genrl.mixtures import MixtureDensityNetwork
from genrl.score import ScoreModel
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models import (
    Dynamics,
    EnsembleWorldModel,
    LatentWorldModel,
    RecurrentWorldModel,
    SamplerWorldModel,
)

__all__ = ["MODELS", "WorldModelName", "planned_updates", "with_fitting"]

WorldModelName = Literal["ensemble", "latent", "recurrent-mixture", "mixture", "flow", "score", "vae", "vq"]

FITTING = GradientFitting(updates=4000, learning_rate=1e-3)


def _ensemble(hidden: int | None) -> Dynamics:
    return EnsembleWorldModel() if hidden is None else EnsembleWorldModel(hidden=(hidden,) * 3)


def _latent(hidden: int | None) -> Dynamics:
    return LatentWorldModel() if hidden is None else LatentWorldModel(hidden=hidden)


def _recurrent_mixture(hidden: int | None) -> Dynamics:
    width = hidden or 128
    output = MixtureDensityNetwork(5, hidden=(width, width), activation="silu")
    return RecurrentWorldModel(output, remembered=width)


def _mixture(hidden: int | None) -> Dynamics:
    return SamplerWorldModel(MixtureDensityNetwork(5, hidden=(hidden or 200,) * 3, fitting=FITTING))


def _flow(hidden: int | None) -> Dynamics:
    return SamplerWorldModel(NeuralSplineFlow(transforms=4, hidden=(hidden or 128,) * 2, fitting=FITTING))


def _score(hidden: int | None) -> Dynamics:
    fitting = replace(FITTING, average=0.999)
    # Few evaluations, as a dream takes so many of them at each step; and no use for guidance.
    return SamplerWorldModel(
        ScoreModel(evaluations=12, context_dropout=0.0, hidden=(hidden or 200,) * 3, fitting=fitting)
    )


def _vae(hidden: int | None) -> Dynamics:
    return SamplerWorldModel(VAE(variance="code", hidden=(hidden or 200,) * 2, fitting=FITTING))


def _vq(hidden: int | None) -> Dynamics:
    return SamplerWorldModel(VQVAE(128, hidden=(hidden or 200,) * 2, fitting=FITTING))


MODELS: dict[WorldModelName, Callable[[int | None], Dynamics]] = {
    "ensemble": _ensemble,
    "latent": _latent,
    "recurrent-mixture": _recurrent_mixture,
    "mixture": _mixture,
    "flow": _flow,
    "score": _score,
    "vae": _vae,
    "vq": _vq,
}
"""Made with hidden layers of so many units, or as wide as the model has them by itself."""


def with_fitting(model: Dynamics, *, updates: int | None, seed: int) -> Dynamics:
    """The model, with a seed, and with so many gradient steps of each of its parts or their own numbers.

    A part that is fitted in another way, such as by EM, is left as it is.
    """
    sampler = model.sampler if isinstance(model, SamplerWorldModel) else None
    parts: tuple[Any, ...] = (model, sampler.model if isinstance(sampler, Discretised) else sampler)
    for fitted in parts:
        if not isinstance(getattr(fitted, "fitting", None), GradientFitting):
            continue
        fitted.fitting = replace(fitted.fitting, updates=updates or fitted.fitting.updates, seed=seed)
    return model


def planned_updates(model: Dynamics) -> int:
    """Gradient steps of what its `progress` tells of."""
    fitted: Any = model.sampler if isinstance(model, SamplerWorldModel) else model
    return int(fitted.fitting.updates)
