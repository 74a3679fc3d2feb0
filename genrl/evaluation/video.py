"""Films one episode of a policy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio
import mujoco
import numpy as np
from numpy.typing import NDArray

from genrl.errors import InputError, NotFiniteError
from genrl.finite import describe_not_finite, is_finite
from genrl.protocols import Policy
from genrl.training.atomic_files import replaced_file

__all__ = ["rollout_video"]

NO_GRAPHICS = (
    "this task cannot be drawn here: {error}. On Linux without a screen install EGL "
    "(apt-get install libegl1 libgl1-mesa-dri) and set MUJOCO_GL=egl"
)


def rollout_video(
    policy: Policy,
    env_id: str,
    path: Path | str,
    *,
    deterministic: bool = True,
    seed: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
    max_steps: int = 1000,
    progress: Callable[[int], object] | None = None,
) -> float:
    """Film one episode; of a film that is interrupted nothing is left.

    Args:
        policy: takes raw observations.
        env_id: a Gymnasium id.
        path: of the film, `.mp4` or `.gif`; parents are made.
        deterministic: act by the policy's mode.
        seed: of the reset.
        env_kwargs: constructor keywords of the task.
        max_steps: the film ends there if the episode has not ended.
        progress: called with the number of frames so far, `max_steps + 1` at most.

    Returns:
        The return of what was filmed.

    Raises:
        InputError: the suffix is another one, the task cannot be drawn, or there is no OpenGL.
    """
    path = Path(path)
    if path.suffix not in (".mp4", ".gif"):
        raise InputError(f"{path} must end in .mp4 or .gif")
    # Gymnasium would try a window first, which prints warnings where there is no screen. It reads this when it
    # draws; macOS and Windows draw without.
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("MUJOCO_GL", "egl")
    try:
        env = gym.make(env_id, render_mode="rgb_array", **(env_kwargs or {}))
    except gym.error.Error as error:
        raise InputError(f"{env_id} cannot be made: {error}") from None
    if not {"camera_id", "camera_name"} & (env_kwargs or {}).keys():
        _follow(env)
    total = 0.0
    try:
        scenes = _film(policy, env, deterministic, seed, max_steps)
        first = next(scenes)  # before there is a file: where nothing can be drawn, none is left behind
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = _format(path.suffix, int(env.metadata.get("render_fps", 30)))
        with replaced_file(path) as partial:
            film: Any = imageio.get_writer(partial, **settings)
            with closing(film):  # its own `with` leaves ffmpeg running after an exception
                for count, (frame, earned) in enumerate(chain([first], scenes), 1):
                    film.append_data(frame)
                    total = earned
                    if progress is not None:
                        progress(count)
    finally:
        env.close()
    return total


def _format(suffix: str, fps: int) -> dict[str, Any]:
    # Block size 2: H.264 needs even sides only, and the default would stretch the picture to multiples of 16.
    return {"fps": fps, "macro_block_size": 2} if suffix == ".mp4" else {"duration": 1000 / fps, "loop": 0}


def _follow(env: gym.Env[Any, Any]) -> None:
    """Use the model's own camera that moves along, if it has one: the default one stands still, and ants run."""
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is not None:
        renderer.camera_id = mujoco.mj_name2id(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")


def _film(
    policy: Policy, env: gym.Env[Any, Any], deterministic: bool, seed: int, max_steps: int
) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Each frame, and the return up to it."""
    observation, _ = env.reset(seed=seed)
    total, state = 0.0, None
    yield _frame(env), total
    start = np.ones(1, dtype=bool)
    for step in range(1, max_steps + 1):
        action, state = policy.predict(
            np.asarray(observation)[None], state=state, episode_start=start, deterministic=deterministic
        )
        observation, reward, terminated, truncated, _ = env.step(action[0])
        for name, numbers in (("observation", np.asarray(observation)), ("reward", np.asarray(reward))):
            if not is_finite(numbers):
                raise NotFiniteError(
                    f"the {name} of step {step} of the film is not finite ({describe_not_finite(numbers)})"
                )
        total, start = total + float(reward), np.zeros(1, dtype=bool)
        yield _frame(env), total
        if terminated or truncated:
            return


def _frame(env: gym.Env[Any, Any]) -> NDArray[np.uint8]:
    try:
        frame: Any = env.render()
    except Exception as error:  # each OpenGL library fails in its own way, down to AttributeError
        raise InputError(NO_GRAPHICS.format(error=error)) from error
    return np.asarray(frame)
