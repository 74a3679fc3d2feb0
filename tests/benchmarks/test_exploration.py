"""The maze pays at its end alone, the benchmark goes on with what is missing, and true counts find the goal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from learned import Learned

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exploration(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import exploration

    return exploration


def way_of(maze: Any) -> list[int]:
    """Along every corridor and down to the next."""
    actions: list[int] = []
    corridors, size = (maze.walls.shape[0] + 1) // 2, maze.walls.shape[1]
    for number in range(corridors):
        actions += [3 if number % 2 == 0 else 2] * (size - 1)
        actions += [1, 1] * (number < corridors - 1)
    return actions


@pytest.mark.parametrize(("corridors", "size"), [(2, 3), (3, 5), (4, 7)])
def test_the_only_way_is_paid_at_its_end(exploration: ModuleType, corridors: int, size: int) -> None:
    maze = exploration.SparseMaze(corridors=corridors, size=size)
    maze.reset(seed=0)
    steps = [maze.step(action) for action in way_of(maze)]
    assert [reward for _, reward, *_ in steps] == [0.0] * (len(steps) - 1) + [1.0]
    assert [terminated for _, _, terminated, *_ in steps] == [False] * (len(steps) - 1) + [True]
    assert len({info["place"] for *_, info in steps}) == maze.free_cells - 1  # all but the start


def test_walls_stop_it_and_the_time_limit_ends_it(exploration: ModuleType) -> None:
    maze = exploration.SparseMaze(horizon=3)
    check_env(maze, skip_render_check=True)
    first, _ = maze.reset(seed=0)
    for action, over in ((0, False), (1, False), (2, True)):
        image, reward, terminated, truncated, _ = maze.step(action)
        np.testing.assert_array_equal(image, first)
        assert (reward, terminated, truncated) == (0.0, False, over)


def test_true_counts_find_what_chance_does_not(exploration: ModuleType, seed: int, learned: Learned) -> None:
    config = exploration.ExplorationConfig(steps=16_000)
    blind, counted = (exploration.explore(bonus, seed, config) for bonus in ("none", "counts"))
    learned("places more than without", counted["visited"] - blind["visited"], above=6, baseline=0)
    assert blind["first_goal"] == ""


def test_a_stopped_benchmark_goes_on(exploration: ModuleType, tmp_path: Path, capsys: Any) -> None:
    config = exploration.ExplorationConfig(steps=512, seeds=1, num_envs=4, corridors=2, out=tmp_path / "table.csv")
    exploration.main(config)
    before = config.out.read_text()
    assert len(before.splitlines()) == 1 + len(config.bonuses)
    exploration.main(config)
    assert config.out.read_text() == before
    exploration.main(replace(config, seeds=2))
    assert config.out.read_text().startswith(before)
    shown = capsys.readouterr().out
    assert all(bonus in shown for bonus in config.bonuses)


def test_densities_see_the_place_of_the_agent(exploration: ModuleType) -> None:
    maze = exploration.SparseMaze(corridors=2, size=3)
    images, places = [], []
    for action in way_of(maze) if maze.reset(seed=0) else ():
        image, *_, info = maze.step(action)
        images.append(image)
        places.append(info["place"])
    np.testing.assert_array_equal(exploration.place_of(np.stack(images)), places)


@pytest.mark.slow
def test_a_pixel_cnn_sees_more_of_the_maze_than_chance(exploration: ModuleType, seed: int, learned: Learned) -> None:
    config = exploration.ExplorationConfig(steps=40_000, corridors=4, goal=1.0)
    blind, curious = (exploration.explore(bonus, seed, config) for bonus in ("none", "pixelcnn"))
    learned("places more than without", curious["visited"] - blind["visited"], above=4, baseline=0)
