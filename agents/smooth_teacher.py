"""A teacher from a handful of demonstrations, and what it says about states that none of them shows.

A network cloned from few demonstrations errs by more than the expert's own noise, and a strong gait does not survive
that. A Gaussian process errs by less, and it can be asked anywhere: about the states that its own mistakes lead to, and
those of the network that is cloned from it (DAgger, Ross et al. 2011, with a learned expert).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.bayes import GaussianProcess
from genrl.training.fit import FitEpoch

from .cloning import CloningConfig, LabelledStates, clone

__all__ = ["PretrainingProgress", "SmoothTeacher", "clone_by_teacher", "clone_stage", "visited_states"]

PretrainingProgress = Callable[[str, int, int], object]
"""Called with what is being done, how much of it is done, and how much there is at most."""

Array = NDArray[Any]

STEPS = 200  # of each environment, in which a gait begins or fails
REPORT_EVERY = 10  # steps
ROWS_AT_ONCE = 2000  # asked about together, so that the covariances stay small


class SmoothTeacher:
    """The demonstrators' actions as smooth functions of the state.

    Args:
        states: the demonstrations' pairs; thousands of them are enough.
        action_space: a Box; answers are clipped to it.
        seed: of the pairs that are learned from if there are too many.
        most_pairs: to learn from, as far as the Gaussian process can take them; half of them choose its kernels.
        progress: called while it is fitted.
    """

    def __init__(
        self,
        states: LabelledStates,
        action_space: spaces.Space,
        *,
        seed: int,
        most_pairs: int | None = None,
        progress: PretrainingProgress = lambda *_: None,
    ) -> None:
        assert isinstance(action_space, spaces.Box)
        process = GaussianProcess()
        if most_pairs is not None:
            process.rows = min(process.rows, most_pairs)
            process.kernel_rows = min(process.kernel_rows, max(1, most_pairs // 2))
        what = f"fitting a Gaussian process to {min(len(states), process.rows):,} demonstrated pairs"
        self._process = process.fit(
            states.observations.cpu(), states.actions.cpu(), seed=seed, progress=partial(progress, what)
        )
        self._low, self._high = action_space.low, action_space.high

    def act(self, observations: Array) -> Array:
        """Actions (rows, action_dim) float32, without noise."""
        rows = torch.as_tensor(observations).split(ROWS_AT_ONCE)
        actions = torch.cat([self._process.predict(part) for part in rows]).numpy()
        return np.clip(actions, self._low, self._high).astype(np.float32)


def clone_by_teacher(
    policy: ActorCriticPolicy,
    env: VecEnv,
    states: LabelledStates,
    teacher: SmoothTeacher,
    config: CloningConfig,
    *,
    noise: Array,
    seed: int,
    steps: int = STEPS,
    most_rows: int | None = None,
    progress: PretrainingProgress = lambda *_: None,
) -> None:
    """Clone the demonstrations together with what their teacher says about the states on the way.

    Those are, first, the states that the teacher comes to, undisturbed in some environments and under noise in others;
    then those that the clone of all this comes to.

    Args:
        policy: with a Gaussian over a Box; fitted in place.
        env: reset, and stepped; rewards are not looked at.
        states: the demonstrations' pairs.
        teacher: fitted to them.
        config: of both fits.
        noise: (action_dim,) the greatest standard deviation of the disturbances, in the actions' units.
        seed: of everything random.
        steps: of each environment, in each of the two recordings.
        most_rows: pairs of each cloning; None for all.
        progress: called while states are recorded and cloned.
    """
    space = policy.action_space
    assert isinstance(space, spaces.Box)
    generator = np.random.default_rng(seed)
    disturbance = np.linspace(0, 1, env.num_envs)[:, None] * noise

    def disturbed(observations: Array) -> Array:
        actions = teacher.act(observations) + disturbance * generator.standard_normal(disturbance.shape)
        return np.clip(actions, space.low, space.high).astype(np.float32)

    def undisturbed(observations: Array) -> Array:
        return policy.predict(observations, deterministic=True)[0]

    for act, actor in ((disturbed, "the Gaussian process"), (undisturbed, "the cloned policy")):
        visited = visited_states(
            env,
            act,
            first_episode=int(states.episodes.max()) + 1,
            label=teacher.act,
            steps=steps,
            progress=partial(progress, f"recording and labeling states that {actor} visits"),
        )
        states = LabelledStates.concatenate([states, visited])
        clone_stage(policy, states, config, seed=seed, most_rows=most_rows, progress=progress)


def clone_stage(
    policy: ActorCriticPolicy,
    states: LabelledStates,
    config: CloningConfig,
    *,
    seed: int,
    most_rows: int | None,
    progress: PretrainingProgress,
    action_noise: float = 0.0,
) -> None:
    """Clone at most `most_rows` pairs, drawn at random if there are more, and report each pass."""
    if most_rows is not None and len(states) > most_rows:
        states = states.some(most_rows, seed)

    def report(epoch: FitEpoch) -> None:
        progress(f"behavioral cloning of {len(states):,} pairs", epoch.number, epoch.planned)

    clone(policy, states, config, seed=seed, action_noise=action_noise, progress=report)


def visited_states(
    env: VecEnv,
    act: Callable[[Array], Array],
    *,
    first_episode: int,
    label: Callable[[Array], Array],
    steps: int = STEPS,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> LabelledStates:
    """States that `act` comes to from the task's own starts, each with the action that `label` gives.

    Rows of one environment count as one episode.
    """
    observations: Any = env.reset()
    seen = []
    for step in range(steps):
        if step % REPORT_EVERY == 0:
            progress(step, 2 * steps)
        seen.append(np.array(observations, dtype=np.float32))
        observations, *_ = env.step(act(observations))
    rows = np.concatenate(seen)
    labels = []
    for first in range(0, len(rows), ROWS_AT_ONCE):
        progress(steps + steps * first // len(rows), 2 * steps)
        labels.append(label(rows[first : first + ROWS_AT_ONCE]))
    return LabelledStates(
        observations=torch.from_numpy(rows),
        actions=torch.from_numpy(np.concatenate(labels)),
        episodes=torch.arange(first_episode, first_episode + env.num_envs).repeat(steps),
    )
