"""A start from cloning: the learner's policy is fitted to the demonstrations before it meets its reward.

Cloning alone falls over: its errors lead to states that no demonstration shows. It does begin in the expert's own way
of moving, though, which a policy that starts from noise may never find. What it takes is a value function that knows
what the clone earns before its first advice is followed, and little noise: much of it, and the clone is lost. A clone
that falls at once has nothing to teach, and its little noise teaches it nothing; learning then starts from noise.

A network that is cloned from few demonstrations is not precise enough for a strong gait, and GAIL does not mend that:
it finds a slower one. A Gaussian process errs by less, and so few demonstrations are cloned through one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.policies import DensityPolicy
from genrl.training.torch_threads import one_torch_thread
from genrl.transitions import Demonstrations

from .cloning import CloningConfig, half_range, labelled_states
from .smooth_teacher import REPORT_EVERY, STEPS, PretrainingProgress, SmoothTeacher, clone_by_teacher, clone_stage

__all__ = ["PretrainingLimits", "WarmStartConfig", "warm_start"]

FULL_UPDATES, FULL_PAIRS = 10_000, 4000  # of the recipe, which the default share allows in a run of 1,000,000 steps
TRIAL_SHARE = 10.0  # environment steps of a trial rollout for each gradient step that a cloning may take


@dataclass(frozen=True, kw_only=True)
class WarmStartConfig:
    """How the policy is fitted to the demonstrations before GAIL goes on with it.

    Raises:
        InputError: a number is out of its range.
    """

    updates: int = 10_000
    """Gradient steps of cloning, at most."""
    teacher_pairs: int = 4000
    """Demonstrations of no more pairs than this are cloned together with what a Gaussian process, fitted to them,
    answers in states that they do not show (continuous actions and a Gaussian policy only); 0 for never. From more
    pairs a network learns as much."""
    std: float = 0.2
    """Standard deviation of the actions afterwards, in units of half their range (continuous actions only)."""
    budget_share: float = 0.01
    """Gradient steps of each of the two clonings, as a part of the run's environment steps, at most; the other costs of
    the pretraining are held to the same proportion. By default runs of 1,000,000 steps or more are pretrained in full,
    and one of 100,000 steps at a tenth of that cost: 1,000 gradient steps, a tenth of the recorded states, and 1,264
    pairs for the Gaussian process, whose cost grows with the square of their number or faster. A trial rollout takes a
    tenth of the run's steps at most. In full the pretraining costs about 0.4 of the time of 1,000,000 steps on one core
    on Hopper-v4 and Ant-v4 with 4,000 pairs, and 1.3 of it on Humanoid-v4, whose observations have 376 columns."""
    untrained_share: float = 0.001
    """Weight of random steps, beside the demonstrations, in the statistics that standardise a clone's inputs: little,
    for it has to tell the demonstrations' own states apart. For a policy that starts from noise it is one half."""
    held_rollouts: int = 10
    """First rollouts from which only the value function and the discriminator learn."""
    least_length: float = 0.1
    """Part of the demonstrations' mean length that half of the teacher's tries, and half of the clone's, must last, or
    else learning starts from noise."""

    def __post_init__(self) -> None:
        for name, least in (("updates", 1), ("teacher_pairs", 0), ("held_rollouts", 0)):
            if getattr(self, name) < least:
                raise InputError(f"a warm start needs {name} of {least} or more, not {getattr(self, name)}")
        if not self.budget_share > 0:
            raise InputError(f"a warm start needs a budget_share above 0, not {self.budget_share}")
        if not self.std > 0 or not 0 <= self.least_length <= 1 or not 0 < self.untrained_share < 1:
            raise InputError(
                "a warm start needs a std above 0, a least_length from 0 to 1 and an untrained_share between 0 and 1, "
                f"not {self.std}, {self.least_length} and {self.untrained_share}"
            )


@dataclass(frozen=True, kw_only=True)
class PretrainingLimits:
    """What a pretraining may do, at most.

    Attributes:
        updates: gradient steps of each cloning.
        rows: pairs of each cloning, which takes a gradient step for each 256 of them in one pass.
        pairs: that a Gaussian process is fitted to.
        visited_steps: of each environment, in each recording of states.
        trial_steps: of each environment, in each trial rollout.

    >>> PretrainingLimits.within(100_000, WarmStartConfig(), num_envs=64)
    PretrainingLimits(updates=1000, rows=256000, pairs=1264, visited_steps=20, trial_steps=156)
    """

    updates: int
    rows: int | None
    pairs: int | None
    visited_steps: int
    trial_steps: int | None

    @classmethod
    def within(cls, total_timesteps: int | None, config: WarmStartConfig, num_envs: int) -> PretrainingLimits:
        """The limits for a run of so many environment steps; None sets no other limits than `config`."""
        if total_timesteps is None or math.isinf(config.budget_share):
            return cls(updates=config.updates, rows=None, pairs=None, visited_steps=STEPS, trial_steps=None)
        updates = config.budget_share * total_timesteps
        part = updates / FULL_UPDATES
        return cls(
            updates=max(1, min(config.updates, int(updates))),
            rows=max(1, int(updates)) * CloningConfig().batch_size,
            pairs=max(2, int(FULL_PAIRS * math.sqrt(part))),
            visited_steps=max(1, min(STEPS, int(STEPS * part))),
            trial_steps=max(1, int(TRIAL_SHARE * updates / num_envs)),
        )


def warm_start(
    policy: ActorCriticPolicy,
    env: VecEnv,
    demonstrations: Demonstrations,
    config: WarmStartConfig,
    *,
    seed: int,
    total_timesteps: int | None = None,
    progress: PretrainingProgress = lambda *_: None,
) -> bool:
    """Fit `policy` to the demonstrations in place and give its actions the configured noise, if the clone stands.

    Args:
        policy: of PPO or TRPO.
        env: reset, and stepped with the teacher's and the clone's actions; rewards are not looked at.
        demonstrations: with actions.
        config: how long, and how much noise.
        seed: of everything random.
        total_timesteps: environment steps of the run, which bound the cost (`budget_share`); None for no bound.
        progress: called with what is being done, how much of it is done, and how much there is at most.

    Returns:
        Whether the policy is now a clone; if not, or after an exception such as Ctrl-C, it is as it was.
    """
    untrained = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    is_clone = False
    try:
        with one_torch_thread():
            is_clone = _pretrain(policy, env, demonstrations, config, seed, total_timesteps, progress)
    finally:
        if not is_clone:
            policy.load_state_dict(untrained)
    if is_clone and _is_gaussian(policy):
        with torch.no_grad():
            policy.log_std.copy_((config.std * half_range(policy)).log())
    return is_clone


def _pretrain(
    policy: ActorCriticPolicy,
    env: VecEnv,
    demonstrations: Demonstrations,
    config: WarmStartConfig,
    seed: int,
    total_timesteps: int | None,
    progress: PretrainingProgress,
) -> bool:
    """Clone, and say whether the clone passes its trial rollouts."""
    states = labelled_states(demonstrations, policy.action_space)
    limits = PretrainingLimits.within(total_timesteps, config, env.num_envs)
    cloning = CloningConfig(updates=limits.updates)
    steps = int(config.least_length * np.mean(demonstrations.episode_lengths))
    steps = steps if limits.trial_steps is None else min(steps, limits.trial_steps)

    def lasts(who: str, act: Callable[[Any], Any]) -> bool:
        return share_that_lasts(act, env, steps, partial(progress, f"trial rollouts of {who}")) >= 0.5

    def act(observations: Any) -> Any:
        return policy.predict(observations, deterministic=True)[0]

    if len(states) <= config.teacher_pairs and _is_gaussian(policy):
        teacher = SmoothTeacher(states, policy.action_space, seed=seed, most_pairs=limits.pairs, progress=progress)
        if not lasts("the Gaussian process", teacher.act):  # its clone would not do better
            return False
        noise = (config.std * half_range(policy)).cpu().numpy()
        clone_by_teacher(
            policy,
            env,
            states,
            teacher,
            cloning,
            noise=noise,
            seed=seed,
            steps=limits.visited_steps,
            most_rows=limits.rows,
            progress=progress,
        )
    else:
        clone_stage(
            policy,
            states,
            cloning,
            seed=seed,
            most_rows=limits.rows,
            progress=progress,
            action_noise=config.std,
        )
    return lasts("the cloned policy", act)


def share_that_lasts(
    act: Callable[[Any], Any], env: VecEnv, steps: int, progress: Callable[[int, int], object] = lambda *_: None
) -> float:
    """Part of the environments, 0 to 1, in which so many steps of `act` end no episode but by a time limit."""
    observations: Any = env.reset()
    running = np.ones(env.num_envs, dtype=bool)
    for step in range(steps):
        if step % REPORT_EVERY == 0:
            progress(step, steps)
        observations, _, dones, infos = env.step(act(observations))
        for done in np.flatnonzero(dones):
            running[done] &= infos[done].get("TimeLimit.truncated", False)
    return float(running.mean())


def _is_gaussian(policy: ActorCriticPolicy) -> bool:
    return isinstance(policy.action_space, spaces.Box) and not isinstance(policy, DensityPolicy)
