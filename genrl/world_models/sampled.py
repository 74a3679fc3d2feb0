"""A world model whose steps are drawn from any conditional model of the package."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.protocols import Discrete, Sampler
from genrl.training.fit import FitHistory
from genrl.training.gradient_fitting import GradientFitting
from genrl.training.watched_fit import watched_fit
from genrl.world_models.dreamt import DreamState, Dreamt
from genrl.world_models.dynamics import Dynamics, Progress
from genrl.world_models.experience import Experience
from genrl.world_models.fitting import fit_with_held_out
from genrl.world_models.outcomes import Outcomes
from genrl.world_models.own_draws import draws_from
from genrl.world_models.side_networks import SideNetworks
from genrl.world_models.step_rows import StepUnits, step_rows

__all__ = ["SamplerWorldModel", "check_outcome_sampler"]


class SamplerWorldModel(Dynamics):
    """p(change of the observation, reward | observation, action) by a model that can be sampled given a context.

    Whatever shape the outcomes have, the model may have it: of two things that may happen it draws one or the other,
    where a Gaussian draws what lies between. The model is fitted by its own `fit`, with its own settings; `learn` fits
    it anew. Terminations are judged by what was drawn.

    One model, not several, dreams: far ahead its intervals hold what the system leaves open, and nothing of what the
    model does not know. That is the business of the disagreement (see `SideNetworks`), which cuts dreams short.

    Args:
        sampler: of the outcome, not fitted; the object itself is fitted, and belongs to the world model from then on.
        noise: deviation of what is added to the outcomes that it is fitted to, in deviations of the data: what follows
            a step of a deterministic system has no density, and a likelihood no upper bound.
        hidden: widths of the networks beside the sampler.
        fitting: how those are trained; its seed is also that of the sampler's weights, and of what is held out.

    Raises:
        InputError: the model cannot be sampled, or models integers; a number is out of its range.

    >>> from gymnasium import spaces
    >>> from genrl.flows import NeuralSplineFlow
    >>> model = SamplerWorldModel(NeuralSplineFlow(transforms=2, hidden=(16,)))
    >>> _ = model.build(4, spaces.Box(-1, 1, (2,)), learns_terminations=False)
    >>> model.predict(torch.zeros(10, 4), torch.zeros(10, 2)).sample().shape
    torch.Size([10, 5])
    """

    goes_on = False

    def __init__(
        self,
        sampler: GenerativeModel,
        *,
        noise: float = 0.02,
        hidden: tuple[int, ...] = (128, 128),
        fitting: GradientFitting = GradientFitting(updates=2000, learning_rate=1e-3),
    ) -> None:
        super().__init__()
        check_outcome_sampler(sampler)
        at_least(0, noise=noise)
        at_least(1, hidden=hidden)
        self.sampler = sampler
        self.noise = noise
        self.hidden = tuple(hidden)
        self.fitting = fitting

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        """Nothing but the observation."""
        return {"observations": observations.to(self.units.bounds)}

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        """One step of each dream."""
        assert isinstance(self.sampler, Sampler)
        context = self.units.context(state["observations"], actions)
        with torch.no_grad(), draws_from(generator):
            outcomes = self.sampler.sample((), context)
        following, rewards = self.units.following(state["observations"], outcomes)
        return Dreamt(
            state={"observations": following},
            observations=following,
            rewards=rewards,
            termination_logits=self.beside.termination_logits(context, outcomes),
            disagreement=self.beside.disagreement(context),
        )

    def predict(self, obs: Tensor, actions: Tensor) -> Outcomes:
        """The sampler's distribution of (next observation, reward), (rows, observation_dim + 1)."""
        self.require_built()
        return Outcomes(self.sampler, self.units.context(obs, actions), self.units, obs)

    def _build(self, observation_features: int, action_features: int) -> None:
        inputs, columns = observation_features + action_features, observation_features + 1
        self.units = StepUnits(observation_features, action_features)
        self.sampler.build(columns, inputs)
        self.beside = SideNetworks(inputs, columns, hidden=self.hidden, ends=self.learns_terminations)

    def _learn(self, experience: Experience, held_out: Experience, progress: Progress | None) -> FitHistory:
        self.units.measure(experience)
        fit_with_held_out(
            self.beside,
            step_rows(experience),
            step_rows(held_out),
            lambda rows, context: {"loss": self.beside.loss(*self.units.split(rows))},
            self.fitting,
            None,
        )
        # From the CPU, so that the noise does not depend on where the model is.
        context, outcomes, _ = (part.cpu() for part in self.units.split(step_rows(experience)))
        try:
            with torch.random.fork_rng():
                torch.manual_seed(self.fitting.seed)
                noisy = outcomes + self.noise * torch.randn_like(outcomes)
                return watched_fit(lambda note: self.sampler.fit(noisy, context=context, progress=note), progress)
        finally:
            self.to(self.device).eval()


def check_outcome_sampler(model: GenerativeModel) -> None:
    """Refuse a model that numbers cannot be drawn from.

    Raises:
        InputError: it has no samples, or those of integers.
    """
    if not isinstance(model, Sampler):
        raise InputError(
            f"{type(model).__name__} cannot be sampled, so that nothing can be dreamt in it: take a model of "
            "genrl.flows, genrl.mixtures.MixtureDensityNetwork, genrl.score.ScoreModel or genrl.autoencoders.VQVAE"
        )
    if isinstance(model, Discrete) and model.takes_integers:
        raise InputError(
            f"{type(model).__name__} is of integers, and what follows a step is real numbers: wrap it in "
            "genrl.discretised.Discretised"
        )
