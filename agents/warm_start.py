"""A start from cloning: the learner's policy is fitted to the demonstrations before it meets its reward.

Cloning alone falls over: its errors lead to states that no demonstration shows. It does begin in the expert's own way
of moving, though, which a policy that starts from noise may never find. What it takes is a value function that knows
what the clone earns before its first advice is followed, and little noise: much of it, and the clone is lost. A clone
that falls at once has nothing to teach, and its little noise teaches it nothing; learning then starts from noise.

A network that is cloned from few demonstrations is not precise enough for a strong gait, and GAIL does not mend that:
it finds a slower one. A Gaussian process errs by less, and so few demonstrations are cloned through one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from genrl.errors import InputError
from genrl.policies import DensityPolicy
from genrl.transitions import Demonstrations

from .cloning import CloningConfig, clone, half_range, labelled_states
from .smooth_teacher import SmoothTeacher, clone_by_teacher

__all__ = ["WarmStartConfig", "warm_start"]


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
        if not self.std > 0 or not 0 <= self.least_length <= 1 or not 0 < self.untrained_share < 1:
            raise InputError(
                "a warm start needs a std above 0, a least_length from 0 to 1 and an untrained_share between 0 and 1, "
                f"not {self.std}, {self.least_length} and {self.untrained_share}"
            )


def warm_start(
    policy: ActorCriticPolicy,
    env: VecEnv,
    demonstrations: Demonstrations,
    config: WarmStartConfig,
    *,
    seed: int,
    note: Callable[[str], None] | None = None,
) -> bool:
    """Fit `policy` to the demonstrations in place and give its actions the configured noise, if the clone stands.

    Args:
        policy: of PPO or TRPO.
        env: reset, and stepped with the teacher's and the clone's actions; rewards are not looked at.
        demonstrations: with actions.
        config: how long, and how much noise.
        seed: of everything random.
        note: told what is being done.

    Returns:
        Whether the policy is now a clone; if not, it is as it was.
    """
    untrained = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    states = labelled_states(demonstrations, policy.action_space)
    cloning = CloningConfig(updates=config.updates)
    steps = int(config.least_length * np.mean(demonstrations.episode_lengths))
    say = note or (lambda _: None)
    if len(states) <= config.teacher_pairs and _is_gaussian(policy):
        say(f"a Gaussian process learns from {len(states):,} pairs")
        teacher = SmoothTeacher(states, policy.action_space, seed=seed)
        if share_that_lasts(teacher.act, env, steps) < 0.5:  # its clone would not do better
            return False
        say("it is cloned, in states that it comes to")
        noise = (config.std * half_range(policy)).cpu().numpy()
        clone_by_teacher(policy, env, states, teacher, cloning, noise=noise, seed=seed)
    else:
        say(f"{len(states):,} pairs are cloned")
        clone(policy, states, cloning, seed=seed, action_noise=config.std)
    if share_that_lasts(lambda seen: policy.predict(seen, deterministic=True)[0], env, steps) < 0.5:
        policy.load_state_dict(untrained)
        return False
    if _is_gaussian(policy):
        with torch.no_grad():
            policy.log_std.copy_((config.std * half_range(policy)).log())
    return True


def share_that_lasts(act: Callable[[Any], Any], env: VecEnv, steps: int) -> float:
    """Part of the environments, 0 to 1, in which so many steps of `act` end no episode but by a time limit."""
    observations: Any = env.reset()
    running = np.ones(env.num_envs, dtype=bool)
    for _ in range(steps):
        observations, _, dones, infos = env.step(act(observations))
        for done in np.flatnonzero(dones):
            running[done] &= infos[done].get("TimeLimit.truncated", False)
    return float(running.mean())


def _is_gaussian(policy: ActorCriticPolicy) -> bool:
    return isinstance(policy.action_space, spaces.Box) and not isinstance(policy, DensityPolicy)
