"""What `train_world_model.py` learns from: a run's policy, demonstrations, or random actions, as experience."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policy_source import find_policy

from experts import load_demonstrations
from experts.record import record
from genrl.envs import make_vec_env
from genrl.errors import InputError
from genrl.evaluation.random_policy import RandomPolicy
from genrl.protocols import Policy
from genrl.transitions import Demonstrations
from genrl.world_models import Experience

__all__ = ["load_experience", "random_experience", "recorded_steps"]

RANDOM, DEMONSTRATIONS = "random", "demonstrations"
RUN_EPISODES = 10


def load_experience(source: str, env_id: str, *, env_kwargs: Mapping[str, Any] | None = None, seed: int) -> Experience:
    """The experience that `--data` names.

    Args:
        source: `random:<steps>`; `demonstrations`, or the path of some; or a run directory, whose policy then plays
            ten episodes with the noise that it explores with.
        env_id: the task.
        env_kwargs: its constructor keywords.
        seed: of everything random.

    Raises:
        InputError: it is none of these, or of another task.
    """
    kind, _, count = source.partition(":")
    if kind == RANDOM:
        if not count.isdecimal() or int(count) < 2:
            raise InputError(f"--data random:<steps> takes a number of 2 or more, such as random:20000, not {source!r}")
        return random_experience(env_id, int(count), env_kwargs=env_kwargs, seed=seed)
    if source == DEMONSTRATIONS:
        demonstrations = load_demonstrations(env_id)
    elif (Path(source) / "config.json").is_file():
        found = find_policy(Path(source))
        if found.env_id not in (None, env_id):
            raise InputError(f"{source} is a run on {found.env_id}: train its world model with --env {found.env_id}")
        demonstrations = record(
            found.policy, env_id, RUN_EPISODES, seed=seed, deterministic=False, env_kwargs=env_kwargs
        )
    elif Path(source).exists():
        demonstrations = load_demonstrations(Path(source))
    else:
        raise InputError(
            f"--data {source!r} is neither a path nor random:<steps> nor demonstrations: give one of these three"
        )
    return _experience(demonstrations, env_id, env_kwargs)


def random_experience(
    env_id: str, steps: int, *, env_kwargs: Mapping[str, Any] | None = None, seed: int = 0
) -> Experience:
    """At least so many steps of uniformly random actions, cut to the number."""
    env = make_vec_env(env_id, 1, **dict(env_kwargs or {}))
    space = env.action_space
    env.close()
    return recorded_steps(RandomPolicy(space, seed), env_id, steps, env_kwargs=env_kwargs, seed=seed)


def recorded_steps(
    policy: Policy,
    env_id: str,
    steps: int,
    *,
    env_kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
    deterministic: bool = False,
) -> Experience:
    """Exactly so many steps of a policy's episodes, the last of them cut short."""
    parts: list[Experience] = []
    recorded = 0
    while recorded < steps:
        demonstrations = record(
            policy,
            env_id,
            1 + (0 if not parts else min(64, round((steps - recorded) / recorded * len(parts)))),
            seed=seed + 1000 * len(parts),
            deterministic=deterministic,
            env_kwargs=env_kwargs,
        )
        parts.append(_experience(demonstrations, env_id, env_kwargs))
        recorded += len(parts[-1])
    whole = Experience.concatenate(parts)
    cut = {name: tensor[:steps] for name, tensor in whole.to_tensors().items()}
    cut["ends"] = cut["ends"].clone()
    cut["ends"][-1] = True
    return Experience(**cut, action_space=whole.action_space)


def _experience(demonstrations: Demonstrations, env_id: str, env_kwargs: Mapping[str, Any] | None) -> Experience:
    env = make_vec_env(env_id, 1, **dict(env_kwargs or {}))
    try:
        demonstrations.check_spaces(env.observation_space, env.action_space, env_id)
        return Experience.from_demonstrations(demonstrations, env.action_space)
    finally:
        env.close()
