"""A bootstrap ensemble of probabilistic networks, as PETS has it (Chua et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from genrl.errors import InputError
from genrl.nn import Activation, Units
from genrl.training.fit import FitHistory
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models.dreamt import DreamState, Dreamt
from genrl.world_models.dynamics import Dynamics, Progress
from genrl.world_models.ensemble_mlp import EnsembleMLP
from genrl.world_models.experience import Experience
from genrl.world_models.fitting import fit_with_held_out
from genrl.world_models.losses import bounded_log_variance, gaussian_nll
from genrl.world_models.step_rows import INPUT_LIMIT, range_seen, step_rows

__all__ = ["EnsembleWorldModel"]

BOUND_WEIGHT = 0.01  # of the learned bounds of the log-variance in the loss (Chua et al. 2018, appendix A.1)
CHUNK = 8192  # held-out rows judged at once


class EnsembleWorldModel(Dynamics):
    """Gaussians over the change of the observation and the reward, of several networks trained on resampled data.

    Each network gives a mean and a log-variance for each column, in units of the data's deviations; the elites are
    those that did best on held-out steps. A dream is dreamt by one elite from its beginning to its end ("TS-inf"), so
    that dreams differ by what the networks do not know (Chua et al. 2018, section 5).

    Departures from the paper: a log-odds of termination if the data has any; resampling by counts, how often each
    step was drawn for each network, as weights in one common batch; dreams stay within the range of the observations
    seen, widened by half of it on both sides; and the networks, the weights of all of which are kept from the epoch
    with the best mean loss, see inputs cut off at ten deviations.

    The disagreement is the root mean square over observation columns of the deviation among the elites' means, in
    units of the data's deviations.

    Args:
        members: networks.
        elites: of them that dream and predict.
        hidden: widths of each network's hidden layers.
        activation: between its layers.
        fitting: how they are trained; with a step size that does not fall the members agree less where they know
            little, and forecasts of many steps are better.

    Raises:
        InputError: there are fewer members than elites.

    >>> from gymnasium import spaces
    >>> model = EnsembleWorldModel(members=3, elites=2, hidden=(16,))
    >>> _ = model.build(4, spaces.Box(-1, 1, (2,)), learns_terminations=False)
    >>> model.predict(torch.zeros(10, 4), torch.zeros(10, 2)).sample().shape
    torch.Size([10, 5])
    """

    least: Tensor
    elite_members: Tensor
    bounds: Tensor

    def __init__(
        self,
        *,
        members: int = 7,
        elites: int = 5,
        hidden: tuple[int, ...] = (200, 200, 200),
        activation: Activation = "silu",
        fitting: GradientFitting = GradientFitting(updates=4000, learning_rate=1e-3, final_fraction=1.0, patience=20),
    ) -> None:
        super().__init__()
        if not 1 <= elites <= members:
            raise InputError(f"there must be at least one elite and no more than members, not {elites} of {members}")
        self.members = members
        self.elites = elites
        self.hidden = hidden
        self.activation: Activation = activation
        self.fitting = fitting

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        """Each dream with an elite of its own."""
        drawn = torch.randint(self.elites, (len(observations),), generator=generator, device=self.device)
        return {"observations": observations.to(self.least), "elite": drawn}

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        """One step of each dream, by its own elite."""
        observations = state["observations"]
        means, log_variances, logits = self.members_given(observations, actions, self.elite_members)
        rows = torch.arange(len(observations), device=means.device)
        picked = state["elite"], rows
        noise = torch.randn(means.shape[1:], generator=generator, device=means.device)
        target = self.target_units.restore(means[picked] + (0.5 * log_variances[picked]).exp() * noise)
        following = torch.clamp(observations + target[:, :-1], *self.bounds)
        return Dreamt(
            state={"observations": following, "elite": state["elite"]},
            observations=following,
            rewards=target[:, -1],
            termination_logits=None if logits is None else logits[picked],
            disagreement=self._disagreement(means),
        )

    def predict(self, obs: Tensor, actions: Tensor) -> MixtureSameFamily:
        """The mixture of the elites' Gaussians over (next observation, reward), (rows, observation_dim + 1)."""
        self.require_built()
        means, log_variances, _ = self.members_given(obs.to(self.least), actions.to(self.least), self.elite_members)
        base = F.pad(obs.to(self.least), (0, 1))
        mean = self.target_units.restore(means) + base
        std = self.target_units.deviation * (0.5 * log_variances).exp()
        gaussians = Independent(Normal(mean.transpose(0, 1), std.transpose(0, 1)), 1)
        return MixtureSameFamily(Categorical(logits=mean.new_zeros(len(obs), self.elites)), gaussians)

    def members_given(
        self, observations: Tensor, actions: Tensor, chosen: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """What members say, in the targets' units: means and log-variances (members, rows, columns), log-odds.

        Args:
            observations: (rows, observation_dim).
            actions: (rows, action_dim).
            chosen: indices of the members that are asked; all by default.
        """
        inputs = torch.cat([observations, actions], 1)
        raw = self.networks(self.input_units.remove(inputs).clamp(-INPUT_LIMIT, INPUT_LIMIT), chosen)
        columns = self.observation_features + 1
        log_variances = bounded_log_variance(raw[..., columns : 2 * columns], self.least, self.greatest)
        return raw[..., :columns], log_variances, raw[..., -1] if self.learns_terminations else None

    def loss(self, batch: Tensor, context: Tensor | None = None) -> Mapping[str, Tensor]:
        """Each member's mean negative log-likelihood over its own steps, averaged over members.

        Args:
            batch: (rows, inputs + columns + 1 + members): observation and action, change and reward, termination, and
                how often each member has the step.
            context: not used.
        """
        inputs = len(self.input_units.mean)
        columns = self.observation_features + 1
        x, targets, ends, counts = batch.split([inputs, columns, 1, self.members], 1)
        means, log_variances, logits = self.members_given(
            x[:, : self.observation_features], x[:, self.observation_features :]
        )
        wanted = self.target_units.remove(targets)
        nll = gaussian_nll(wanted, means, log_variances)  # (members, rows)
        squared = (means - wanted).square().mean(-1)
        if logits is not None:
            nll = nll + F.binary_cross_entropy_with_logits(logits, ends.T.expand_as(logits), reduction="none")
        weights = counts.T
        shares = weights / weights.sum().clamp_min(1.0)
        bounds = (self.greatest - self.least).sum() if self.training else nll.new_zeros(())
        return {"loss": (shares * nll).sum() + BOUND_WEIGHT * bounds, "squared_error": (shares * squared).sum()}

    def _build(self, observation_features: int, action_features: int) -> None:
        columns = observation_features + 1
        inputs = observation_features + action_features
        outputs = 2 * columns + int(self.learns_terminations)
        self.networks = EnsembleMLP(self.members, [inputs, *self.hidden, outputs], activation=self.activation)
        self.least = nn.Parameter(torch.full((columns,), -10.0))
        self.greatest = nn.Parameter(torch.full((columns,), 0.5))
        self.input_units, self.target_units = Units((inputs,)), Units((columns,))
        self.register_buffer("elite_members", torch.arange(self.elites))
        infinite = torch.full((observation_features,), float("inf"))
        self.register_buffer("bounds", torch.stack([-infinite, infinite]))

    def _learn(self, experience: Experience, held_out: Experience, progress: Progress | None) -> FitHistory:
        rows, judged = step_rows(experience), step_rows(held_out)
        inputs = len(self.input_units.mean)
        self.input_units.measure(rows[:, :inputs])
        self.target_units.measure(rows[:, inputs:-1])
        self.bounds.copy_(range_seen(experience)[:, :-1])
        generator = torch.Generator().manual_seed(self.fitting.seed)
        drawn = torch.randint(len(rows), (self.members, len(rows)), generator=generator)
        counts = torch.stack([row.bincount(minlength=len(rows)) for row in drawn], 1).float()
        history = fit_with_held_out(
            self,
            torch.cat([rows, counts], 1),
            torch.cat([judged, torch.ones(len(judged), self.members)], 1),
            self.loss,
            self.fitting,
            progress,
        )
        self._choose_elites(judged)
        return history

    @torch.no_grad()
    def _choose_elites(self, judged: Tensor) -> None:
        """Those of the least squared error of the standardised means on held-out steps."""
        total = torch.zeros(self.members, device=self.device)
        inputs = len(self.input_units.mean)
        for part in judged.to(self.device).split(CHUNK):
            observations, actions = part[:, : self.observation_features], part[:, self.observation_features : inputs]
            means, _, _ = self.members_given(observations, actions)
            total += (means - self.target_units.remove(part[:, inputs:-1])).square().sum((1, 2))
        self.elite_members.copy_(total.argsort()[: self.elites])

    def _disagreement(self, means: Tensor) -> Tensor:
        columns = self.observation_features
        spread = means[..., :columns].std(0, correction=0) * self.target_units.deviation[:columns]
        return (spread / self.input_units.deviation[:columns]).square().mean(-1).sqrt()
