"""A recurrent variational autoencoder of an environment, which dreams in its latent space (Hafner et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from genrl.errors import InputError
from genrl.nn import Units, mlp
from genrl.training.fit import FitHistory
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models.dreamt import DreamState, Dreamt
from genrl.world_models.dynamics import Dynamics, Progress
from genrl.world_models.ensemble_mlp import EnsembleMLP
from genrl.world_models.experience import Experience
from genrl.world_models.fitting import fit_windows
from genrl.world_models.losses import balanced_kl, gaussian_nll
from genrl.world_models.recurrent_state import Gaussian, RecurrentStateSpace

__all__ = ["LatentWorldModel"]

CRITICS = 5  # small networks whose disagreement says what the model does not know
DRAWS = 8  # of the latent, which make up a prediction
LEAST_VARIANCE = 1e-4  # of a standardised column: finer than that the latent need not be
VARIANCE_MOMENTUM = 0.05


class LatentWorldModel(Dynamics):
    """An encoder of observations, a recurrent stochastic latent state, and decoders of observation, reward and end.

    Trained by the evidence lower bound of windows of the experience: log-likelihoods of observations and rewards under
    Gaussians and of terminations, minus the divergence of the
    posterior from the prior, balanced and with free nats (Hafner et al. 2021). A window begins with an empty memory, so
    that a dream can begin from any one observation.

    Disagreement is that of five small networks that are trained, on the side, to foresee the embedding of the next
    observation from the state and the action (Sekar et al. 2020): the root mean square of their deviation over the
    columns of the embedding, of which all have about the same scale.

    Departures from the paper: observations are vectors, and the decoders' variances are the likeliest ones rather than
    1 (Rybkin et al. 2021, section 3.2; one for each column, followed by a moving average); a dream draws what is
    observed and earned from the decoders' Gaussians.

    Args:
        remembered: width of the recurrent state.
        drawn: columns of the stochastic state.
        hidden: width of the networks.
        window: steps of a sequence trained on; of experience in shorter pieces, the length of the longest.
        kl_balance: share of the divergence's gradient that goes to the prior.
        free_nats: divergence a step that costs nothing more.
        kl_weight: of the divergence in the loss.
        fitting: how it is trained, a row being a window.

    Raises:
        InputError: a number is out of its range.

    >>> from gymnasium import spaces
    >>> model = LatentWorldModel(remembered=16, drawn=4, hidden=16)
    >>> _ = model.build(4, spaces.Box(-1, 1, (2,)), learns_terminations=False)
    >>> model.predict(torch.zeros(10, 4), torch.zeros(10, 2)).sample().shape
    torch.Size([10, 5])
    """

    log_variances: Tensor

    def __init__(
        self,
        *,
        remembered: int = 128,
        drawn: int = 16,
        hidden: int = 128,
        window: int = 12,
        kl_balance: float = 0.8,
        free_nats: float = 0.5,
        kl_weight: float = 1.0,
        fitting: GradientFitting = GradientFitting(updates=4000, batch_size=32, learning_rate=1e-3),
    ) -> None:
        super().__init__()
        if window < 1 or not 0 <= kl_balance <= 1 or free_nats < 0 or kl_weight < 0:
            raise InputError(
                f"window must be 1 or more, kl_balance within 0 .. 1, free_nats and kl_weight 0 or more, not {window}, "
                f"{kl_balance}, {free_nats} and {kl_weight}"
            )
        self.remembered = remembered
        self.drawn = drawn
        self.hidden = hidden
        self.window = window
        self.kl_balance = kl_balance
        self.free_nats = free_nats
        self.kl_weight = kl_weight
        self.fitting = fitting

    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        """Nothing remembered, the rest drawn from what the observation tells."""
        h = self.log_variances.new_zeros(len(observations), self.remembered)
        return self._seen(h, observations, generator)

    def begin_after(
        self, observations: Tensor, actions: Tensor, generator: torch.Generator | None = None
    ) -> DreamState:
        """The past goes into the memory."""
        state = self.begin(observations[:, 0], generator)
        for step in range(actions.shape[1]):
            h = self.cell.remember(state["h"], state["z"], self.action_units.remove(actions[:, step]))
            state = self._seen(h, observations[:, step + 1], generator)
        return state

    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        """One step of each dream: the state is drawn from the prior, what is observed from the decoders."""
        acted = self.action_units.remove(actions)
        h = self.cell.remember(state["h"], state["z"], acted)
        z = _draw(self.cell.prior(h), generator)
        mean, logits = self._decode(torch.cat([h, z], 1))
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        drawn = mean + (0.5 * self.log_variances).exp() * noise
        foreseen = self.critics(torch.cat([state["h"], state["z"], acted], 1))
        return Dreamt(
            state={"h": h, "z": z},
            observations=self.observation_units.restore(drawn[:, :-1]),
            rewards=self.reward_units.restore(drawn[:, -1]),
            termination_logits=logits,
            disagreement=foreseen.std(0, correction=0).square().mean(-1).sqrt(),
        )

    def predict(self, obs: Tensor, actions: Tensor) -> MixtureSameFamily:
        """A mixture over a few draws of the latent, of Gaussians over (rows, observation_dim + 1) numbers."""
        self.require_built()
        state = self.begin(obs.repeat_interleave(DRAWS, 0))
        acted = self.action_units.remove(actions.repeat_interleave(DRAWS, 0))
        h = self.cell.remember(state["h"], state["z"], acted)
        mean, _ = self._decode(torch.cat([h, _draw(self.cell.prior(h), None)], 1))
        offset = torch.cat([self.observation_units.mean, self.reward_units.mean[None]])
        scale = torch.cat([self.observation_units.deviation, self.reward_units.deviation[None]])
        std = (scale * (0.5 * self.log_variances).exp()).expand_as(mean)
        shape = (len(obs), DRAWS, -1)
        gaussians = Independent(Normal((offset + scale * mean).reshape(shape), std.reshape(shape)), 1)
        return MixtureSameFamily(Categorical(logits=mean.new_zeros(len(obs), DRAWS)), gaussians)

    def loss(self, batch: Tensor, context: Tensor | None = None) -> Mapping[str, Tensor]:
        """The negative evidence lower bound a step, and the squared error of the critics.

        Args:
            batch: (rows, window + 1, observation_dim + action_dim + 2): the observation, the action, reward and
                termination of the step that led to it, the first row's being of no meaning.
            context: (rows, window) bool, which of the steps count; all by default.
        """
        features, actions_end = self.observation_features, batch.shape[-1] - 2
        observations = self.observation_units.remove(batch[..., :features])
        actions = self.action_units.remove(batch[..., features:actions_end])
        embedded = self.encoder(observations)
        taken = torch.ones_like(batch[:, 1:, 0], dtype=torch.bool) if context is None else context
        counted = torch.cat([torch.ones_like(taken[:, :1]), taken], 1)  # (rows, window + 1)
        memories, drawn, posterior = self._followed(embedded, actions)
        seen = torch.cat([memories, drawn], -1)  # (rows, window + 1, remembered + drawn)
        mean, logits = self._decode(seen)
        prior = self.cell.prior(memories[counted])
        kl = balanced_kl(
            (posterior[0][counted], posterior[1][counted]), prior, balance=self.kl_balance, free_nats=self.free_nats
        )
        wanted = torch.cat([observations, self.reward_units.remove(batch[..., actions_end, None])], -1)
        if self.training:
            self._keep_variances((wanted - mean)[:, 1:][taken])
        variances = self.log_variances.expand_as(mean)
        # The first row has an observation and no reward.
        nll = torch.cat(
            [
                gaussian_nll(observations[:, 0], mean[:, 0, :-1], variances[:, 0, :-1]),
                gaussian_nll(wanted[:, 1:], mean[:, 1:], variances[:, 1:])[taken],
            ]
        ).mean()
        end = nll.new_zeros(())
        if logits is not None:
            end = F.binary_cross_entropy_with_logits(logits[:, 1:][taken], batch[:, 1:, -1][taken])
        foreseen = self.critics(torch.cat([seen[:, :-1], actions[:, 1:]], -1)[taken].detach())
        curiosity = (foreseen - embedded[:, 1:][taken].detach()).square().mean()
        bound = nll + end + self.kl_weight * kl
        return {"loss": bound + curiosity, "negative_bound": bound.detach(), "kl": kl.detach()}

    def _build(self, observation_features: int, action_features: int) -> None:
        hidden, state = self.hidden, self.remembered + self.drawn
        self.encoder = nn.Sequential(mlp([observation_features, hidden, hidden], activation="silu"), nn.Tanh())
        self.cell = RecurrentStateSpace(
            action_features, hidden, remembered=self.remembered, drawn=self.drawn, hidden=hidden
        )
        self.decoder = mlp([state, hidden, hidden, observation_features + 1], activation="silu")
        self.end = mlp([state, hidden, 1], activation="silu") if self.learns_terminations else None
        self.critics = EnsembleMLP(CRITICS, [state + action_features, hidden, hidden])
        self.register_buffer("log_variances", torch.zeros(observation_features + 1))
        self.observation_units, self.action_units = Units((observation_features,)), Units((action_features,))
        self.reward_units = Units(())

    def _learn(self, experience: Experience, held_out: Experience, progress: Progress | None) -> FitHistory:
        self.observation_units.measure(experience.observations)
        self.action_units.measure(experience.actions)
        self.reward_units.measure(experience.rewards)
        return fit_windows(
            self,
            experience,
            held_out,
            self.window,
            rows=_steps,
            loss=lambda steps, counted: self.loss(_windows(steps, self.observation_features), counted),
            settings=self.fitting,
            progress=progress,
        )

    def _followed(self, embedded: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Gaussian]:
        """What is remembered and drawn where all is seen, and the posteriors: (rows, window + 1, columns) each."""
        h = self.log_variances.new_zeros(len(embedded), self.remembered)
        z = self.log_variances.new_zeros(len(embedded), self.drawn)
        remembered, drawn, posteriors = [], [], []
        for step in range(embedded.shape[1]):
            if step:
                h = self.cell.remember(h, z, actions[:, step])
            posteriors.append(self.cell.posterior(h, embedded[:, step]))
            z = _draw(posteriors[-1], None)
            remembered.append(h)
            drawn.append(z)
        return torch.stack(remembered, 1), torch.stack(drawn, 1), _stack(posteriors)

    def _seen(self, h: Tensor, observations: Tensor, generator: torch.Generator | None) -> DreamState:
        embedded = self.encoder(self.observation_units.remove(observations))
        return {"h": h, "z": _draw(self.cell.posterior(h, embedded), generator)}

    def _decode(self, states: Tensor) -> tuple[Tensor, Tensor | None]:
        """Means of observation and reward, and log-odds of the end, in the units of the networks."""
        return self.decoder(states), None if self.end is None else self.end(states).squeeze(-1)

    @torch.no_grad()
    def _keep_variances(self, errors: Tensor) -> None:
        """The likeliest variance of a column is its mean squared error: a moving average of those of the batches.

        Args:
            errors: (steps, observation_dim + 1).
        """
        newest = errors.square().mean(0).clamp_min(LEAST_VARIANCE)
        self.log_variances.copy_(self.log_variances.exp().lerp(newest, VARIANCE_MOMENTUM).log())


def _draw(gaussian: Gaussian, generator: torch.Generator | None) -> Tensor:
    mean, std = gaussian
    return mean + std * torch.randn(mean.shape, generator=generator, device=mean.device)


def _stack(gaussians: list[Gaussian]) -> Gaussian:
    means, stds = zip(*gaussians, strict=True)
    return torch.stack(means, 1), torch.stack(stds, 1)


def _steps(experience: Experience) -> Tensor:
    """(steps, observation + next observation + action + 2)."""
    return torch.cat(
        [
            experience.observations,
            experience.next_observations,
            experience.actions,
            experience.rewards[:, None],
            experience.terminations.float()[:, None],
        ],
        1,
    )


def _windows(steps: Tensor, features: int) -> Tensor:
    """From (rows, window, columns of `_steps`) to (rows, window + 1, ...): each observation with the step before it."""
    first = torch.cat([steps[:, :1, :features], torch.zeros_like(steps[:, :1, 2 * features :])], -1)
    return torch.cat([first, steps[..., features:]], 1)
