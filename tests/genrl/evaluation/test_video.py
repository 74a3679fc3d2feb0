from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio
import numpy as np
import pytest

from genrl.errors import InputError, NotFiniteError
from genrl.evaluation import rollout_video


class Painted(gym.Env[Any, Any]):
    """Ends after ten steps; draws its step number as a grey picture."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None, broken: bool = False) -> None:
        self.render_mode, self.broken, self.steps = render_mode, broken, 0

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return np.zeros(2, np.float32), float(action), self.steps == 10, False, {}

    def render(self) -> Any:
        if self.broken:
            raise AttributeError("'NoneType' object has no attribute 'glGetError'")
        return np.full((48, 64, 3), 20 * self.steps, np.uint8)


class One:
    def predict(self, observation: Any, **_: Any) -> tuple[Any, Any]:
        return np.ones(len(observation), dtype=np.int64), None


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MUJOCO_GL", "egl")  # so that what the function sets is undone
    gym.register("Painted-v0", Painted)
    yield
    gym.registry.pop("Painted-v0")


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_one_episode_is_filmed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"film.{suffix}"
    counts: list[int] = []
    assert rollout_video(One(), "Painted-v0", path, progress=counts.append) == 10.0
    assert counts == list(range(1, 12))
    with imageio.get_reader(path) as reader:
        frames = [np.asarray(frame)[..., :3] for frame in reader]
    assert len(frames) == 11
    assert frames[0].shape == (48, 64, 3)
    assert frames[10].mean() > frames[0].mean() + 150


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_of_an_interrupted_film_nothing_is_left(tmp_path: Path, suffix: str) -> None:
    def stop(count: int) -> None:
        if count == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rollout_video(One(), "Painted-v0", tmp_path / f"a.{suffix}", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_long_episode_is_cut(tmp_path: Path) -> None:
    assert rollout_video(One(), "Painted-v0", tmp_path / "a.gif", max_steps=4) == 4.0


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_a_film_ends_at_nan(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Painted.step
    monkeypatch.setattr(Painted, "step", lambda self, action: (step(self, action)[0], np.nan, False, False, {}))
    with pytest.raises(NotFiniteError, match=r"the reward of step 1 of the film is not finite \(NaN\)"):
        rollout_video(One(), "Painted-v0", tmp_path / f"a{suffix}")


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.mp4 or \.gif"):
        rollout_video(One(), "Painted-v0", tmp_path / "film.avi")
    with pytest.raises(InputError, match="cannot be made"):
        rollout_video(One(), "Nothing-v0", tmp_path / "film.gif")
    with pytest.raises(InputError, match="MUJOCO_GL=egl"):
        rollout_video(One(), "Painted-v0", tmp_path / "film.gif", env_kwargs={"broken": True})
    assert list(tmp_path.iterdir()) == []
