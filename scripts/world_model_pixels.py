"""World models of what a task looks like: its policy is filmed, and dreams are shown beside what really happened."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from policy_source import find_policy

from experts import load_expert
from genrl.data_digest import data_digest
from genrl.envs import FAST_TASKS
from genrl.errors import InputError
from genrl.evaluation.random_policy import RandomPolicy
from genrl.protocols import Policy
from genrl.training.atomic_files import replaced_file
from genrl.training.checkpoint import read_checkpoint, write_checkpoint
from genrl.training.fit_history import FitEpoch
from genrl.world_models import Dynamics, Experience, Film, PixelCodes

__all__ = ["FilmedTask", "film", "filmed_policy", "write_video"]

SIDE = 64  # pixels
LARGER = 4  # times as large in the video
LONGEST = 100  # steps of the video
HELD_OUT = 50  # steps or more that the model is judged by
SECONDS_BETWEEN_LINES = 10.0
POLICY_STEPS = 2000
NO_GRAPHICS = "this task cannot be drawn here ({error}): install EGL, or leave --observations pixels out"


@dataclass(frozen=True, kw_only=True)
class FilmedTask:
    """A task as it looks, and the codes in which a world model sees it.

    Attributes:
        film: to learn from.
        judged_film: of other episodes.
        codes: of frames; to be fitted by `fit_codes`.
    """

    film: Film
    judged_film: Film
    codes: PixelCodes

    @classmethod
    def make(
        cls, source: str, env_id: str, *, env_kwargs: Mapping[str, Any], seed: int, updates: int | None
    ) -> FilmedTask:
        """Film the policy that `source` stands for twice.

        Args:
            source: see `filmed_policy`.
            env_id: the task.
            env_kwargs: its constructor keywords.
            seed: of everything random.
            updates: gradient steps of the autoencoder; None for its own number.

        Raises:
            InputError: there is no such policy, or the task cannot be drawn.
        """
        policy, steps = filmed_policy(source, env_id, seed, env_kwargs=env_kwargs)
        first = film(policy, env_id, steps, env_kwargs=env_kwargs, seed=seed)
        second = film(policy, env_id, max(HELD_OUT, steps // 10), env_kwargs=env_kwargs, seed=seed + 1000)
        return cls(film=first, judged_film=second, codes=_codes(updates, seed))

    @classmethod
    def read(
        cls, folder: Path, env_id: str, *, env_kwargs: Mapping[str, Any], seed: int, updates: int | None
    ) -> FilmedTask:
        """The films that `write` has kept.

        Raises:
            InputError: they are not there, or damaged.
        """
        env = _made(env_id, **env_kwargs)
        env.close()
        arrays = read_checkpoint(folder).arrays
        try:
            first, second = (Film(**arrays[name], action_space=env.action_space) for name in ("film", "judged_film"))
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder} holds no films: {error}") from None
        return cls(film=first, judged_film=second, codes=_codes(updates, seed))

    def write(self, folder: Path) -> None:
        """Keep both films, about 12 kB a frame."""
        write_checkpoint(folder, arrays={"film": _arrays(self.film), "judged_film": _arrays(self.judged_film)})

    def digest(self) -> str:
        """Of the film to learn from."""
        return data_digest(_arrays(self.film))

    def fit_codes(self) -> None:
        """Fit the codes to the film, and print now and then how far that has come."""
        shown = time.monotonic()

        def note(epoch: FitEpoch) -> None:
            nonlocal shown
            if time.monotonic() - shown > SECONDS_BETWEEN_LINES:
                shown = time.monotonic()
                print(f"codes: epoch {epoch.number}/{epoch.planned}, loss {epoch.train['loss']:.4g}", flush=True)

        print(f"{len(self.film.frames):,} frames filmed; learning their codes", flush=True)
        torch.manual_seed(self.codes.vae.fitting.seed)
        self.codes.fit(self.film, note)

    @property
    def learned_steps(self) -> int:
        """How many there are to learn from."""
        return len(self.film.actions)

    @property
    def judged_steps(self) -> int:
        """How many there are to judge by."""
        return len(self.judged_film.actions)

    @property
    def experience(self) -> Experience:
        """To learn from, in codes."""
        return self.codes.experience(self.film)

    @property
    def judged(self) -> Experience:
        """To judge by, in codes."""
        return self.codes.experience(self.judged_film)

    def video(self, model: Dynamics, path: Path, seed: int) -> Path:
        """Write what `write_video` shows."""
        return write_video(model, self.codes, self.judged, self.judged_film, path, seed)


def _codes(updates: int | None, seed: int) -> PixelCodes:
    codes = PixelCodes()
    codes.vae.fitting = replace(codes.vae.fitting, updates=updates or codes.vae.fitting.updates, seed=seed)
    return codes


def _arrays(film: Film) -> dict[str, NDArray[Any]]:
    return {field.name: getattr(film, field.name) for field in fields(film) if field.name != "action_space"}


def filmed_policy(source: str, env_id: str, seed: int, *, env_kwargs: Mapping[str, Any]) -> tuple[Policy, int]:
    """Who acts in the film that `--data` stands for, and for how many steps.

    Args:
        source: `random:<steps>`, `demonstrations`, or a run directory.
        env_id: the task.
        seed: of random actions.
        env_kwargs: the task's constructor keywords, which may change what actions there are.

    Raises:
        InputError: there is no such policy.
    """
    kind, _, count = source.partition(":")
    if kind == "random" and count.isdecimal() and int(count) > 1:
        env = _made(env_id, **env_kwargs)
        space = env.action_space
        env.close()
        return RandomPolicy(space, seed), int(count)
    if source == "demonstrations":
        return load_expert(env_id), POLICY_STEPS
    if (Path(source) / "config.json").is_file():
        found = find_policy(Path(source))
        if found.env_id not in (None, env_id):
            raise InputError(f"{source} is a run on {found.env_id}: film it with --env {found.env_id}")
        return found.policy, POLICY_STEPS
    raise InputError(f"--data {source!r} cannot be filmed: give random:<steps>, demonstrations, or a run directory")


def film(policy: Policy, env_id: str, steps: int, *, env_kwargs: Mapping[str, Any], seed: int) -> Film:
    """So many steps of a policy that sees the state, as they look from a camera that moves along if there is one.

    Raises:
        InputError: the task cannot be drawn.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("MUJOCO_GL", "egl")
    of_mujoco = {"width": SIDE, "height": SIDE, "camera_name": "track"} if env_id in FAST_TASKS else {}
    env = _made(env_id, render_mode="rgb_array", **{**of_mujoco, **env_kwargs})
    frames: list[NDArray[np.uint8]] = []
    actions, rewards, terminations, lengths = [], [], [], []
    shown = time.monotonic()
    try:
        while len(actions) < steps:
            observation, _ = env.reset(seed=seed if not lengths else None)
            frames.append(_frame(env))
            over, length = False, 0
            while not over and len(actions) < steps:
                action, _ = policy.predict(np.asarray(observation)[None], deterministic=False)
                observation, reward, terminated, truncated, _ = env.step(action[0])
                frames.append(_frame(env))
                actions.append(action[0])
                rewards.append(float(reward))
                terminations.append(terminated)
                over, length = terminated or truncated, length + 1
                if time.monotonic() - shown > SECONDS_BETWEEN_LINES:
                    shown = time.monotonic()
                    print(f"filming: {len(actions):,}/{steps:,} steps", flush=True)
            lengths.append(length)
    finally:
        env.close()
    return Film(
        frames=np.stack(frames),
        actions=np.stack(actions),
        rewards=np.array(rewards, np.float32),
        terminations=np.array(terminations),
        episode_lengths=np.array(lengths),
        action_space=env.action_space,
    )


@torch.no_grad()
def write_video(model: Dynamics, codes: PixelCodes, judged: Experience, filmed: Film, path: Path, seed: int) -> Path:
    """What really happened, its nearest code, and what is dreamt under the same actions, side by side.

    Args:
        model: fitted to codes.
        codes: of the frames.
        judged: steps that the model was not trained on.
        filmed: the same steps as they look.
        path: of the film, `.mp4`.
        seed: of the dream.
    """
    length = next(steps for steps in range(min(LONGEST, len(judged)), 0, -1) if len(judged.windows(steps)))
    start = int(judged.windows(length)[0])
    generator = torch.Generator(model.device).manual_seed(seed)
    state = model.begin(judged.observations[start : start + 1].to(model.device), generator)
    dreamt = []
    for row in range(start, start + length):
        step = model.advance(state, judged.actions[row : row + 1].to(model.device), generator)
        state = step.state
        dreamt.append(step.observations)
    rows = slice(start, start + length)
    real = filmed.frames[filmed.rows[rows] + 1]
    pictures = [real, codes.frames(judged.next_observations[rows]), codes.frames(torch.cat(dreamt))]
    beside = np.concatenate(pictures, axis=2).repeat(LARGER, 1).repeat(LARGER, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path) as partial:
        imageio.mimwrite(partial, list(beside), fps=20, macro_block_size=2)
    return path


def _made(env_id: str, **keywords: Any) -> gym.Env[Any, Any]:
    try:
        return gym.make(env_id, **keywords)
    except (gym.error.Error, TypeError) as error:
        raise InputError(f"{env_id} cannot be made: {error}") from None


def _frame(env: gym.Env[Any, Any]) -> NDArray[np.uint8]:
    try:
        frame: Any = env.render()
    except Exception as error:  # each OpenGL library fails in its own way, down to AttributeError
        raise InputError(NO_GRAPHICS.format(error=error)) from error
    frame = np.asarray(frame)
    if frame.shape[:2] == (SIDE, SIDE):
        return frame
    image = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float()
    return F.interpolate(image, (SIDE, SIDE), mode="area")[0].byte().permute(1, 2, 0).numpy()
