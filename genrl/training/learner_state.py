"""All that a stable-baselines3 learner and its environment carry from one rollout to the next, and back again."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.save_util import recursive_getattr
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor, VecNormalize
from torch import Tensor

from genrl.envs.generators import generators_from_array, generators_to_array
from genrl.errors import InputError
from genrl.protocols import ResumableEnv
from genrl.training.checkpoint import CheckpointParts
from genrl.training.optimizer_state import flatten_optimizer, restore_optimizer
from genrl.training.reading import load_tensors, reading, validate

__all__ = ["LearnerState", "learner_state", "restore_learner"]

REPLAY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


LearnerState = CheckpointParts
"""All of a learner that a checkpoint holds."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """What stable-baselines3 keeps of a recent episode: its return and length."""

    r: float
    l: int  # noqa: E741 - as stable-baselines3 calls it


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The counters in `progress.json`."""

    num_timesteps: Annotated[int, Field(ge=0, lt=2**62)]
    n_updates: Annotated[int, Field(ge=0, lt=2**62)]
    recent_episodes: list[Episode]


def learner_state(learner: BaseAlgorithm) -> LearnerState:
    """The state between two rollouts: networks, optimisers, counters, replay buffer, environments, observations."""
    tensors: dict[str, dict[str, Tensor]] = {}
    documents: dict[str, Any] = {}
    modules, variables = learner._get_torch_save_params()
    for name in modules:
        key = name.replace(".", "_")
        part = recursive_getattr(learner, name)
        if isinstance(part, torch.optim.Optimizer):
            tensors[key], documents[key] = flatten_optimizer(part.state_dict())
        else:
            tensors[key] = part.state_dict()
    if variables:
        tensors["variables"] = {name: recursive_getattr(learner, name) for name in variables}
    documents["progress"] = {
        "num_timesteps": learner.num_timesteps,
        "n_updates": learner._n_updates,
        "recent_episodes": [
            {"r": float(episode["r"]), "l": int(episode["l"])} for episode in learner.ep_info_buffer or ()
        ],
    }
    arrays = _env_arrays(learner)
    if isinstance(learner, OffPolicyAlgorithm) and learner.replay_buffer is not None:
        arrays["replay"] = _replay_arrays(learner.replay_buffer)
        # The random actions of the warm-up are drawn by the action space's own generator.
        arrays["warm_up"] = {"generator": generators_to_array([learner.action_space.np_random])}
    return LearnerState(tensors=tensors, documents=documents, arrays=arrays)


def restore_learner(learner: BaseAlgorithm, state: LearnerState) -> None:
    """Put back what `learner_state` gave. Environments that cannot be restored start new episodes, with a warning.

    Raises:
        InputError: the state is of another learner.
    """
    with reading("the saved learner", state.tensors.values(), of_caller=True):
        modules, variables = learner._get_torch_save_params()
        for name in modules:
            key = name.replace(".", "_")
            part = recursive_getattr(learner, name)
            if isinstance(part, torch.optim.Optimizer):
                restore_optimizer(part, state.tensors[key], state.documents[key])
            else:
                load_tensors(part, state.tensors[key], f"the saved learner's {name}")
        for name in variables:
            recursive_getattr(learner, name).data.copy_(state.tensors["variables"][name])
        progress: Progress = validate(Progress, state.documents["progress"], "progress.json")
        learner.num_timesteps = progress.num_timesteps
        learner._n_updates = progress.n_updates
        recent = [asdict(episode) for episode in progress.recent_episodes]
        learner.ep_info_buffer = deque(recent, maxlen=learner._stats_window_size)
        learner.ep_success_buffer = deque(maxlen=learner._stats_window_size)
        if isinstance(learner, OffPolicyAlgorithm) and "replay" in state.arrays:
            assert learner.replay_buffer is not None
            _restore_replay(learner.replay_buffer, state.arrays["replay"])
            if "warm_up" in state.arrays:
                (generator,) = generators_from_array(state.arrays["warm_up"]["generator"])
                learner.action_space.np_random.bit_generator.state = generator.bit_generator.state
        _restore_env(learner, state.arrays)


def _env_arrays(learner: BaseAlgorithm) -> dict[str, dict[str, NDArray[Any]]]:
    arrays: dict[str, dict[str, NDArray[Any]]] = {}
    assert learner.env is not None
    normaliser = learner.get_vec_normalize_env()
    if normaliser is not None:
        arrays["normaliser"] = _normaliser_arrays(normaliser)
    arrays |= _episode_arrays(learner)
    if normaliser is not None and "episodes" in arrays:
        arrays["episodes"]["raw_observations"] = np.asarray(normaliser.old_obs)
    return arrays


def _episode_arrays(learner: BaseAlgorithm) -> dict[str, dict[str, NDArray[Any]]]:
    """Of the environments, and of the episodes that run in them; empty where that cannot be saved."""
    assert learner.env is not None
    simulator = _layer(learner.env, ResumableEnv)
    if simulator is None:
        return {}
    started = learner._last_obs is not None
    try:
        state = simulator.simulator_state()
    except InputError:  # before its first reset there is none
        if started:
            raise
        return {}
    if not started or not state:
        return {"simulator": state} if state else {}
    assert isinstance(learner._last_obs, np.ndarray)
    episodes = {
        "last_observations": learner._last_obs,
        "last_episode_starts": np.asarray(learner._last_episode_starts),
    }
    monitor = _layer(learner.env, VecMonitor)
    if monitor is not None:
        episodes |= {"returns": monitor.episode_returns, "lengths": monitor.episode_lengths}
    return {"simulator": state, "episodes": episodes}


def _restore_env(learner: BaseAlgorithm, arrays: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    assert learner.env is not None
    normaliser = learner.get_vec_normalize_env()
    if normaliser is not None:
        _restore_normaliser(normaliser, arrays["normaliser"])
    simulator = _layer(learner.env, ResumableEnv)
    if simulator is None:
        return
    try:
        if "simulator" in arrays:
            simulator.restore_simulator_state(arrays["simulator"])
        elif learner.num_timesteps:
            raise InputError("the state of the environments was not saved")
        else:
            return
    except InputError as error:
        warnings.warn(
            f"{error}. New episodes begin, so that the continuation differs from an uninterrupted run", stacklevel=3
        )
        return
    if "episodes" not in arrays:
        return
    episodes = arrays["episodes"]
    learner._last_obs = episodes["last_observations"]
    learner._last_episode_starts = episodes["last_episode_starts"]
    if normaliser is not None:
        normaliser.old_obs = learner._last_original_obs = episodes["raw_observations"]
    monitor = _layer(learner.env, VecMonitor)
    if monitor is not None:
        monitor.episode_returns = episodes["returns"]
        monitor.episode_lengths = episodes["lengths"]


def _normaliser_arrays(normaliser: VecNormalize) -> dict[str, NDArray[Any]]:
    arrays = {"discounted_returns": normaliser.returns.copy()}
    for name, running in _running_statistics(normaliser).items():
        arrays |= {f"{name}_{part}": np.array(getattr(running, part)) for part in ("mean", "var", "count")}
    return arrays


def _restore_normaliser(normaliser: VecNormalize, arrays: Mapping[str, NDArray[Any]]) -> None:
    normaliser.returns = np.array(arrays["discounted_returns"])
    for name, running in _running_statistics(normaliser).items():
        running.mean, running.var = np.array(arrays[f"{name}_mean"]), np.array(arrays[f"{name}_var"])
        running.count = float(arrays[f"{name}_count"])


def _running_statistics(normaliser: VecNormalize) -> dict[str, Any]:
    observations = {"observations": normaliser.obs_rms} if normaliser.norm_obs else {}
    return {**observations, "returns": normaliser.ret_rms}


def _replay_arrays(buffer: ReplayBuffer) -> dict[str, NDArray[Any]]:
    """The part that is filled."""
    filled = buffer.size()
    arrays = {name: getattr(buffer, name)[:filled] for name in REPLAY}
    return {**arrays, "position": np.array(buffer.pos), "full": np.array(buffer.full)}


def _restore_replay(buffer: ReplayBuffer, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name in REPLAY:
        mine, saved = getattr(buffer, name), arrays[name]
        if mine.shape[1:] != saved.shape[1:] or len(saved) > len(mine):
            raise InputError("the saved replay buffer does not fit: go on with as many environments as before")
        mine[: len(saved)] = saved
    buffer.pos, buffer.full = int(arrays["position"]), bool(arrays["full"])


def _layer(env: VecEnv, kind: Any) -> Any:
    """The outermost layer of a wrapped environment that is a `kind`, or None."""
    while not isinstance(env, kind):
        if not isinstance(env, VecEnvWrapper):
            return None
        env = env.venv
    return env
