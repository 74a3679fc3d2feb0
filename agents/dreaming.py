"""Learning in dreams: real steps, a world model of them, and a learner that practises in the model; in turns.

Dyna's loop (Sutton 1991) with short dreams from real states, as Janner et al. (2019) have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import TypeAdapter
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs import make_vec_env
from genrl.envs.observation_columns import position_velocity_columns
from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.training.devices import available_device
from genrl.training.fit import FitEpoch, FitHistory
from genrl.training.learner_state import LearnerState, learner_state, restore_learner
from genrl.training.seeding import seed_everything
from genrl.training.torch_threads import one_torch_thread
from genrl.world_models import (
    DreamVecEnv,
    Dynamics,
    EnsembleWorldModel,
    Experience,
    TerminationRule,
    describe_world_model,
    known_termination,
    rebuild_world_model,
)

from .dream_learners import DreamPPOConfig, DreamSACConfig
from .dreaming_config import DreamingConfig
from .real_steps import RealSteps
from .saved_agent import SavedAgent, read_agent
from .world_model_choices import MODELS, with_fitting

__all__ = ["DreamRound", "Dreaming"]

FIRST_EPISODES, STEPS_WITHOUT_LIMIT = 5, 500


@dataclass(frozen=True, kw_only=True)
class DreamRound:
    """What one round did.

    Attributes:
        number: counted from 1.
        real_steps: taken so far, over all rounds.
        dreamt_steps: likewise.
        episode_returns: true returns of the real episodes that ended in this round, with exploration.
        history: of the model's fit.
    """

    number: int
    real_steps: int
    dreamt_steps: int
    episode_returns: tuple[float, ...]
    history: FitHistory


class Dreaming(SavedAgent):
    """A learner of stable-baselines3 that practises in a world model of few real steps.

    Args:
        env: a Gymnasium id, or a `VecEnv` of one environment with a Box observation of one dimension.
        env_kwargs: constructor arguments of the environment, if `env` is an id.
        seed: of everything random; drawn if None.
        device: "cpu", "cuda" or "auto".
        termination: the task's rule; by default the one that is known for the id, without arguments of its own, else
            terminations are learned.
        model: what dreams, not fitted yet; by default the one that `config` names.
        config: everything else.
    """

    def __init__(
        self,
        env: str | VecEnv,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        seed: int | None = None,
        device: str = "auto",
        termination: TerminationRule | None = None,
        model: Dynamics | None = None,
        config: DreamingConfig | None = None,
    ) -> None:
        self.config = config or DreamingConfig()
        self.env_id = env if isinstance(env, str) else None
        self.env_kwargs = dict(env_kwargs or {})
        self.seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1) if seed is None else seed
        self.device = available_device(device)
        if termination is None and self.env_id is not None and not self.env_kwargs:
            termination = known_termination(self.env_id)
        self.termination = termination
        seed_everything(self.seed)
        self.env = make_vec_env(env, 1, seed=self.seed, **self.env_kwargs) if isinstance(env, str) else env
        self.model = (model or self._named_model()).to(self.device)
        self.experience: Experience | None = None
        self.rounds_done = 0
        self._learner: BaseAlgorithm | None = None
        self._real: RealSteps | None = None

    @property
    def learner(self) -> BaseAlgorithm:
        """What practises.

        Raises:
            InputError: there was no round yet.
        """
        if self._learner is None:
            raise InputError("there is no policy before the first round: call learn()")
        return self._learner

    @property
    def policy(self) -> BasePolicy:
        """The learner's."""
        return self.learner.policy

    @property
    def real_steps(self) -> int:
        """Taken so far."""
        return 0 if self.experience is None else len(self.experience)

    @property
    def first_steps(self) -> int:
        """Real steps of random actions: a learner that falls over at first would see little else later."""
        if self.config.first_steps is not None:
            return self.config.first_steps
        limit = gym.spec(self.env_id).max_episode_steps if self.env_id is not None else None
        return FIRST_EPISODES * limit if limit else STEPS_WITHOUT_LIMIT

    def learn(
        self,
        real_steps: int,
        *,
        on_round: Callable[[DreamRound], bool | None] | None = None,
        progress: Callable[[FitEpoch], bool | None] | None = None,
    ) -> Dreaming:
        """Go on until so many real steps are taken in all.

        Args:
            real_steps: in all, those of earlier calls too.
            on_round: called after each round; a False that it returns ends the training.
            progress: called after each epoch of the model's fits; a False that it returns ends that fit.
        """
        while self.real_steps < real_steps:
            with one_torch_thread():
                done = self._round(real_steps - self.real_steps, progress)
            if on_round is not None and on_round(done) is False:
                break
        return self

    def state(self) -> LearnerState:
        """Everything that a checkpoint holds: policy and optimisers, dreams kept, model, and all real steps."""
        assert self.experience is not None
        learned = learner_state(self.learner)
        agent = {
            "kind": "dreaming",
            "env_id": self.env_id,
            "env_kwargs": self.env_kwargs,
            "seed": self.seed,
            "rounds_done": self.rounds_done,
            "config": asdict(self.config),
        }
        described = {
            "agent": agent,
            "policy": self._settings.describe(self.policy, self.env_id),
            "world_model": describe_world_model(self.model),
        }
        tensors = {"world_model": self.model.state_dict(), "experience": self.experience.to_tensors()}
        return LearnerState(
            tensors={**learned.tensors, **tensors},
            documents={**learned.documents, **described},
            arrays=learned.arrays,
        )

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        env: str | VecEnv | None = None,
        device: str = "auto",
        termination: TerminationRule | None = None,
    ) -> Dreaming:
        """An agent as it was when it was saved; it goes on learning from a new real episode and new dreams.

        Args:
            path: a folder that `save` wrote.
            env: needed if the agent was made with a `VecEnv`.
            device: to load to.
            termination: as it was given to the constructor; a function is not saved.

        Raises:
            InputError: the folder holds no such agent, or is damaged.
        """
        saved, document, env = read_agent(path, "dreaming", env)
        agent = cls(
            env,
            env_kwargs=document["env_kwargs"],
            seed=document["seed"],
            device=device,
            termination=termination,
            config=TypeAdapter(DreamingConfig).validate_python(document["config"]),
        )
        model = rebuild_world_model(saved.documents["world_model"], saved.tensors["world_model"])
        agent.model = model.to(agent.device)
        agent.experience = Experience(**saved.tensors["experience"], action_space=agent.env.action_space)
        agent.rounds_done = document["rounds_done"]
        agent._learner = agent._new_learner(agent._dreams())
        restore_learner(
            agent._learner, LearnerState(tensors=saved.tensors, documents=saved.documents, arrays=saved.arrays)
        )
        return agent

    @property
    def _settings(self) -> DreamSACConfig | DreamPPOConfig:
        return self.config.sac if self.config.learner == "sac" else self.config.ppo

    def _round(self, most: int, progress: Callable[[FitEpoch], bool | None] | None) -> DreamRound:
        config = self.config
        if self._real is None:
            self._real = RealSteps(self.env, seed=self.seed + self.rounds_done)
        first = self.experience is None
        steps = min(most, self.first_steps if first else config.steps_per_round)
        finished = len(self._real.episode_returns)
        taken = self._real.collect(steps, None if first else self.policy)
        self.experience = taken if self.experience is None else Experience.concatenate([self.experience, taken])
        updates = config.first_updates if first or not self.model.goes_on else config.model_updates
        # No patience: with so few rows a pass is a few updates, and the held-out loss is noisy.
        self.model.fitting = replace(self.model.fitting, patience=None)
        with_fitting(self.model, updates=updates, seed=self.seed + self.rounds_done)
        history = (self.model.fit if first else self.model.learn)(self.experience, progress=progress)
        dreams = self._dreams()
        if self._learner is None:
            self._learner = self._new_learner(dreams)
        else:
            self._learner.set_env(dreams)
        self._learner.learn(
            self._settings.dreamt_steps(steps), reset_num_timesteps=False, log_interval=2**31, tb_log_name="dreams"
        )
        self.rounds_done += 1
        return DreamRound(
            number=self.rounds_done,
            real_steps=self.real_steps,
            dreamt_steps=self._learner.num_timesteps,
            episode_returns=tuple(self._real.episode_returns[finished:]),
            history=history,
        )

    def _named_model(self) -> Dynamics:
        hidden = self.config.model_hidden
        if self.config.model == "ensemble":
            model = EnsembleWorldModel(hidden=hidden)
            model.fitting = replace(model.fitting, final_fraction=0.0)  # its fits are short, and each is dreamt from
            return model
        return MODELS[self.config.model](hidden[0])

    def _dreams(self) -> DreamVecEnv:
        return self.model.as_vec_env(
            self.config.dreams,
            horizon=self.config.horizon,
            termination=self.termination,
            disagreement_level=self.config.disagreement_level,
            seed=self.seed + self.rounds_done,
        )

    def _new_learner(self, dreams: DreamVecEnv) -> BaseAlgorithm:
        assert self.experience is not None
        seen = self.experience.observations
        columns = position_velocity_columns(self.env_id, seen.shape[1])
        standardise = Standardise.fit(seen, columns=columns)
        learner = self._settings.build(
            dreams, standardise, steps_per_round=self.config.steps_per_round, seed=self.seed, device=self.device
        )
        learner.set_logger(Logger(None, []))  # the rounds are logged, not the dreams
        return learner
