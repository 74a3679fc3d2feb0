"""Learning in dreams: real steps, a world model of them, and a learner that practises in the model; in turns.

Dyna's loop (Sutton 1991) with short dreams from real states, as Janner et al. (2019) have it.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from genrl.envs import make_vec_env
from genrl.envs.observation_columns import position_velocity_columns
from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.training.checkpoint import CheckpointParts
from genrl.training.devices import available_device
from genrl.training.finite_learning import finite_learning
from genrl.training.fit_checkpoints import FitCheckpoints
from genrl.training.fit_history import FitEpoch, FitHistory
from genrl.training.learner_state import LearnerState, learner_state, restore_learner
from genrl.training.reading import reading, validate
from genrl.training.seeding import random_state, restore_random_state, seed_everything
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
from .dream_round import DreamRound, RoundUnderWay
from .dreaming_config import DreamingConfig
from .pauses import LearningStopped, Pauses
from .real_steps import RealSteps
from .saved_agent import SavedAgent, read_agent, read_config
from .world_model_choices import MODELS, with_fitting

__all__ = ["Dreaming"]

FIRST_EPISODES, STEPS_WITHOUT_LIMIT = 5, 500
SECONDS_BETWEEN_CHECKPOINTS = 60.0


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
        self._saved_real: Mapping[str, NDArray[Any]] = {}
        self._under_way: RoundUnderWay | None = None
        self._before_fit: tuple[Dynamics, dict[str, NDArray[Any]]] | None = None  # model and random states
        self._fit: CheckpointParts | None = None
        self._pauses = Pauses()

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
    def in_round(self) -> bool:
        """Whether learning was stopped within a round, which the next call of `learn` brings to its end."""
        return self._under_way is not None

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
        save: Callable[[], None] | None = None,
        stop: Callable[[], bool] | None = None,
        every_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
    ) -> Dreaming:
        """Go on until so many real steps are taken in all.

        Where rounds end depends on `real_steps`: the last one is cut short. Two calls end in the same weights as one if
        the first ends where a round does, or is stopped.

        Args:
            real_steps: in all, those of earlier calls too.
            on_round: called after each round; a False that it returns ends the training.
            progress: called after each epoch of the model's fits; a False that it returns ends that fit.
            save: called every `every_seconds` and before a stop, where `state()` is whole: learning goes on from it, in
                another process too, as if it had not been interrupted.
            stop: asked before each real step, each batch of a fit and each rollout of dreams; a True ends the training
                there.
            every_seconds: between two calls of `save`.
        """
        self._pauses = Pauses(save, stop, every_seconds)
        try:
            while self.real_steps < real_steps or self.in_round:
                with one_torch_thread():
                    done = self._round(real_steps - self.real_steps, progress)
                if on_round is not None and on_round(done) is False:
                    break
        except LearningStopped:
            pass
        finally:
            self._pauses = Pauses()
        return self

    def state(self) -> LearnerState:
        """Everything that a checkpoint holds: policy and optimisers, dreams, model, all real steps, random states."""
        model, random = self._before_fit or (self.model, random_state())
        agent = {
            "kind": "dreaming",
            "env_id": self.env_id,
            "env_kwargs": self.env_kwargs,
            "seed": self.seed,
            "rounds_done": self.rounds_done,
            "round": None if self._under_way is None else self._under_way.to_document(),
            "model_training": model.training,
            "config": asdict(self.config),
        }
        real = self._saved_real if self._real is None else self._real.state()
        tensors: dict[str, dict[str, Tensor]] = {}
        documents: dict[str, Any] = {"agent": agent}
        arrays = {"random_state": random, **({"real": dict(real)} if real else {})}
        if self.experience is not None:
            tensors["experience"] = self.experience.to_tensors()
        if self._learner is not None:
            learned = learner_state(self._learner)
            tensors |= {**learned.tensors, "world_model": model.state_dict()}
            documents |= {**learned.documents, "world_model": describe_world_model(model)}
            documents["policy"] = self._settings.describe(self.policy, self.env_id)
            arrays |= learned.arrays
        if self._fit is not None:
            tensors |= self._fit.tensors
            documents |= self._fit.documents
            arrays |= self._fit.arrays
        return LearnerState(tensors=tensors, documents=documents, arrays=arrays)

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        env: str | VecEnv | None = None,
        device: str = "auto",
        termination: TerminationRule | None = None,
        model: Dynamics | None = None,
        trust: bool = False,
    ) -> Dreaming:
        """An agent as it was when it was saved; it goes on learning where it stopped.

        Args:
            path: a folder that `save` wrote.
            env: needed if the agent was made with a `VecEnv`.
            device: to load to.
            termination: as it was given to the constructor; a function is not saved.
            model: as it was given to the constructor; needed only if it had not been fitted yet.
            trust: make the environment that the file names although that imports a module or reads a file.

        Raises:
            InputError: the folder holds no such agent, or is damaged.
        """
        saved, document, env = read_agent(path, "dreaming", env, trust=trust)
        with reading(f"the agent in {path}", saved.tensors.values(), of_caller=True):
            agent = cls(
                env,
                env_kwargs=document["env_kwargs"],
                seed=document["seed"],
                device=device,
                termination=termination,
                model=model,
                config=read_config(DreamingConfig, document, path),
            )
            agent.restore(LearnerState(tensors=saved.tensors, documents=saved.documents, arrays=saved.arrays))
        return agent

    def restore(self, state: LearnerState) -> None:
        """Put back what `state` gave."""
        document = state.documents["agent"]
        self.rounds_done = document["rounds_done"]
        self._under_way = validate(RoundUnderWay | None, document.get("round"), "agent.json", "round")
        if "experience" in state.tensors:
            self.experience = Experience(**state.tensors["experience"], action_space=self.env.action_space)
        if "world_model" in state.documents:
            model = rebuild_world_model(state.documents["world_model"], state.tensors["world_model"])
            self.model = model.to(self.device).train(document.get("model_training", False))
            self._learner = self._new_learner(self._dreams())
            restore_learner(self._learner, state)
        self._fit = state if "fit" in state.documents else None
        self._real, self._saved_real = None, state.arrays.get("real", {})
        if "random_state" in state.arrays:  # agents that were saved by earlier versions have none
            restore_random_state(state.arrays["random_state"])

    @property
    def _settings(self) -> DreamSACConfig | DreamPPOConfig:
        return self.config.sac if self.config.learner == "sac" else self.config.ppo

    def _round(self, most: int, progress: Callable[[FitEpoch], bool | None] | None) -> DreamRound:
        """A round, or what is left of one that was interrupted."""
        if self._real is None:
            self._real = self._begin_real()
        if self._under_way is None:
            steps = min(most, self.first_steps if self.experience is None else self.config.steps_per_round)
            self._under_way = RoundUnderWay(real_steps=steps, episodes_before=len(self._real.episode_returns))
        current = self._under_way
        if current.stage == "collect":
            acting = None if self.experience is None else self.policy
            taken = self._real.collect(current.real_steps, acting, before_step=self._pauses.at_rest)
            self.experience = taken if self.experience is None else Experience.concatenate([self.experience, taken])
            current.stage = "fit"
            self._pauses.at_rest()
        if current.stage == "fit":
            current.history = self._fit_model(progress)
            current.dream_until = self._begin_dreams() + self._settings.dreamt_steps(current.real_steps)
            current.stage = "dream"
        if self.learner.num_timesteps < current.dream_until:
            with finite_learning(self.learner) as finite:
                self.learner.learn(
                    current.dream_until - self.learner.num_timesteps,
                    [finite, _BetweenRollouts(self._pauses.at_rest)],
                    reset_num_timesteps=False,
                    log_interval=2**31,
                    tb_log_name="dreams",
                )
        self.rounds_done += 1
        self._under_way = None
        assert current.history is not None
        return DreamRound(
            number=self.rounds_done,
            real_steps=self.real_steps,
            dreamt_steps=self.learner.num_timesteps,
            episode_returns=tuple(self._real.episode_returns[current.episodes_before :]),
            history=current.history,
        )

    def _begin_real(self) -> RealSteps:
        """The real environment, where it was when the agent was saved if it was."""
        if not self.rounds_done and not self._saved_real:
            return RealSteps(self.env, seed=self.seed)
        before = random_state()
        real = RealSteps(self.env, seed=self.seed + self.rounds_done)
        try:
            if not self._saved_real:
                raise InputError("the state of the environment was not saved")
            real.restore(self._saved_real)
        except InputError as error:
            warnings.warn(
                f"{error}: a new episode begins, so that the continuation differs from uninterrupted learning",
                stacklevel=4,
            )
        restore_random_state(before)
        return real

    def _fit_model(self, progress: Callable[[FitEpoch], bool | None] | None) -> FitHistory:
        """Fit the model to all real steps, from what it has learned before if it can."""
        assert self.experience is not None
        config, first = self.config, self.rounds_done == 0
        self._before_fit = copy.deepcopy(self.model), random_state()
        updates = config.first_updates if first or not self.model.goes_on else config.model_updates
        # No patience: with so few rows a pass is a few updates, and the held-out loss is noisy.
        self.model.fitting = replace(self.model.fitting, patience=None)
        with_fitting(self.model, updates=updates, seed=self.seed + self.rounds_done)

        def keep(fit: CheckpointParts) -> None:
            self._fit = fit
            self._pauses.save_if_due()

        def show(epoch: FitEpoch) -> bool | None:
            return None if progress is None or checkpoints.replaying else progress(epoch)

        try:
            checkpoints = FitCheckpoints(self._fit, save=keep, stop=self._pauses.stop_requested, every_seconds=0.0)
            with checkpoints:
                history = (self.model.fit if first else self.model.learn)(self.experience, progress=show)
            if history.stopped == "asked" and self._pauses.stop_requested():
                self.model, random_before = self._before_fit
                restore_random_state(random_before)
                self._pauses.at_rest()
            self._fit = None
            return history
        finally:
            self._before_fit = None

    def _begin_dreams(self) -> int:
        """Dreams of the model as it is now; gives the steps that the learner has dreamt before."""
        dreams = self._dreams()
        if self._learner is None:
            self._learner = self._new_learner(dreams)
        else:
            self._learner.set_env(dreams)
        return self._learner.num_timesteps

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


class _BetweenRollouts(BaseCallback):
    """Calls a function before each rollout, where the state of a learner is whole."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self._call = call

    def _on_rollout_start(self) -> None:
        self._call()

    def _on_step(self) -> bool:
        return True
