"""DAgger (Ross et al. 2011): behavioural cloning where the imitator itself comes, labelled by the expert."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs import make_vec_env
from genrl.envs.observation_columns import position_velocity_columns
from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import describe_policy, rebuild_policy
from genrl.protocols import Policy
from genrl.training.devices import available_device
from genrl.training.fit import FitEpoch, FitHistory
from genrl.training.learner_state import LearnerState
from genrl.training.reading import reading
from genrl.training.seeding import random_state, restore_random_state, seed_everything

from .cloning import CloningConfig, LabelledStates, build_policy, clone
from .expert_labels import ExpertLabels
from .saved_agent import SavedAgent, read_agent, read_config
from .standardisers import random_steps

__all__ = ["DAgger", "DAggerConfig", "DAggerRound"]


@dataclass(frozen=True, kw_only=True)
class DAggerConfig:
    """Settings of DAgger."""

    rounds: int = 10
    """How often states are collected and the policy is fitted again."""
    steps_per_round: int = 2000
    """States labelled by the expert in a round."""
    beta_decay: float = 0.5
    """In round i, from 0, the expert acts with probability beta_decay ** i, the imitator else; 0 is the paper's
    simplest choice: the expert in the first round alone."""
    untrained_steps: int = 8192
    """Random steps whose statistics, with the expert's, standardise the observations."""
    cloning: CloningConfig = field(default_factory=lambda: CloningConfig(updates=2000, patience=1000))
    """How the policy is fitted in each round, from the weights of the round before. All its updates are done: the few
    episodes held out in the first rounds would end them early."""


@dataclass(frozen=True, kw_only=True)
class DAggerRound:
    """What one round did.

    Attributes:
        number: counted from 1.
        beta: the probability with which the expert acted.
        labels: states labelled so far, over all rounds.
        history: of the fit to all of them.
    """

    number: int
    beta: float
    labels: int
    history: FitHistory


class DAgger(SavedAgent):
    """A policy that learns from an expert who can be asked what to do anywhere.

    What `save` writes between two rounds, or when `on_labels` is called, goes on exactly after `load`: on an
    environment that `make_vec_env` makes, also with the episodes that were running.

    Args:
        env: a Gymnasium id, or a `VecEnv` with a Box observation of one dimension and Box or Discrete actions.
        expert: takes raw observations; its deterministic actions are the labels. None for an agent that only predicts.
        num_envs: environments side by side, if `env` is an id; their episodes go on from round to round.
        env_kwargs: constructor arguments of the environment, if `env` is an id.
        seed: of everything random; drawn if None.
        device: "cpu", "cuda" or "auto".
        config: everything else.
    """

    def __init__(
        self,
        env: str | VecEnv,
        expert: Policy | None,
        *,
        num_envs: int = 8,
        env_kwargs: Mapping[str, Any] | None = None,
        seed: int | None = None,
        device: str = "auto",
        config: DAggerConfig | None = None,
    ) -> None:
        self.config = config or DAggerConfig()
        if not 0 <= self.config.beta_decay <= 1:
            raise InputError(f"beta_decay must be within 0 .. 1, not {self.config.beta_decay}")
        self.env_id = env if isinstance(env, str) else None
        self.env_kwargs = dict(env_kwargs or {})
        self.seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1) if seed is None else seed
        self.device = available_device(device)
        self.expert = expert
        seed_everything(self.seed)
        self.env = make_vec_env(env, num_envs, seed=self.seed, **self.env_kwargs) if isinstance(env, str) else env
        self.labelled: LabelledStates | None = None
        self.rounds_done = 0
        self._labels_are_new = False  # the states of the running round are labelled, the policy is not yet fitted
        self._policy: BasePolicy | None = None
        self._collector: ExpertLabels | None = None

    @property
    def policy(self) -> BasePolicy:
        """The imitator.

        Raises:
            InputError: nothing was learned yet.
        """
        if self._policy is None:
            raise InputError("there is no policy before the first round: call learn()")
        return self._policy

    def learn(
        self,
        rounds: int | None = None,
        *,
        on_round: Callable[[DAggerRound], bool | None] | None = None,
        on_labels: Callable[[], None] | None = None,
        progress: Callable[[FitEpoch], bool | None] | None = None,
    ) -> DAgger:
        """Go on for some rounds: act, ask the expert, fit the policy to all that was asked so far.

        A round whose fit is ended early, by `progress` or a stop signal, is not counted: the next call goes on with it.

        Args:
            rounds: how many more; by default those of `config` that are left.
            on_round: called after each round; a False that it returns ends the training.
            on_labels: called in each round when its states are labelled, before the policy is fitted to them.
            progress: called after each epoch of the fits; a False that it returns ends the training.

        Raises:
            InputError: there is no expert, or it does not fit the environment.
        """
        if self.expert is None:
            raise InputError("this agent was loaded without its expert: pass it to load() to train on")
        more = self.config.rounds - self.rounds_done if rounds is None else rounds
        for _ in range(more):
            beta = self.config.beta_decay**self.rounds_done
            if not self._labels_are_new:
                self._label(self.expert, beta)
                if on_labels is not None:
                    on_labels()
            history = self._fit(progress)
            if history.stopped == "asked":
                break
            assert self.labelled is not None
            done = DAggerRound(number=self.rounds_done, beta=beta, labels=len(self.labelled), history=history)
            if on_round is not None and on_round(done) is False:
                break
        return self

    def state(self) -> LearnerState:
        """Everything that a checkpoint holds: the policy, what the expert was asked, episodes and random states."""
        agent = {
            "kind": "dagger",
            "env_id": self.env_id,
            "env_kwargs": self.env_kwargs,
            "num_envs": self.env.num_envs,
            "seed": self.seed,
            "rounds_done": self.rounds_done,
            "labels_are_new": self._labels_are_new,
            "config": asdict(self.config),
        }
        described = describe_policy(self.policy, self.config.cloning.network, self.env_id)
        assert self.labelled is not None  # where there is a policy, there are labels
        episodes = {} if self._collector is None else self._collector.state()
        return LearnerState(
            tensors={"policy": self.policy.state_dict(), "labelled": self.labelled.to_tensors()},
            documents={"agent": agent, "policy": described},
            arrays={"random_state": random_state(), **({"episodes": episodes} if episodes else {})},
        )

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        expert: Policy | None = None,
        env: str | VecEnv | None = None,
        device: str = "auto",
        trust: bool = False,
    ) -> DAgger:
        """An agent as it was when it was saved; with its expert it goes on learning as if it had never been saved.

        The global random states are put back, too. Where the environment cannot be brought back to where it was, new
        episodes begin.

        Args:
            path: a folder that `save` wrote.
            expert: needed to go on learning.
            env: needed if the agent was made with a `VecEnv`.
            device: to load to.
            trust: make the environment that the file names although that imports a module or reads a file.

        Raises:
            InputError: the folder holds no such agent, or is damaged.
        """
        saved, document, env = read_agent(path, "dagger", env, trust=trust)
        with reading(f"the agent in {path}", saved.tensors.values(), of_caller=True):
            agent = cls(
                env,
                expert,
                num_envs=document["num_envs"],
                env_kwargs=document["env_kwargs"],
                seed=document["seed"],
                device=device,
                config=read_config(DAggerConfig, document, path),
            )
            policy = rebuild_policy(saved.documents["policy"], saved.tensors["policy"])
            if not isinstance(policy, BasePolicy):
                raise InputError(f"{path} holds a {type(policy).__name__}, which is no policy to clone")
            agent._policy = policy.to(agent.device)
            agent.labelled = LabelledStates(**saved.tensors["labelled"])
            agent.rounds_done = document["rounds_done"]
            agent._labels_are_new = document.get("labels_are_new") is True
            agent._go_on_from(saved.arrays)
        return agent

    def _label(self, expert: Policy, beta: float) -> None:
        """Act, and ask the expert what it would have done."""
        if self._policy is None:
            random_observations, _ = random_steps(self.env, self.config.untrained_steps, self.seed)
        if self._collector is None:
            self._collector = self._new_collector(expert)
        asked = self._collector.collect(self.config.steps_per_round, self._policy, beta)
        if self._policy is None:
            self._policy = self._new_policy(asked.observations, random_observations)
        self.labelled = asked if self.labelled is None else LabelledStates.concatenate([self.labelled, asked])
        self._labels_are_new = True

    def _fit(self, progress: Callable[[FitEpoch], bool | None] | None) -> FitHistory:
        """Fit the policy to all labels, which ends the round unless the fit is ended early."""
        assert self.labelled is not None
        seed = self.seed + self.rounds_done
        history = clone(self.policy, self.labelled, self.config.cloning, seed=seed, progress=progress)
        if history.stopped != "asked":
            self.rounds_done += 1
            self._labels_are_new = False
        return history

    def _new_collector(self, expert: Policy) -> ExpertLabels:
        first = 0 if self.labelled is None else int(self.labelled.episodes.max()) + 1
        return ExpertLabels(self.env, expert, seed=self.seed + self.rounds_done, first_episode=first)

    def _go_on_from(self, arrays: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        """Put back episodes and random states."""
        if self.expert is not None and "episodes" in arrays:
            collector = self._new_collector(self.expert)
            try:
                collector.restore(arrays["episodes"])
                self._collector = collector
            except InputError as error:
                warnings.warn(
                    f"{error}. New episodes begin, so that the continuation differs from an uninterrupted run",
                    stacklevel=3,
                )
        if "random_state" in arrays:
            restore_random_state(arrays["random_state"])

    def _new_policy(self, *observations: torch.Tensor) -> BasePolicy:
        columns = position_velocity_columns(self.env_id, observations[0].shape[1])
        standardise = Standardise.fit(*observations, columns=columns)
        # Labels of single states are no plan: the states in between were reached by other actions.
        cloning = replace(self.config.cloning, chunk=1, executed=1)
        return build_policy(self.env.action_space, standardise, cloning, self.device)
