"""A memory over observations and actions, and a conditional density of what follows (Ha & Schmidhuber 2018)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genrl.argument_checks import at_least
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.protocols import Density, Sampler, Trainable
from genrl.training.fit import FitHistory
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models.dreamt import DreamState, Dreamt
from genrl.world_models.dynamics import Dynamics, Progress
from genrl.world_models.experience import Experience
from genrl.world_models.fitting import fit_windows
from genrl.world_models.outcomes import Outcomes
from genrl.world_models.own_draws import draws_from
from genrl.world_models.sampled import check_outcome_sampler
from genrl.world_models.side_networks import SideNetworks
from genrl.world_models.step_rows import StepUnits, step_rows

__all__ = ["RecurrentWorldModel"]


class RecurrentWorldModel(Dynamics):
    """h_t = GRU(h_{t-1}, observation_t, action_t), and a density of the outcome given h_t; one likelihood trains both.

    With a mixture of Gaussians as its output it is the MDN-RNN (Ha & Schmidhuber 2018, section 2.3). The memory tells
    what one observation does not; of two things that may happen a mixture keeps both.

    Departures from the paper: a GRU in place of an LSTM; observations are foreseen, not the codes of an autoencoder
    (that of `PixelCodes` may come before it); the output sees the observation and the action beside the memory, which
    are the better part of what there is to know; a reward; no temperature. A window begins with an empty memory, so
    that a dream can begin from any one observation. Terminations and disagreement are as in `SamplerWorldModel`, given
    what the output is given.

    Args:
        output: a density of the outcome that is trained by its `loss`, not fitted; the object itself is trained.
        remembered: width of the memory.
        window: steps of a sequence trained on; of experience in shorter pieces, the length of the longest.
        noise: as for `SamplerWorldModel`.
        hidden: widths of the networks beside it.
        fitting: how all of it is trained, a row being a window.

    Raises:
        InputError: the output has no exact density, no samples or no loss, or models integers; a number is out of its
            range.

    >>> from gymnasium import spaces
    >>> from genrl.mixtures import MixtureDensityNetwork
    >>> model = RecurrentWorldModel(MixtureDensityNetwork(5, hidden=(16,)), remembered=16)
    >>> _ = model.build(4, spaces.Box(-1, 1, (2,)), learns_terminations=False)
    >>> model.predict(torch.zeros(10, 4), torch.zeros(10, 2)).sample().shape
    torch.Size([10, 5])
    """

    def __init__(
        self,
        output: GenerativeModel,
        *,
        remembered: int = 128,
        window: int = 12,
        noise: float = 0.02,
        hidden: tuple[int, ...] = (128, 128),
        fitting: GradientFitting = GradientFitting(updates=4000, batch_size=32, learning_rate=1e-3),
    ) -> None:
        super().__init__()
        check_outcome_sampler(output)
        if not isinstance(output, Trainable) or not isinstance(output, Density) or output.log_prob_kind != "exact":
            raise InputError(
                f"{type(output).__name__} cannot be trained together with a memory, by its exact likelihood: take "
                "genrl.mixtures.MixtureDensityNetwork or a model of genrl.flows, or the model alone in a "
                "SamplerWorldModel"
            )
        at_least(1, remembered=remembered, window=window, hidden=hidden)
        at_least(0, noise=noise)
        self.output = output
        self.remembered = remembered
        self.window = window
        self.noise = noise
        self.hidden = tuple(hidden)
        self.fitting = fitting

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        """Nothing remembered."""
        observations = observations.to(self.units.bounds)
        return {"observations": observations, "h": observations.new_zeros(len(observations), self.remembered)}

    def begin_after(
        self, observations: Tensor, actions: Tensor, generator: torch.Generator | None = None
    ) -> DreamState:
        """The past goes into the memory."""
        state = self.begin(observations[:, 0])
        for step in range(actions.shape[1]):
            _, h = self._remember(state, actions[:, step])
            state = {"observations": observations[:, step + 1].to(h), "h": h}
        return state

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        """One step of each dream."""
        assert isinstance(self.output, Sampler)
        context, h = self._remember(state, actions)
        with torch.no_grad(), draws_from(generator):
            outcomes = self.output.sample((), context)
        following, rewards = self.units.following(state["observations"], outcomes)
        return Dreamt(
            state={"observations": following, "h": h},
            observations=following,
            rewards=rewards,
            termination_logits=self.beside.termination_logits(context, outcomes),
            disagreement=self.beside.disagreement(context),
        )

    def predict(self, obs: Tensor, actions: Tensor) -> Outcomes:
        """The output's distribution of (next observation, reward), (rows, observation_dim + 1), without a past."""
        self.require_built()
        context, _ = self._remember(self.begin(obs), actions)
        return Outcomes(self.output, context, self.units, obs)

    def loss(self, batch: Tensor, context: Tensor | None = None) -> Mapping[str, Tensor]:
        """The output's own loss a step, and that of the networks beside it, which move neither memory nor output.

        Args:
            batch: (rows, window, inputs + columns + 1), as of `step_rows`.
            context: (rows, window) bool, which of the steps count; all by default.
        """
        assert isinstance(self.output, Trainable)
        inputs, outcomes, ends = self.units.split(batch)
        memories, _ = self.memory(inputs)
        counted = torch.ones_like(ends, dtype=torch.bool) if context is None else context
        given = torch.cat([memories, inputs], -1)[counted]  # (steps, remembered + inputs)
        wanted = outcomes[counted]
        noisy = wanted + self.noise * torch.randn_like(wanted)
        likelihood = self.output.loss(noisy, given)["loss"]
        beside = self.beside.loss(given.detach(), wanted, ends[counted])
        return {"loss": likelihood + beside, "negative_log_likelihood": likelihood.detach()}

    def _build(self, observation_features: int, action_features: int) -> None:
        inputs, columns = observation_features + action_features, observation_features + 1
        given = self.remembered + inputs
        self.units = StepUnits(observation_features, action_features)
        self.memory = nn.GRU(inputs, self.remembered, batch_first=True)
        self.output.build(columns, given)
        self.beside = SideNetworks(given, columns, hidden=self.hidden, ends=self.learns_terminations)

    def _learn(self, experience: Experience, held_out: Experience, progress: Progress | None) -> FitHistory:
        self.units.measure(experience)
        history = fit_windows(
            self,
            experience,
            held_out,
            self.window,
            rows=step_rows,
            loss=self.loss,
            settings=self.fitting,
            progress=progress,
        )
        self.eval()
        return history

    def _remember(self, state: DreamState, actions: Tensor) -> tuple[Tensor, Tensor]:
        """What the output is given, (rows, remembered + inputs), and the memory after the step."""
        inputs = self.units.context(state["observations"], actions)
        _, h = self.memory(inputs[:, None], state["h"][None])
        return torch.cat([h[0], inputs], 1), h[0]
