"""Runs whole episodes of a policy, many at once, each from its own seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs import make_vec_env
from genrl.envs.finite_env import FiniteEnv
from genrl.errors import InputError
from genrl.evaluation.aggregate import Evaluation
from genrl.protocols import Policy
from genrl.training import random_state, restore_random_state, seed_everything

__all__ = ["evaluate_on_vec_env", "evaluate_policy"]

MOST_ENVS = 64


def evaluate_policy(
    policy: Policy,
    env_id: str,
    episodes: int,
    *,
    deterministic: bool = True,
    seed: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
    num_envs: int | None = None,
    num_threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Run exactly `episodes` episodes of `policy` on a task, episode k reset with seed `seed + k`.

    Args:
        policy: takes raw observations.
        env_id: a Gymnasium id.
        episodes: how many.
        deterministic: act by the policy's mode rather than by a sample.
        seed: of the first episode; also seeds the sampling of a stochastic policy.
        env_kwargs: constructor keywords of the task.
        num_envs: how many episodes at once; by default all up to 64, else in even chunks.
        num_threads: of the simulator.
        progress: called with the number of finished episodes whenever some finish.

    Raises:
        InputError: no episode is asked for, the task is unknown, or the policy is of another one.
    """
    if episodes < 1:
        raise InputError(f"the number of episodes must be 1 or more, not {episodes}")
    if num_envs is None:
        num_envs = math.ceil(episodes / math.ceil(episodes / MOST_ENVS))
    venv = make_vec_env(env_id, min(num_envs, episodes), num_threads=num_threads, seed=seed, **(env_kwargs or {}))
    try:
        return evaluate_on_vec_env(
            policy, venv, episodes, env_id=env_id, deterministic=deterministic, seed=seed, progress=progress
        )
    finally:
        venv.close()


def evaluate_on_vec_env(
    policy: Policy,
    venv: VecEnv,
    episodes: int,
    *,
    env_id: str,
    deterministic: bool = True,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """As `evaluate_policy`, on a vector env of the caller's, whose rewards must be the task's own.

    Each env runs one episode and then waits for the slowest: taking the first `episodes` to finish instead would
    favour the short ones. The global random states are put back, so that evaluating does not change a training run.

    Args:
        policy: takes the observations that `venv` gives.
        venv: it is seeded and reset here, and not closed.
        episodes: how many.
        env_id: the name to report.
        deterministic: act by the policy's mode.
        seed: of the first episode.
        progress: called with the number of finished episodes.

    Raises:
        InputError: no episode is asked for, or the policy is of another task.
        NotFiniteError: the policy gave an action, or the task an observation or a reward, that is not finite.
    """
    if episodes < 1:
        raise InputError(f"the number of episodes must be 1 or more, not {episodes}")
    returns, lengths = np.zeros(episodes), np.zeros(episodes, dtype=np.int64)
    before, threads = random_state(), torch.get_num_threads()
    try:
        seed_everything(seed)
        torch.set_num_threads(1)  # torch's own threads would fight those of the simulator for the cores
        venv = FiniteEnv(venv, env_id)
        _check_fits(policy, venv, env_id)
        for first in range(0, episodes, venv.num_envs):
            count = min(venv.num_envs, episodes - first)
            chunk = slice(first, first + count)
            report = None if progress is None else _offset(progress, first)
            returns[chunk], lengths[chunk] = _run_chunk(policy, venv, count, deterministic, seed + first, report)
    finally:
        torch.set_num_threads(threads)
        restore_random_state(before)
    return Evaluation(
        env_id=env_id,
        returns=returns,
        lengths=lengths,
        seeds=seed + np.arange(episodes),
        deterministic=deterministic,
    )


def _run_chunk(
    policy: Policy,
    venv: VecEnv,
    count: int,
    deterministic: bool,
    seed: int,
    progress: Callable[[int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return and length, (count,) each, of the first episode of the first `count` envs."""
    returns, lengths = np.zeros(count), np.zeros(count, dtype=np.int64)
    running = np.ones(count, dtype=bool)
    venv.seed(seed)
    observations: Any = venv.reset()
    state, starts = None, np.ones(venv.num_envs, dtype=bool)
    while running.any():
        actions, state = policy.predict(observations, state=state, episode_start=starts, deterministic=deterministic)
        observations, rewards, starts, _ = venv.step(actions)
        # Copied at once into float64: the sum of a thousand float32 would lose digits.
        returns[running] += np.asarray(rewards, dtype=np.float64)[:count][running]
        lengths[running] += 1
        finished = running & starts[:count]
        running &= ~finished
        if progress is not None and finished.any():
            progress(count - int(running.sum()))
    return returns, lengths


def _check_fits(policy: Policy, venv: VecEnv, env_id: str) -> None:
    observations: Any = venv.reset()
    try:
        actions, _ = policy.predict(observations, episode_start=np.ones(venv.num_envs, dtype=bool), deterministic=True)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"the policy cannot act on {env_id}, which gives observations of shape "
            f"{venv.observation_space.shape}: it is of another task or version ({error})"
        ) from error
    if np.shape(actions)[1:] != venv.action_space.shape:
        raise InputError(
            f"the policy gives actions of shape {np.shape(actions)[1:]}, {env_id} takes {venv.action_space.shape}: "
            "it is of another task or version"
        )


def _offset(progress: Callable[[int], None], first: int) -> Callable[[int], None]:
    return lambda finished: progress(first + finished)
