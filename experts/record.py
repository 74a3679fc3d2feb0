"""Recording a policy's episodes as demonstrations, many at once on the vectorised simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs import make_vec_env
from genrl.envs.finite_env import FiniteEnv
from genrl.errors import InputError
from genrl.protocols import Policy
from genrl.transitions import Demonstrations, Trajectory

__all__ = ["record"]

Progress = Callable[[int, int], None]
Array = NDArray[Any]


def record(
    policy: Policy,
    env_id: str,
    episodes: int,
    *,
    seed: int = 0,
    deterministic: bool = True,
    num_envs: int | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Demonstrations:
    """Record whole episodes: T actions as applied, T + 1 observations, in float32.

    Episode k starts from the reset seed `seed + k`. Every environment gives one episode at a time and waits for
    the others, so that short episodes are as likely as they are under the policy.

    Args:
        policy: takes raw observations.
        env_id: a Gymnasium id.
        episodes: how many.
        seed: of the first episode, and of torch's random state while a stochastic policy is sampled.
        deterministic: whether the policy acts by its mean.
        num_envs: how many episodes at once; None for up to 64.
        env_kwargs: the environment's constructor options.
        progress: called after every step with the episodes finished and the steps recorded so far.

    Raises:
        InputError: `episodes` is below one, or the observations are no vectors.
        NotFiniteError: the policy gave an action, or the task an observation or a reward, that is not finite.
    """
    if episodes < 1:
        raise InputError(f"at least one episode must be recorded, not {episodes}")
    width = min(episodes, num_envs or 64)
    vec_env = FiniteEnv(make_vec_env(env_id, width, seed=seed, **dict(env_kwargs or {})), env_id)
    trajectories: list[Trajectory] = []
    try:
        space = vec_env.observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise InputError(f"{env_id} observes {space}; only observations that are vectors can be recorded")
        _check_fit(policy, vec_env, env_id)
        with _reproducible(seed):
            for first in range(0, episodes, width):
                count = min(width, episodes - first)
                vec_env.seed(seed + first)
                trajectories += _record_side_by_side(policy, vec_env, count, deterministic, trajectories, progress)
    finally:
        vec_env.close()
    return Demonstrations.from_trajectories(trajectories, env_id=env_id)


def _check_fit(policy: Policy, vec_env: VecEnv, env_id: str) -> None:
    """Policies of stable-baselines3 know the spaces that they were made for; say it before it fails inside."""
    for name in ("observation_space", "action_space"):
        made_for, here = getattr(policy, name, None), getattr(vec_env, name)
        if made_for is not None and made_for.shape != here.shape:
            raise InputError(f"the policy does not fit {env_id}: its {name} is {made_for}, the task's is {here}")


def _record_side_by_side(
    policy: Policy,
    vec_env: VecEnv,
    count: int,
    deterministic: bool,
    finished: list[Trajectory],
    progress: Progress | None,
) -> list[Trajectory]:
    """The first episode of each of the first `count` environments."""
    observations: list[Array] = []
    actions: list[Array] = []
    rewards: list[Array] = []
    episodes: list[Trajectory | None] = [None] * count
    steps = sum(len(trajectory) for trajectory in finished)

    current = np.asarray(vec_env.reset())
    state = None
    episode_start = np.ones(vec_env.num_envs, dtype=bool)
    while any(episode is None for episode in episodes):
        chosen, state = policy.predict(current, state, episode_start, deterministic)
        applied = _applied(vec_env.action_space, chosen)
        observations.append(current[:count].astype(np.float32))
        actions.append(applied[:count].copy())
        current, reward, episode_start, infos = vec_env.step(applied)  # type: ignore[assignment]
        rewards.append(np.asarray(reward[:count], dtype=np.float32))
        steps += sum(episode is None for episode in episodes)
        for i in np.flatnonzero(episode_start[:count]):
            if episodes[i] is None:
                last = np.asarray(infos[i]["terminal_observation"], dtype=np.float32)
                truncated = bool(infos[i].get("TimeLimit.truncated", False))
                episodes[i] = Trajectory(
                    observations=np.stack([*(row[i] for row in observations), last]),
                    actions=np.stack([row[i] for row in actions]),
                    rewards=np.stack([row[i] for row in rewards]),
                    terminated=not truncated,
                    truncated=truncated,
                )
        if progress is not None:
            progress(len(finished) + sum(episode is not None for episode in episodes), steps)
    return [episode for episode in episodes if episode is not None]


def _applied(space: spaces.Space[Any], actions: Array) -> Array:
    if isinstance(space, spaces.Box):
        return np.clip(actions, space.low, space.high).astype(space.dtype)
    return np.asarray(actions)


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Seed torch for a while; one torch thread, because its threads fight the simulator's for the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
