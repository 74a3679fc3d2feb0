"""Behavioural cloning (Pomerleau 1991): a policy fitted to demonstrations by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs import make_vec_env
from genrl.envs.observation_columns import position_velocity_columns
from genrl.errors import InputError
from genrl.policies import SamplerPolicy, describe_policy, load_policy
from genrl.training.devices import available_device
from genrl.training.fit import FitEpoch, FitHistory
from genrl.training.learner_state import LearnerState
from genrl.training.reading import reading
from genrl.training.seeding import seed_everything
from genrl.transitions import Demonstrations

from .cloning import CloningConfig, build_policy, clone, labelled_states
from .saved_agent import SavedAgent, bytes_of, read_agent, read_config
from .standardisers import fit_standardisers, random_steps

__all__ = ["BehaviourCloning"]

RANDOM_STEPS = 8192


class BehaviourCloning(SavedAgent):
    """A policy that repeats what the demonstrations did; the baseline of every imitator.

    The policy is a Gaussian whose mean depends on the observation (Box), or a softmax (Discrete). Observations are
    standardised inside it by demonstrations and random steps, one half of each, as for a GAIL that starts from noise.
    The clone that GAIL starts from has finer units and, if demonstrations are few, a teacher (`warm_start`).

    Args:
        env: a Gymnasium id, or a `VecEnv` with a Box observation of one dimension and Box or Discrete actions.
        demonstrations: of the same task; None for an agent that only predicts.
        env_kwargs: constructor arguments of the environment, if `env` is an id.
        seed: of everything random; drawn if None.
        device: "cpu", "cuda" or "auto".
        config: how to fit.
        policy: a fitted one to go on with, in place of a new one.

    Raises:
        InputError: the demonstrations are of another task or hold no actions, or the spaces are not supported.
    """

    def __init__(
        self,
        env: str | VecEnv,
        demonstrations: Demonstrations | None,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        seed: int | None = None,
        device: str = "auto",
        config: CloningConfig | None = None,
        policy: BasePolicy | None = None,
    ) -> None:
        if demonstrations is not None:
            demonstrations.require_actions("behavioural cloning")
        self.config = config or CloningConfig()
        self.env_id = env if isinstance(env, str) else None
        self.env_kwargs = dict(env_kwargs or {})
        self.seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1) if seed is None else seed
        self.device = available_device(device)
        self.demonstrations = demonstrations
        self.history: FitHistory | None = None
        seed_everything(self.seed)
        venv = make_vec_env(env, 16, seed=self.seed, **self.env_kwargs) if isinstance(env, str) else env
        try:
            if demonstrations is not None:
                demonstrations.check_spaces(venv.observation_space, venv.action_space, self.env_id)
            self._policy = policy.to(self.device) if policy is not None else self._new_policy(venv)
        finally:
            if isinstance(env, str):
                venv.close()

    @property
    def policy(self) -> BasePolicy:
        """The imitator."""
        return self._policy

    def learn(
        self, epochs: int | None = None, *, progress: Callable[[FitEpoch], bool | None] | None = None
    ) -> BehaviourCloning:
        """Fit the policy from where it is; the best weights are kept however it ends, Ctrl-C included.

        Inside of a `genrl.training.FitCheckpoints` a fit that was interrupted goes on exactly: make the agent with the
        same seed and demonstrations again, enter a `FitCheckpoints` with what the first one saved, and call `learn`.

        Args:
            epochs: passes over the demonstrations, at most; `config.epochs` by default.
            progress: called after each; a False that it returns ends the training.
        """
        if self.demonstrations is None:
            raise InputError("this agent was loaded without demonstrations: pass them to load() to train on")
        config = self.config if epochs is None else replace(self.config, epochs=epochs)
        if (
            isinstance(self.policy, SamplerPolicy)
            and self.policy.chunk > 1
            and self.demonstrations.kept_pairs is not None
        ):
            raise InputError("chunks of actions are of successive steps: keep all pairs (subsample=1), or give chunk=1")
        states = labelled_states(self.demonstrations, self.policy.action_space)
        self.history = clone(self.policy, states, config, seed=self.seed, progress=progress)
        return self

    def state(self) -> LearnerState:
        """Everything that a checkpoint holds."""
        agent = {
            "kind": "bc",
            "env_id": self.env_id,
            "env_kwargs": self.env_kwargs,
            "seed": self.seed,
            "config": asdict(self.config),
        }
        return LearnerState(
            tensors={"policy": self.policy.state_dict()},
            documents={"agent": agent, "policy": describe_policy(self.policy, self.config.network, self.env_id)},
            arrays={},
        )

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        env: str | VecEnv | None = None,
        demonstrations: Demonstrations | None = None,
        device: str = "auto",
        trust: bool = False,
    ) -> BehaviourCloning:
        """An agent as it was when it was saved.

        Args:
            path: a folder that `save` wrote.
            env: needed if the agent was made with a `VecEnv`.
            demonstrations: needed to go on learning.
            device: to load to.
            trust: make the environment that the file names although that imports a module or reads a file.

        Raises:
            InputError: the folder holds no such agent, or is damaged.
        """
        saved, document, env = read_agent(path, "bc", env, trust=trust)
        with reading(
            f"the agent in {path}", saved.tensors.values(), extra_bytes=bytes_of(demonstrations), of_caller=True
        ):
            policy = load_policy(path)
            if not isinstance(policy, BasePolicy):
                raise InputError(f"{path} holds a {type(policy).__name__}, which is no policy to clone")
            return cls(
                env,
                demonstrations,
                env_kwargs=document["env_kwargs"],
                seed=document["seed"],
                device=device,
                config=read_config(CloningConfig, document, path),
                policy=policy,
            )

    def _new_policy(self, venv: VecEnv) -> BasePolicy:
        if self.demonstrations is None:
            raise InputError("demonstrations are needed to standardise the observations by")
        expert = self.demonstrations.transitions(venv.action_space)
        columns = position_velocity_columns(self.env_id, expert.observations.shape[1])
        standardisers = fit_standardisers(expert, random_steps(venv, RANDOM_STEPS, self.seed), columns=columns)
        return build_policy(venv.action_space, standardisers.observations, self.config, self.device)
