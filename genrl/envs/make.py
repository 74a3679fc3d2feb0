"""The door of the simulator: from a Gymnasium id to a stable-baselines3 `VecEnv`."""

import difflib
import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from genrl.envs.ant import ant_v4, ant_v5
from genrl.envs.flat_goal import FlatGoal, has_goal
from genrl.envs.half_cheetah import half_cheetah_v4, half_cheetah_v5
from genrl.envs.hopper import hopper_v4, hopper_v5
from genrl.envs.humanoid import humanoid_v4, humanoid_v5
from genrl.envs.rendering import Rendering
from genrl.envs.replayed_vec_env import ReplayedVecEnv
from genrl.envs.task import Task
from genrl.envs.vec_env import MujocoVecEnv
from genrl.envs.walker2d import walker2d_v4, walker2d_v5
from genrl.errors import InputError, reason_of

__all__ = ["FAST_TASKS", "check_keywords", "make_vec_env"]

FAST_TASKS: Mapping[str, Callable[..., Task]] = {
    "Ant-v4": ant_v4,
    "Ant-v5": ant_v5,
    "HalfCheetah-v4": half_cheetah_v4,
    "HalfCheetah-v5": half_cheetah_v5,
    "Hopper-v4": hopper_v4,
    "Hopper-v5": hopper_v5,
    "Humanoid-v4": humanoid_v4,
    "Humanoid-v5": humanoid_v5,
    "Walker2d-v4": walker2d_v4,
    "Walker2d-v5": walker2d_v5,
}
"""The tasks that run on the batched engine, each with the function that takes its keywords."""

_ROBOTICS_TASKS = ("PointMaze_", "AntMaze_", "Fetch")
_RENDERING_KEYWORDS = ("width", "height", "camera_id", "camera_name", "max_geom", "visual_options")


def make_vec_env(
    env_id: str, num_envs: int, *, num_threads: int | None = None, seed: int | None = None, **env_kwargs: Any
) -> VecEnv:
    """Make many copies of a Gymnasium environment behind the `VecEnv` interface of stable-baselines3.

    The MuJoCo tasks in `FAST_TASKS` are stepped together on threads, bit-equal to `gym.make`; any other id becomes a
    `DummyVecEnv` of `gym.make`, whose episodes can be replayed. Of a goal-conditioned task, whose observation is a
    dict, the vector (observation, desired goal) is observed. Both kinds are a `genrl.protocols.ResumableEnv`.

    Args:
        env_id: the id under which Gymnasium knows the environment.
        num_envs: how many copies.
        num_threads: how many threads step the fast tasks; None means one for each core at hand. The
            results do not depend on it.
        seed: copy i is seeded `seed + i` at its first reset; None draws fresh seeds.
        **env_kwargs: the environment's constructor keywords, and `max_episode_steps` (-1 for no limit)
            and `render_mode="rgb_array"` as in `gym.make`.

    Raises:
        InputError: an id or keyword is not known, or a number is out of its range.

    >>> env = make_vec_env("Ant-v4", 3, seed=0, healthy_z_range=(0.3, 1.0))
    >>> env.reset().shape
    (3, 27)
    >>> env.close()
    """
    for name, number in (("num_envs", num_envs), ("num_threads", num_threads)):
        if number is not None and number < 1:
            raise InputError(f"{name} is {number}; it must be at least 1")
    if seed is not None and seed < 0:
        raise InputError(f"seed is {seed}; it must not be negative")
    if env_id in FAST_TASKS:
        threads = min(num_threads or _available_cores(), num_envs)
        venv: VecEnv = _make_fast(env_id, num_envs, threads, env_kwargs)
    else:
        venv = _make_slow(env_id, num_envs, env_kwargs)
    if seed is not None:
        venv.seed(seed)
    return venv


def check_keywords(env_id: str, env_kwargs: Mapping[str, Any]) -> None:
    """Find out whether an environment works with keywords that were read from a file, by one step of it.

    Args:
        env_id: as for `make_vec_env`.
        env_kwargs: its constructor keywords; without any nothing is tried.

    Raises:
        InputError: it cannot be made, reset or stepped with them.

    >>> check_keywords("Pendulum-v1", {"g": "heavy"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    genrl.errors.InputError: Pendulum-v1 does not work with the keywords g: ...
    """
    if not env_kwargs:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            venv = make_vec_env(env_id, 1, seed=0, **env_kwargs)
            venv.reset()
            space = venv.action_space
            space.seed(0)
            venv.step(np.stack([space.sample()]))
            venv.close()
    except InputError:
        raise
    except Exception as error:  # whatever an environment makes of values that it was not written for
        names = reason_of(ValueError(", ".join(env_kwargs)))
        raise InputError(f"{env_id} does not work with the keywords {names}: {reason_of(error)}") from error


def _make_fast(env_id: str, num_envs: int, num_threads: int, keywords: dict[str, Any]) -> MujocoVecEnv:
    make_task = FAST_TASKS[env_id]
    task_keywords = list(inspect.signature(make_task).parameters)
    known = [*task_keywords, "max_episode_steps", "render_mode", *_RENDERING_KEYWORDS]
    for name in keywords:
        if name not in known:
            raise InputError(f"{env_id} has no keyword {name!r}; it has {', '.join(known)}")
    spec = gym.spec(env_id)
    limit = keywords.get("max_episode_steps")
    limit = spec.max_episode_steps if limit is None else limit
    if not isinstance(limit, int) or (limit < 1 and limit != -1):
        raise InputError(f"max_episode_steps is {limit!r}; give a positive integer, or -1 for no limit")
    task = make_task(**{name: keywords[name] for name in task_keywords if name in keywords})
    rendering = None
    render_mode = keywords.get("render_mode")
    if render_mode == "rgb_array":
        options = {name: keywords[name] for name in _RENDERING_KEYWORDS if name in keywords}
        rendering = Rendering(camera=task.camera, **options)
    elif render_mode is not None:
        raise InputError(f"render_mode is {render_mode!r}; the simulator draws 'rgb_array' only")
    try:
        return MujocoVecEnv(
            spec,
            task,
            num_envs,
            num_threads=num_threads,
            max_episode_steps=None if limit == -1 else limit,
            rendering=rendering,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{env_id} with xml_file={task.xml_file!r} cannot be built: {error}") from error


def _make_slow(env_id: str, num_envs: int, keywords: dict[str, Any]) -> ReplayedVecEnv:
    _register_mazes(env_id)
    if ":" not in env_id and env_id not in gym.registry:
        raise InputError(f"unknown environment {env_id!r}; {_closest(env_id, gym.registry)}")
    try:
        return ReplayedVecEnv([lambda: _make_one(env_id, keywords) for _ in range(num_envs)])
    except (gym.error.Error, ImportError, TypeError) as error:
        raise InputError(f"gymnasium cannot make {env_id!r}: {error}") from error


def _make_one(env_id: str, keywords: dict[str, Any]) -> gym.Env[Any, Any]:
    env = gym.make(env_id, **keywords)
    return FlatGoal(env) if has_goal(env.observation_space) else env


def _register_mazes(env_id: str) -> None:
    """Tasks of Gymnasium-Robotics are known to Gymnasium only once that package has been imported."""
    if env_id.startswith(_ROBOTICS_TASKS) and env_id not in gym.registry:
        try:
            import gymnasium_robotics
        except ImportError as error:
            raise InputError(f"{env_id} needs a package: pip install gymnasium-robotics ({error})") from error
        gym.register_envs(gymnasium_robotics)


def _closest(env_id: str, known: Iterable[str]) -> str:
    names = {name.lower(): name for name in known}
    found = difflib.get_close_matches(env_id.lower(), list(names), n=4, cutoff=0.5)
    if not found:
        return "gymnasium.pprint_registry() lists the known ones"
    return f"the closest known are {', '.join(names[name] for name in found)}"


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
