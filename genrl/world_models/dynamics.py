"""What every world model does in the same way: be fitted to experience, dream, and be asked for forecasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.distributions import Distribution

from genrl.action_encoding import action_columns, encode_actions
from genrl.errors import InputError
from genrl.protocols import Policy
from genrl.training.fit import FitEpoch, FitHistory
from genrl.training.gradient_fitting import GradientFitting
from genrl.world_models.dream_vec_env import DreamVecEnv
from genrl.world_models.dreamt import DreamState, Dreamt, Rollout, ended
from genrl.world_models.experience import Experience
from genrl.world_models.terminations import TerminationRule

__all__ = ["Dynamics", "Progress"]

Progress = Callable[[FitEpoch], bool | None]
"""Called after each epoch of a fit; a False that it returns ends the fit."""

MOST_STARTS = 10_000  # states kept with a model, to dream from
LEVELS = 1001  # of the disagreement's distribution that are kept


class Dynamics(nn.Module, ABC):
    """A learned simulator of an environment that observes vectors.

    The arguments of a subclass's constructor are its hyperparameters, each kept as an attribute of the same name.

    Attributes:
        observation_features: columns of an observation; 0 before `build`.
        action_space: of the environment; None before `build`.
        fitting: how it is trained.
        learns_terminations: whether the experience had any; else nothing ends an episode but a rule.
    """

    goes_on: ClassVar[bool] = True
    """Whether `learn` goes on from the weights that there are; where not, it fits anew."""

    fitting: GradientFitting
    starts: Tensor
    disagreement_levels: Tensor
    _place: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Moves with `to()`, also before there are parameters.
        self.register_buffer("_place", torch.zeros(0), persistent=False)
        self.observation_features = 0
        self.action_space: spaces.Space[Any] | None = None
        self.learns_terminations = False

    @abstractmethod
    def _build(self, observation_features: int, action_features: int) -> None:
        """Make parameters and buffers, replacing any."""

    @abstractmethod
    def _learn(self, experience: Experience, held_out: Experience, progress: Progress | None) -> FitHistory:
        """Train on the experience, and keep the weights that do best on the held out."""

    @abstractmethod
    def begin(self, observations: Tensor, generator: torch.Generator | None = None) -> DreamState:
        """The state of dreams that start from (rows, observation_dim) observations."""

    @abstractmethod
    def advance(self, state: DreamState, actions: Tensor, generator: torch.Generator | None = None) -> Dreamt:
        """One step of each dream, drawn at random.

        Args:
            state: of the dreams.
            actions: (rows, action_dim), encoded.
            generator: of the draws, on the model's device; torch's own if None.
        """

    @abstractmethod
    def predict(self, obs: Tensor, actions: Tensor) -> Distribution:
        """The distribution of what follows, over rows of the next observation's columns and then the reward.

        Args:
            obs: (rows, observation_dim).
            actions: (rows, action_dim), encoded.
        """

    def begin_after(
        self, observations: Tensor, actions: Tensor, generator: torch.Generator | None = None
    ) -> DreamState:
        """The state of dreams that go on from a past, as far as the model makes use of one.

        Args:
            observations: (rows, steps + 1, observation_dim), the last of which the dream starts from.
            actions: (rows, steps, action_dim), between them.
            generator: as in `advance`.
        """
        return self.begin(observations[:, -1], generator)

    @property
    def device(self) -> torch.device:
        """Where the parameters live, or will."""
        return self._place.device

    def build(self, observation_features: int, action_space: spaces.Space[Any], learns_terminations: bool) -> Self:
        """Make the parameters, random; what was learned before is gone.

        Raises:
            InputError: the action space is neither a Box of one dimension nor Discrete.
        """
        features = action_columns(action_space)
        self.observation_features, self.action_space = observation_features, action_space
        self.learns_terminations = learns_terminations
        self.register_buffer("starts", torch.zeros(0, observation_features))
        self.register_buffer("disagreement_levels", torch.zeros(LEVELS))
        self._build(observation_features, features)
        return self.to(self.device)

    def fit(self, experience: Experience, *, held_out: float = 0.1, progress: Progress | None = None) -> FitHistory:
        """Learn from experience, from scratch.

        Args:
            experience: of one environment.
            held_out: fraction of its steps that the weights, the elites and the disagreement are judged by.
            progress: called after each pass over the data.

        Raises:
            InputError: the experience is too short for two sides.
        """
        learns = bool(experience.terminations.any())
        with torch.random.fork_rng():  # the first weights follow from the seed, and nothing else does
            torch.manual_seed(self.fitting.seed)
            self.build(experience.observations.shape[1], experience.action_space, learns)
        return self.learn(experience, held_out=held_out, progress=progress)

    def learn(self, experience: Experience, *, held_out: float = 0.1, progress: Progress | None = None) -> FitHistory:
        """Learn from experience, from what was learned before if the model can (`goes_on`).

        Where terminations are new to the model there is nothing to go on with: it then learns from scratch.

        Raises:
            InputError: the experience is of another environment, or too short for two sides.
        """
        self.require_built()
        if experience.observations.shape[1] != self.observation_features:
            raise InputError(
                f"the experience has {experience.observations.shape[1]} observation columns, the model was built for "
                f"{self.observation_features}: it is of another task"
            )
        if experience.terminations.any() and not self.learns_terminations:
            return self.fit(experience, held_out=held_out, progress=progress)
        trained, held = experience.split(held_out, self.fitting.seed)
        history = self._learn(trained, held, progress)
        self._keep_starts(experience)
        self._measure_disagreement(held)
        return history

    def require_built(self) -> spaces.Space[Any]:
        """The action space.

        Raises:
            InputError: neither `fit` nor `build` was called.
        """
        if self.action_space is None:
            raise InputError(f"{type(self).__name__} has not been fitted: call fit first")
        return self.action_space

    def disagreement_quantile(self, level: float) -> float:
        """The disagreement that a fraction `level` of the held-out steps stays below.

        Raises:
            InputError: the level is not within 0 .. 1.
        """
        if not 0 <= level <= 1:
            raise InputError(f"a quantile's level must be within 0 .. 1, not {level}")
        return float(self.disagreement_levels[round(level * (LEVELS - 1))])

    @torch.no_grad()
    def rollout(
        self,
        policy: Policy,
        obs: Tensor,
        horizon: int,
        *,
        termination: TerminationRule | None = None,
        deterministic: bool = False,
        generator: torch.Generator | None = None,
    ) -> Rollout:
        """Dreams of a policy from (rows, observation_dim) observations.

        Args:
            policy: takes raw observations.
            obs: where to start.
            horizon: steps of each dream; it dreams on after an episode's end, see `Rollout.alive`.
            termination: the task's own rule, in place of what was learned.
            deterministic: act by the policy's mode.
            generator: of the model's draws.

        Raises:
            InputError: the horizon is below 1, or the model has not been fitted.
        """
        space = self.require_built()
        if horizon < 1:
            raise InputError(f"the horizon must be 1 or more, not {horizon}")
        observations, steps = [obs.to(self.device)], []
        alive = torch.ones(len(obs), dtype=torch.bool, device=self.device)
        state = self.begin(observations[0], generator)
        for _ in range(horizon):
            chosen, _ = policy.predict(observations[-1].cpu().numpy(), deterministic=deterministic)
            actions = torch.as_tensor(encode_actions(space, chosen), device=self.device)
            dreamt = self.advance(state, actions, generator)
            state = dreamt.state
            observations.append(dreamt.observations)
            steps.append((actions, dreamt.rewards, dreamt.disagreement, alive))
            alive = alive & ~ended(dreamt, termination, generator)
        actions, rewards, disagreement, lived = (torch.stack(part, 1) for part in zip(*steps, strict=True))
        return Rollout(
            observations=torch.stack(observations, 1),
            actions=actions,
            rewards=rewards,
            disagreement=disagreement,
            alive=lived,
        )

    def as_vec_env(
        self,
        num_envs: int = 1024,
        *,
        horizon: int = 20,
        starts: Tensor | None = None,
        termination: TerminationRule | None = None,
        disagreement_level: float | None = 0.99,
        seed: int = 0,
    ) -> DreamVecEnv:
        """An environment of stable-baselines3 that steps in this model; the arguments are those of `DreamVecEnv`.

        Raises:
            InputError: as there.
        """
        return DreamVecEnv(
            self,
            num_envs,
            horizon=horizon,
            starts=starts,
            termination=termination,
            disagreement_level=disagreement_level,
            seed=seed,
        )

    def _keep_starts(self, experience: Experience) -> None:
        generator = torch.Generator().manual_seed(self.fitting.seed)
        picked = torch.randperm(len(experience), generator=generator)[:MOST_STARTS]
        self.starts = experience.observations[picked].to(self.device)

    @torch.no_grad()
    def _measure_disagreement(self, held_out: Experience) -> None:
        generator = torch.Generator(self.device).manual_seed(self.fitting.seed)
        state = self.begin(held_out.observations.to(self.device), generator)
        dreamt = self.advance(state, held_out.actions.to(self.device), generator)
        measured = dreamt.disagreement.cpu().double()
        levels = torch.linspace(0, 1, LEVELS, dtype=torch.float64)
        self.disagreement_levels.copy_(torch.quantile(measured, levels))
