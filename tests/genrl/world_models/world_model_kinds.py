"""A small world model of each kind, for the tests that all must pass."""

from collections.abc import Callable
from dataclasses import replace

from genrl.autoencoders import VAE, VQVAE
from genrl.flows import NeuralSplineFlow
from genrl.generative_model import GenerativeModel
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


def seeded(model: Dynamics, seed: int) -> Dynamics:
    """The model, whose first weights and whose fit follow from this seed."""
    model.fitting = replace(model.fitting, seed=seed)
    return model


def settings(updates: int, learning_rate: float = 5e-3, **others: float) -> GradientFitting:
    return GradientFitting(updates=updates, batch_size=128, learning_rate=learning_rate, **others)  # type: ignore[arg-type]


def mixture(updates: int) -> GenerativeModel:
    return MixtureDensityNetwork(3, hidden=(32,), fitting=settings(updates, 1e-2))


def flow(updates: int) -> GenerativeModel:
    return NeuralSplineFlow(transforms=2, hidden=(32,), fitting=settings(updates))


def score(updates: int) -> GenerativeModel:
    fitting = settings(updates, average=0.99)
    return ScoreModel(hidden=(64, 64), evaluations=12, context_dropout=0.0, fitting=fitting)


def vae(updates: int) -> GenerativeModel:
    return VAE(2, hidden=(64,), variance="code", fitting=settings(updates))


def vq(updates: int) -> GenerativeModel:
    return VQVAE(32, code_width=4, positions=2, hidden=(64,), fitting=settings(updates))


def sampled(sampler: GenerativeModel, updates: int) -> SamplerWorldModel:
    return SamplerWorldModel(sampler, hidden=(32,), fitting=settings(min(200, 4 * updates), 5e-3))


def recurrent(updates: int) -> RecurrentWorldModel:
    fitting = GradientFitting(updates=updates, batch_size=64, learning_rate=5e-3)
    output = MixtureDensityNetwork(3, hidden=(32,))
    return RecurrentWorldModel(output, remembered=16, window=5, hidden=(32,), fitting=fitting)


def ensemble(updates: int) -> EnsembleWorldModel:
    return EnsembleWorldModel(members=4, elites=3, hidden=(32,), fitting=settings(updates, 3e-3))


def latent(updates: int) -> LatentWorldModel:
    fitting = GradientFitting(updates=updates, batch_size=64, learning_rate=5e-3)
    return LatentWorldModel(remembered=32, drawn=4, hidden=32, window=6, free_nats=0.1, fitting=fitting)


KINDS: dict[str, Callable[[int], Dynamics]] = {
    "ensemble": ensemble,
    "latent": latent,
    "mixture": lambda updates: sampled(mixture(updates), updates),
    "flow": lambda updates: sampled(flow(updates), updates),
    "score": lambda updates: sampled(score(updates), updates),
    "vae": lambda updates: sampled(vae(updates), updates),
    "vq": lambda updates: sampled(vq(updates), updates),
    "recurrent": recurrent,
}
"""Made for so many updates of a fit."""

ENOUGH = {
    "ensemble": 300,
    "latent": 400,
    "mixture": 250,
    "flow": 200,
    "score": 500,
    "vae": 800,
    "vq": 250,
    "recurrent": 300,
}
"""Updates after which the linear system is known."""
