"""Fits a policy to labelled observations by maximum likelihood: what behavioural cloning and DAgger share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from torch import Tensor

from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import ActorCriticNetwork, DensityPolicy, SamplerPolicy, has_exact_density, policy_kwargs
from genrl.policies.density_policy import ActionDensity
from genrl.training.fit import FitEpoch, FitHistory, LossFunction, fit
from genrl.training.torch_threads import one_torch_thread
from genrl.transitions import Demonstrations

from .cloning_samplers import fit_sampler
from .generative_choices import CHUNKS, POLICIES, PolicyName

__all__ = ["CloningConfig", "LabelledStates", "build_policy", "clone", "half_range", "labelled_states"]


@dataclass(frozen=True, kw_only=True)
class CloningConfig:
    """How a policy is fitted to labelled observations."""

    updates: int = 20_000
    """Gradient steps, at most; the number of passes over the data follows from it."""
    epochs: int | None = None
    """Passes over the data, at most; in place of `updates`."""
    patience: int | None = None
    """Stop after so many passes without a better likelihood of the episodes held out; by default a fifth of them all,
    and 10 at least."""
    validation: float = 0.1
    """Fraction of the data to hold out: whole episodes where there are two or more."""
    batch_size: int = 256
    """Rows of a minibatch."""
    learning_rate: float = 1e-3
    """Adam's step size at first; it falls to 0 along half a cosine."""
    max_grad_norm: float = 10.0
    """The gradient is scaled down to this norm."""
    min_std: float = 0.05
    """Least standard deviation of an action, in units of half its range. The likelihood has no upper bound without
    one, and the most predictable action would outweigh all others."""
    policy: PolicyName = "gaussian"
    """What actions follow given the observation: a Gaussian has one answer, the others may have several. A vae, gan,
    vq or score does not know its likelihood, or not cheaply, and is fitted in its own way, from scratch, with the
    updates (or epochs), batch_size, learning_rate and min_std named here; a score-student is taught by a score, with
    as many again, and draws in four steps."""
    chunk: int | None = None
    """Actions that a vae, gan, vq or score draws together; by default 4 of a vq, a score or its student, and 1 of the
    others."""
    executed: int | None = None
    """Actions taken from a chunk before the next is drawn; by default half of it."""
    network: ActorCriticNetwork = field(
        default_factory=lambda: ActorCriticNetwork(hidden=(256, 256), activation="relu", log_std_init=-2.0)
    )
    """The policy, unless it is a vae, gan, vq or score."""

    def __post_init__(self) -> None:
        for name in ("updates", "epochs", "patience", "batch_size", "chunk", "executed"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be 1 or more, not {value}")


@dataclass(frozen=True, kw_only=True)
class LabelledStates:
    """Observations and the actions that a teacher takes there.

    Attributes:
        observations: (rows, observation_dim) float32, raw.
        actions: (rows, action_dim) float32, as applied; one-hot if Discrete (see `encode_actions`).
        episodes: (rows,) int64; rows of one episode have the same number.
    """

    observations: Tensor
    actions: Tensor
    episodes: Tensor

    def __post_init__(self) -> None:
        rows = {len(self.observations), len(self.actions), len(self.episodes)}
        if len(rows) != 1 or (self.observations.ndim, self.actions.ndim, self.episodes.ndim) != (2, 2, 1):
            raise InputError("labelled states must be as many rows of observations, of actions, and of episode numbers")

    def __len__(self) -> int:
        return len(self.observations)

    def to_tensors(self) -> dict[str, Tensor]:
        """The fields by name."""
        return {"observations": self.observations, "actions": self.actions, "episodes": self.episodes}

    def some(self, rows: int, seed: int) -> LabelledStates:
        """So many of the rows, drawn at random and in their order."""
        drawn = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:rows].sort().values
        return LabelledStates(**{name: tensor[drawn] for name, tensor in self.to_tensors().items()})

    @staticmethod
    def concatenate(parts: Sequence[LabelledStates]) -> LabelledStates:
        """One set from several."""
        return LabelledStates(
            observations=torch.cat([part.observations for part in parts]),
            actions=torch.cat([part.actions for part in parts]),
            episodes=torch.cat([part.episodes for part in parts]),
        )


def labelled_states(demonstrations: Demonstrations, action_space: spaces.Space) -> LabelledStates:
    """The pairs of demonstrations that an imitator may see.

    Raises:
        InputError: the demonstrations hold no actions.
    """
    demonstrations.require_actions("behavioural cloning")
    pairs = demonstrations.transitions(action_space)
    episodes = np.repeat(np.arange(demonstrations.num_episodes), demonstrations.episode_lengths)
    kept = slice(None) if demonstrations.kept_pairs is None else demonstrations.kept_pairs
    return LabelledStates(
        observations=pairs.observations, actions=pairs.actions, episodes=torch.from_numpy(episodes[kept])
    )


def build_policy(
    action_space: spaces.Space,
    standardise: Standardise,
    config: CloningConfig,
    device: str,
) -> BasePolicy:
    """An untrained policy, Gaussian, by a density of its actions, or by samples of them.

    Where it has a value function, that is never trained.
    """
    seen = spaces.Box(-np.inf, np.inf, (standardise.in_features,), np.float32)
    kwargs = policy_kwargs(config.network, standardise)
    density = POLICIES[config.policy]()
    if density is not None and not has_exact_density(density):
        extractor = {name: kwargs[name] for name in kwargs if name.startswith("features_extractor")}
        chunk = config.chunk or CHUNKS.get(config.policy, 1)
        executed = config.executed or -(-chunk // 2)
        sampler = SamplerPolicy(seen, action_space, sampler=density, chunk=chunk, executed=executed, **extractor)
        return sampler.to(device)
    if density is not None:
        return DensityPolicy(seen, action_space, _no_step, density=density, **kwargs).to(device)
    return ActorCriticPolicy(seen, action_space, _no_step, **kwargs).to(device)


def _no_step(remaining: float) -> float:
    """The step size of the policy's own optimiser, which is not used."""
    return 0.0


def clone(
    policy: BasePolicy,
    states: LabelledStates,
    config: CloningConfig,
    *,
    seed: int,
    action_noise: float = 0.0,
    progress: Callable[[FitEpoch], bool | None] | None = None,
) -> FitHistory:
    """Minimise -log pi(action | observation) over the labelled states; the policy is left with its best weights.

    One that only samples is fitted as its model is. Metrics: `loss` in nats; `squared_error` of the mode, the mean over
    action columns (Box), or `accuracy` (Discrete); of a sampler what its model reports.

    Args:
        policy: fitted from the weights that it has; a sampler from scratch.
        states: what to fit.
        config: how.
        seed: of the split and of the order of rows.
        action_noise: standard deviation that a policy by a density is to act with, in units of half the actions' range;
            a Gaussian one has its own parameter for it.
        progress: called after each epoch; a False that it returns ends the training.
    """
    if isinstance(policy, SamplerPolicy):
        return _clone_sampler(policy, states, config, seed=seed, progress=progress)
    assert isinstance(policy, ActorCriticPolicy)
    epochs = config.epochs or -(-config.updates // -(-len(states) // config.batch_size))
    discrete = isinstance(policy.action_space, spaces.Discrete)
    labels = states.actions.argmax(1) if discrete else states.actions
    if discrete:
        loss = _classification(policy)
    elif isinstance(policy, DensityPolicy):
        loss = _density_regression(policy, max(config.min_std, action_noise))
    else:
        loss = _regression(policy, config.min_std)
    optimizer = torch.optim.Adam(policy.parameters(), config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)

    with one_torch_thread():
        return fit(
            policy,
            states.observations,
            labels,
            loss=loss,
            optimizer=optimizer,
            schedule=schedule,
            epochs=epochs,
            batch_size=config.batch_size,
            validation=_held_out(states.episodes, config.validation, seed),
            patience=(config.patience or max(10, epochs // 5)) if config.validation else None,
            max_grad_norm=config.max_grad_norm,
            seed=seed,
            progress=progress,
        )


def _clone_sampler(
    policy: SamplerPolicy,
    states: LabelledStates,
    config: CloningConfig,
    *,
    seed: int,
    progress: Callable[[FitEpoch], bool | None] | None,
) -> FitHistory:
    passes = config.epochs and config.epochs * -(-len(states) // config.batch_size)
    with one_torch_thread():
        return fit_sampler(
            policy,
            states.observations,
            states.actions,
            episodes=states.episodes,
            noise=config.min_std * half_range(policy).cpu(),
            updates=passes or config.updates,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            seed=seed,
            progress=progress,
        )


def _regression(policy: ActorCriticPolicy, min_std: float) -> LossFunction:
    least = (min_std * half_range(policy)).log()

    def loss(observations: Tensor, actions: Tensor | None) -> dict[str, Tensor]:
        assert actions is not None
        with torch.no_grad():
            policy.log_std.copy_(torch.maximum(policy.log_std, least))
        distribution = policy.get_distribution(observations)
        assert isinstance(distribution, DiagGaussianDistribution)
        return {
            "loss": -distribution.log_prob(actions).mean(),
            "squared_error": (distribution.mode() - actions).square().mean(),
        }

    return loss


def _density_regression(policy: DensityPolicy, noise: float) -> LossFunction:
    """The density's own loss, of actions with noise: without it a likelihood may grow on them without bound."""
    deviation = noise * half_range(policy)

    def loss(observations: Tensor, actions: Tensor | None) -> dict[str, Tensor]:
        assert actions is not None
        distribution = policy.get_distribution(observations)
        assert isinstance(distribution, ActionDensity)
        with torch.no_grad():
            error = (distribution.mode() - actions).square().mean()
        noisy = actions + deviation * torch.randn_like(actions)
        return {"loss": distribution.loss(noisy), "squared_error": error}

    return loss


def half_range(policy: BasePolicy) -> Tensor:
    """(columns,) half of the range of each action, 1 where it has no bounds; on the policy's device."""
    assert isinstance(policy.action_space, spaces.Box)
    half = (policy.action_space.high - policy.action_space.low) / 2
    return torch.as_tensor(np.where(np.isfinite(half), half, 1.0), dtype=torch.float32).to(policy.device)


def _classification(policy: ActorCriticPolicy) -> LossFunction:
    def loss(observations: Tensor, actions: Tensor | None) -> dict[str, Tensor]:
        assert actions is not None
        distribution = policy.get_distribution(observations)
        return {
            "loss": -distribution.log_prob(actions).mean(),
            "accuracy": (distribution.mode() == actions).float().mean(),
        }

    return loss


def _held_out(episodes: Tensor, fraction: float, seed: int) -> Tensor | float:
    """Indices of whole episodes, drawn at random until they make up `fraction` of the rows.

    Neighbours in an episode are nearly equal: rows drawn one by one would tell nothing about new episodes.
    """
    numbers, lengths = episodes.unique(return_counts=True)
    if len(numbers) < 2 or fraction <= 0:
        return fraction
    order = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(seed))
    before = lengths[order].cumsum(0) - lengths[order]
    picked = order[before < fraction * len(episodes)][: len(numbers) - 1]
    return torch.isin(episodes, numbers[picked]).nonzero().flatten()
