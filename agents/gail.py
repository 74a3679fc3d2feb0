"""Generative adversarial imitation learning (Ho & Ermon 2016) with a learner of stable-baselines3."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs import make_vec_env
from genrl.envs.observation_columns import position_velocity_columns
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.protocols import RewardModel
from genrl.rewards import FrozenReward, check_demonstrations
from genrl.training.devices import available_device
from genrl.training.finite_learning import finite_learning
from genrl.training.learner_state import LearnerState, learner_state, restore_learner
from genrl.training.reading import reading
from genrl.training.seeding import random_state, restore_random_state, seed_everything
from genrl.training.torch_threads import one_torch_thread
from genrl.transitions import Demonstrations

from .gail_config import GAILConfig, LearnerName, Start
from .gail_reward import build_reward, parts_seen
from .generative_choices import POLICIES
from .hold_policy import HoldPolicy
from .imitation_hook import CollectingBegins, ImitationHook
from .learner_env import LearnerEnv
from .learners import OnPolicyConfig
from .reward_model_state import restore_reward_model, reward_model_state
from .saved_agent import SavedAgent, bytes_of, read_agent, read_config
from .smooth_teacher import PretrainingProgress
from .standardisers import HALF_AND_HALF, Standardisers, fit_standardisers, random_steps
from .warm_start import warm_start

__all__ = ["GAIL"]


class GAIL(SavedAgent):
    """A policy that learns to act like demonstrations, without seeing the task's reward.

    Args:
        env: a Gymnasium id, or a `VecEnv` with a Box observation of one dimension and Box or Discrete actions.
        demonstrations: of the same task; None for an agent that only predicts.
        learner: "ppo", "trpo", "sac", "td3", "tqc" or "crossq"; the default is `config.learner`.
        reward_model: pays the learner in place of the discriminator that `config` describes. One whose unit means
            nothing (a log-density, a log ratio) is put on the scale of the standardised logit.
        action_density: what actions follow given the observation, not fitted, in place of what `config` names.
        num_envs: environments side by side, if `env` is an id.
        env_kwargs: constructor arguments of the environment, if `env` is an id.
        seed: of everything random; drawn if None.
        device: "cpu", "cuda" or "auto".
        config: everything else.
        standardisers: fitted ones; by default they are fitted on demonstrations and random steps, and suit the start.

    Attributes:
        start: what learning started from, a clone of the demonstrations or noise; None before.

    Raises:
        InputError: the demonstrations are of another task, or the spaces are not supported.
    """

    def __init__(
        self,
        env: str | VecEnv,
        demonstrations: Demonstrations | None,
        *,
        learner: LearnerName | None = None,
        reward_model: RewardModel | None = None,
        action_density: GenerativeModel | None = None,
        num_envs: int = 64,
        env_kwargs: Mapping[str, Any] | None = None,
        seed: int | None = None,
        device: str = "auto",
        config: GAILConfig | None = None,
        standardisers: Standardisers | None = None,
    ) -> None:
        self.config = config or GAILConfig()
        self.learner_name = learner or self.config.learner
        self._settings = self.config.settings(self.learner_name)
        self._action_density = action_density or POLICIES[self.config.policy]()
        self.env_id = env if isinstance(env, str) else None
        self.env_kwargs = dict(env_kwargs or {})
        self.seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1) if seed is None else seed
        self.device = available_device(device)
        self.demonstrations = demonstrations
        if self.env_id is None and self.config.time_limit is not None:
            raise InputError("time_limit is for environments made by their id: give a VecEnv its own time limit")
        seed_everything(self.seed)
        venv = self._make_env(env, num_envs) if isinstance(env, str) else env
        if demonstrations is not None:
            demonstrations.check_spaces(venv.observation_space, venv.action_space, self.env_id)
        if demonstrations is not None and reward_model is None:
            check_demonstrations(parts_seen(self.config), demonstrations)
        self.env = LearnerEnv(venv)
        self.standardisers, self._units_of_noise = (standardisers, None) if standardisers else self._fit_standardisers()
        self.reward_model = build_reward(
            self.config, self._settings, self.standardisers, reward_model, device=self.device
        )
        self.learner = self._build_learner()
        self.start: Start | None = None

    @property
    def checkpoint_seconds(self) -> float:
        """How far apart the checkpoints of a run should be."""
        return self._settings.checkpoint_seconds

    @property
    def policy(self) -> BasePolicy:
        """The learner's policy."""
        return self.learner.policy

    def prepare(self, total_timesteps: int | None = None, *, progress: PretrainingProgress = lambda *_: None) -> None:
        """Pretrain the policy by behavioral cloning, if that is wanted and possible; `start` then says the outcome.

        `learn` does this first. It is done once, and is part of what is saved. A control must not see demonstrations.

        Args:
            total_timesteps: environment steps of the run, which bound the cost of the pretraining
                (`WarmStartConfig.budget_share`); None for no bound.
            progress: called with what is being done, how much of it is done, and how much there is at most.
        """
        if self.start is not None or self.demonstrations is None:
            return
        if not self._may_clone:
            self.start = "noise"
            return
        assert isinstance(self.policy, ActorCriticPolicy)
        is_clone = warm_start(
            self.policy,
            self.env,
            self.demonstrations,
            self.config.warm_start,
            seed=self.seed,
            total_timesteps=total_timesteps,
            progress=progress,
        )
        if not is_clone and self._units_of_noise is not None:
            self.standardisers.take(self._units_of_noise)
        self.start = "clone" if is_clone else "noise"

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        *,
        progress_bar: bool = False,
        log_interval: int = 1,
        reset_num_timesteps: bool = True,
    ) -> GAIL:
        """Train for `total_timesteps` more environment steps.

        Args:
            total_timesteps: steps over all environments; those of the first call bound the cost of the pretraining,
                unless `prepare` was called before.
            callback: called as by stable-baselines3, after the rollout has been paid.
            progress_bar: show stable-baselines3's.
            log_interval: iterations between two lines of the log.
            reset_num_timesteps: start counting, and the episodes, anew.
        """
        if self.demonstrations is None:
            raise InputError("this agent was loaded without demonstrations: pass them to load() to train on")
        self.prepare(total_timesteps)
        expert = self.demonstrations.transitions(self.env.action_space).to(self.device)
        paid = FrozenReward(self.reward_model) if self.config.zero_demonstrations else self.reward_model
        settings = self._settings if self._may_see_actions else self._settings.without_demonstrations()
        hooks = settings.callbacks(paid, expert, log_interval=log_interval)
        held = [HoldPolicy(self.config.warm_start.held_rollouts)] if self.start == "clone" else []
        clocks = [CollectingBegins(hook) for hook in hooks if isinstance(hook, ImitationHook)]
        with one_torch_thread(), finite_learning(self.learner) as finite:
            self.learner.learn(
                total_timesteps,
                CallbackList([finite, *hooks, *held, *_as_list(callback), *clocks]),
                log_interval=sys.maxsize if self._settings.writes_log else log_interval,
                reset_num_timesteps=reset_num_timesteps,
                progress_bar=progress_bar,
            )
        return self

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        env: str | VecEnv | None = None,
        demonstrations: Demonstrations | None = None,
        reward_model: RewardModel | None = None,
        action_density: GenerativeModel | None = None,
        device: str = "auto",
        trust: bool = False,
    ) -> GAIL:
        """An agent as it was when it was saved; with demonstrations it goes on learning where it stopped.

        Args:
            path: a folder that `save` wrote, or a checkpoint of a run.
            env: needed if the agent was made with a `VecEnv`.
            demonstrations: needed to go on learning.
            reward_model: needed to go on learning if the agent was made with one of its own.
            action_density: needed if the agent was made with one of its own.
            device: to load to.
            trust: make the environment that the file names although that imports a module or reads a file.

        Raises:
            InputError: the folder holds no such agent, is damaged, or does not fit what was given.
        """
        saved, document, env = read_agent(path, "gail", env, trust=trust)
        start = document.get("start", "noise")
        # Before it has a start it needs the units of both; only to predict, those that it has.
        fits_anew = start is None and demonstrations is not None
        config = read_config(GAILConfig, document, path)
        with reading(
            f"the agent in {path}", saved.tensors.values(), extra_bytes=bytes_of(demonstrations), of_caller=True
        ):
            agent = cls(
                env,
                demonstrations,
                learner=document["learner"],
                reward_model=reward_model,
                action_density=action_density,
                num_envs=document["num_envs"],
                env_kwargs=document["env_kwargs"],
                seed=document["seed"],
                device=device,
                config=config if isinstance(env, str) else replace(config, time_limit=None),  # a VecEnv has its own
                standardisers=None if fits_anew else Standardisers.from_tensors(saved.tensors["standardisers"]),
            )
            agent.start = start
            agent.restore(LearnerState(tensors=saved.tensors, documents=saved.documents, arrays=saved.arrays))
        return agent

    def state(self) -> LearnerState:
        """Everything that a checkpoint holds."""
        state = learner_state(self.learner)
        reward_tensors, reward_documents = reward_model_state(self.reward_model)
        agent = {
            "kind": "gail",
            "env_id": self.env_id,
            "env_kwargs": self.env_kwargs,
            "num_envs": self.env.num_envs,
            "seed": self.seed,
            "learner": self.learner_name,
            "config": asdict(self.config),
            "start": self.start,
        }
        policy = self._settings.describe(self.learner.policy, self.config.network, self.env_id)
        return LearnerState(
            tensors={**state.tensors, **reward_tensors, "standardisers": self.standardisers.to_tensors()},
            documents={**state.documents, **reward_documents, "agent": agent, "policy": policy},
            arrays={**state.arrays, "random_state": random_state()},
        )

    def restore(self, state: LearnerState) -> None:
        """Put back what `state` gave."""
        restore_learner(self.learner, state)
        restore_reward_model(self.reward_model, state)
        restore_random_state(state.arrays["random_state"])

    @property
    def _may_see_actions(self) -> bool:
        known = self.demonstrations is not None and self.demonstrations.has_actions
        return known and not self.config.state_only and not self.config.zero_demonstrations

    @property
    def _may_clone(self) -> bool:
        return self.config.bc_warm_start and self._may_see_actions and isinstance(self._settings, OnPolicyConfig)

    def _make_env(self, env_id: str, num_envs: int) -> VecEnv:
        limit = {} if self.config.time_limit is None else {"max_episode_steps": self.config.time_limit}
        return make_vec_env(env_id, num_envs, seed=self.seed, **{**self.env_kwargs, **limit})

    def _fit_standardisers(self) -> tuple[Standardisers, Standardisers | None]:
        """Those that suit the start, and, if that may be a clone, those to go over to if it falls."""
        if self.demonstrations is None:
            raise InputError("demonstrations are needed to standardise the observations by")
        expert = self.demonstrations.transitions(self.env.action_space)
        columns = position_velocity_columns(self.env_id, expert.observations.shape[1])
        steps = self.config.untrained_steps
        untrained = random_steps(self.env, steps, self.seed) if steps else None
        fit = partial(
            fit_standardisers, expert, untrained, columns=columns, has_actions=self.demonstrations.has_actions
        )
        of_noise = fit(share=HALF_AND_HALF)
        return (fit(share=self.config.warm_start.untrained_share), of_noise) if self._may_clone else (of_noise, None)

    def _build_learner(self) -> BaseAlgorithm:
        return self._settings.build(
            self.env,
            self.standardisers.observations,
            self.config.network,
            self.reward_model,
            seed=self.seed,
            device=self.device,
            action_density=self._action_density,
        )


def _as_list(callback: MaybeCallback) -> list[Any]:
    if callback is None:
        return []
    return callback if isinstance(callback, list) else [callback]
