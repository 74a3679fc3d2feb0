"""The command lines of planners: what a run leaves on disk, how a signal ends it, how it goes on, and how it acts."""

import itertools
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from experts import load_demonstrations
from experts.npz import write_npz
from genrl.errors import InputError
from genrl.planners import ReturnGuide, RowDynamics, load_planner
from genrl.training import RunDirectory, fit_checkpoints
from genrl.training.fit_checkpoints import FitCheckpoints
from genrl.training.gradient_fitting import GradientFitting
from genrl.transitions import Demonstrations, Trajectory

SCRIPTS = Path(__file__).parents[2] / "scripts"
ENV = "TinyLine-v0"


class TinyLine(gym.Env):
    """A point on a line, moved by its action; its goal is observed, too."""

    observation_space = spaces.Box(-9.0, 9.0, (2,), np.float64)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.position, self.goal, self.steps = 0.0, float(self.np_random.normal()), 0
        return np.array([self.position, self.goal]), {}

    def step(self, action: np.ndarray) -> Any:
        self.steps += 1
        self.position += float(action[0])
        seen = np.array([self.position, self.goal])
        return seen, -abs(self.position - self.goal), False, self.steps >= 12, {}


@pytest.fixture(autouse=True)
def _tiny_line() -> Iterator[None]:
    gym.register(ENV, TinyLine)
    yield
    del gym.registry[ENV]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    episodes, env = [], TinyLine()
    for seed in range(12):
        seen, _ = env.reset(seed=seed)
        rows, actions, rewards = [seen], [], []
        for _ in range(12):
            actions.append(np.clip(seen[1:] - seen[:1], -0.3, 0.3))
            seen, reward, *_ = env.step(actions[-1])
            rows.append(seen)
            rewards.append(reward)
        episodes.append(
            Trajectory(
                observations=np.array(rows, np.float32),
                actions=np.array(actions, np.float32),
                rewards=np.array(rewards, np.float32),
                terminated=False,
                truncated=True,
            )
        )
    write_npz(tmp_path / "line.npz", Demonstrations.from_trajectories(episodes, env_id=ENV))
    return tmp_path / "line.npz"


@pytest.fixture
def train_planner(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import train_planner

    monkeypatch.setitem(train_planner.draw_plans.__globals__, "PANELS", 1)
    monkeypatch.setitem(train_planner.draw_plans.__globals__, "COLUMNS", 1)
    monkeypatch.setattr(train_planner, "STARTS", 8)
    quick = GradientFitting(updates=5)
    monkeypatch.setattr(train_planner, "RowDynamics", lambda columns: RowDynamics(columns, fitting=quick))
    return train_planner


def small(script: ModuleType, folder: Path, data: Path, **settings: Any) -> RunDirectory:
    settings = {"env": ENV, "acting": "planned", "horizon": 3, "stride": 2, "replan_every": 3, **settings}
    settings = {"hidden": 8, "levels": 8, "evaluations": 4, "updates": 6, "batch_size": 32, **settings}
    script.main(script.TrainConfig(data=str(data), log_folder=folder, **settings))
    (path,) = folder.iterdir()
    return RunDirectory.open(path)


@pytest.mark.parametrize("sampler", ["score", "pixel_cnn", "pixel_rnn", "flow", "vae", "sequence"])
def test_a_run_that_then_acts(
    train_planner: ModuleType, tmp_path: Path, data: Path, sampler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    returns = "window" if sampler == "score" else None
    run = small(train_planner, tmp_path / "runs", data, sampler=sampler, returns=returns)
    assert run.path.name.startswith("planner-TinyLine-v0-0-")
    assert json.loads((run.path / "evaluation.json").read_text())["error_plans"] > 0
    assert (run.path / "plans.png").stat().st_size > 3000
    assert (run.path / "learning_curve.png").is_file()
    planner = load_planner(run.path / "planner")
    assert planner.columns.goal == (1,)
    assert (planner.horizon, planner.stride, planner.replan_every) == (3, 2, 3)
    import plan

    plan.main(plan.PlanConfig(run=run.path, episodes=3, json=tmp_path / "figures.json"))
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["episodes"] == 3
    assert figures["decision_ms"] > 0
    shown = capsys.readouterr().out
    assert "times)" in shown
    assert "a decision that plans takes" in shown


@pytest.mark.parametrize(("acting", "actions"), [("planned", 1), ("inverse", 0)])
def test_only_plans_that_are_followed_by_their_actions_have_any(
    train_planner: ModuleType, tmp_path: Path, data: Path, acting: str, actions: int
) -> None:
    run = small(train_planner, tmp_path / "runs", data, acting=acting)
    assert load_planner(run.path / "planner").columns.actions == actions


def test_plans_are_guided_by_their_return(train_planner: ModuleType, tmp_path: Path, data: Path) -> None:
    run = small(train_planner, tmp_path / "runs", data, returns="to_go", guidance=2.0, guide_weight=1.5)
    planner = load_planner(run.path / "planner")
    assert planner.columns.returns == "to_go"
    assert isinstance(planner.guide, ReturnGuide)
    assert planner.guide.weight == 1.5
    assert planner.sampler.model.guidance == 2.0  # type: ignore[attr-defined]
    assert planner.desired_return is not None
    assert planner.desired_return <= 0, "rewards of the line are distances, counted as negative"
    import plan

    plan.main(plan.PlanConfig(run=run.path, episodes=1, guide_weight=0.0))
    other = small(train_planner, tmp_path / "others", data)
    with pytest.raises(InputError, match="has no guide: train it with --guide-weight"):
        plan.main(plan.PlanConfig(run=other.path, guide_weight=1.0))


def test_samplers_that_have_no_temperature_are_left_at_one(train_planner: ModuleType) -> None:
    settings = train_planner.TrainConfig
    assert (settings().plan_temperature, settings(sampler="flow").plan_temperature) == (0.5, 1.0)
    assert settings(sampler="pixel_cnn", temperature=0.0).plan_temperature == 0.0


def test_plans_have_a_temperature(train_planner: ModuleType, tmp_path: Path, data: Path) -> None:
    run = small(train_planner, tmp_path / "runs", data, temperature=0.5)
    planner = load_planner(run.path / "planner")
    assert planner.sampler.temperature == 0.5  # type: ignore[attr-defined]
    import plan

    plan.main(plan.PlanConfig(run=run.path, episodes=1, temperature=0.0))
    with pytest.raises(InputError, match="temperature must be 0 or more"):
        plan.main(plan.PlanConfig(run=run.path, temperature=-1.0))
    with pytest.raises(InputError, match="--temperature is of --sampler score, pixel_cnn and pixel_rnn"):
        small(train_planner, tmp_path / "others", data, sampler="flow", temperature=0.5)
    other = small(train_planner, tmp_path / "others", data, sampler="flow")
    with pytest.raises(InputError, match="plans by RowTrajectorySampler, which has no temperature"):
        plan.main(plan.PlanConfig(run=other.path, temperature=0.5))


def stop_at_batch(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    """A signal comes before this batch of a process, counted from 1 together with those of validation."""
    counted, asked = itertools.count(1), FitCheckpoints.stop_requested

    def requested(checkpoints: FitCheckpoints) -> bool:
        if next(counted) == batch:
            signal.raise_signal(signal.SIGTERM)
        return asked(checkpoints)

    monkeypatch.setattr(FitCheckpoints, "stop_requested", requested)


def files_of(folder: Path) -> dict[str, bytes]:
    unlike = ("clock.json", "manifest.json")  # how long it took
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name not in unlike}


def assert_same(run: RunDirectory, whole: RunDirectory) -> None:
    """Every array of the final checkpoint, the planner, and the evaluation."""
    assert RunDirectory.open(run.path).config["finished"]
    last = [each.latest_checkpoint().folder for each in (run, whole)]
    assert last[0].name == last[1].name
    for one, other in [last, [each.path / "planner" for each in (run, whole)]]:
        mine, theirs = files_of(one), files_of(other)
        assert mine.keys() == theirs.keys()
        assert [name for name in mine if mine[name] != theirs[name]] == []
    figures = [json.loads((each.path / "evaluation.json").read_text()) for each in (run, whole)]
    assert all(each.pop("fit_seconds") > 0 and each.pop("plan_ms") > 0 for each in figures)
    assert figures[0] == figures[1]


def check_resumed(script: ModuleType, folder: Path, data: Path, *stops: int, **settings: Any) -> None:
    """A run that is stopped before a batch, and again in the next process, ends as one that is not."""
    whole = small(script, folder / "whole", data, **settings)
    run = None
    for stop in stops:
        with pytest.MonkeyPatch.context() as patched:
            stop_at_batch(patched, stop)
            if run is None:
                run = small(script, folder / "parts", data, **settings)
            else:
                script.main(script.TrainConfig(resume=run.path))
        assert not (run.path / "evaluation.json").exists()
    assert run is not None
    script.main(script.TrainConfig(resume=run.path))
    assert_same(run, whole)


@pytest.fixture(autouse=True)
def _every_epoch_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_checkpoints, "SECONDS_BETWEEN_COPIES", 0.0)


def test_a_run_that_is_stopped_ends_where_an_unstopped_one_does(
    train_planner: ModuleType, tmp_path: Path, data: Path
) -> None:
    settings = {"acting": "inverse", "guide_weight": 1.0, "returns": "to_go"}
    check_resumed(train_planner, tmp_path, data, 2, 12, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("acting", ["inverse", "planned"])
@pytest.mark.parametrize("sampler", ["score", "pixel_cnn", "pixel_rnn", "flow", "vae", "sequence"])
def test_every_sampler_is_resumed_from_anywhere(
    train_planner: ModuleType, tmp_path: Path, data: Path, sampler: str, acting: str
) -> None:
    for number, stops in enumerate([(1,), (7, 3), (5, 5), (3, 2, 1)]):
        check_resumed(
            train_planner,
            tmp_path / str(number),
            data,
            *stops,
            sampler=sampler,
            acting=acting,
            updates=12,
            guide_weight=0.0,
        )


def test_more_updates_are_one_more_fit(train_planner: ModuleType, tmp_path: Path, data: Path) -> None:
    run = small(train_planner, tmp_path / "runs", data, guide_weight=1.0)
    with pytest.raises(InputError, match="has finished its 6 updates: give more with --updates"):
        train_planner.main(train_planner.TrainConfig(resume=run.path))
    before = load_planner(run.path / "planner").sampler.state_dict()  # type: ignore[attr-defined]
    train_planner.main(train_planner.TrainConfig(resume=run.path, updates=12))
    after = load_planner(run.path / "planner").sampler.state_dict()  # type: ignore[attr-defined]
    assert any(not torch.equal(before[name], after[name]) for name in before)
    other = small(train_planner, tmp_path / "stopped", data, guide_weight=1.0)
    with pytest.MonkeyPatch.context() as patched:
        stop_at_batch(patched, 3)
        train_planner.main(train_planner.TrainConfig(resume=other.path, updates=12))
    train_planner.main(train_planner.TrainConfig(resume=other.path))
    assert_same(other, run)


def test_changed_data_are_refused(train_planner: ModuleType, tmp_path: Path, data: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        stop_at_batch(patched, 2)
        run = small(train_planner, tmp_path / "runs", data)
    episodes = load_demonstrations(data)
    write_npz(data, replace(episodes, rewards=episodes.rewards + np.float32(1e-6)))
    with pytest.raises(InputError, match=r"the data of --data .*line\.npz are not those"):
        train_planner.main(train_planner.TrainConfig(resume=run.path))
    train_planner.main(train_planner.TrainConfig(resume=run.path, allow_changed_data=True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "waypoints:many"}, "waypoints:300"),
        ({"data": "nowhere"}, "neither a path nor waypoints"),
        ({"data": "waypoints:2"}, "no point maze"),
        ({"data": "medium:none"}, "medium:300"),
        ({"acting": "position"}, "for point mazes"),
        ({"horizon": 0}, "--horizon must be 1 or more"),
    ],
)
def test_what_cannot_be_is_said(
    train_planner: ModuleType, tmp_path: Path, data: Path, settings: dict[str, Any], message: str
) -> None:
    config = {"env": ENV, "data": str(data), "acting": "planned", "updates": 2, "log_folder": tmp_path, **settings}
    with pytest.raises(InputError, match=message):
        train_planner.main(train_planner.TrainConfig(**config))


def test_episodes_end_a_while_after_their_goal(train_planner: ModuleType) -> None:
    import planner_data

    late = Trajectory(
        observations=np.arange(11.0, dtype=np.float32)[:, None],
        actions=np.zeros((10, 1), np.float32),
        rewards=np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1], np.float32),
        terminated=False,
        truncated=True,
    )
    never = replace(late, rewards=np.zeros(10, np.float32))
    cut = planner_data.cut_after_goal(Demonstrations.from_trajectories([late, never]), steps=2)
    assert cut.episode_lengths.tolist() == [6, 10]
    assert cut.observations[:7, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_medium_episodes_are_the_expert_s_with_noise(train_planner: ModuleType) -> None:
    import planner_data

    expert = load_demonstrations("Hopper-v4")
    medium = planner_data.load_episodes("medium:4", "Hopper-v4")
    assert medium.num_episodes == 4
    assert 0 < medium.returns.mean() < 0.7 * expert.returns.mean()


def test_another_script_s_run_is_refused(train_planner: ModuleType, tmp_path: Path) -> None:
    other = RunDirectory.create(tmp_path, "gail", ENV, 0, {})
    import plan

    with pytest.raises(InputError, match="run of gail"):
        plan.main(plan.PlanConfig(run=other.path))
    with pytest.raises(InputError, match="run of gail"):
        train_planner.main(train_planner.TrainConfig(resume=other.path))


CORRIDOR = "maze_map=[[1,1,1,1,1],[1,0,0,0,1],[1,1,1,1,1]]"


def test_a_maze_is_planned_in_and_filmed(
    train_planner: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gymnasium_robotics")
    settings = {
        "env": "PointMaze_UMaze-v3",
        "acting": "position",
        "horizon": 4,
        "env_kwargs": ("max_episode_steps=40", CORRIDOR),
    }
    run = small(train_planner, tmp_path / "runs", Path("waypoints:2"), **settings)
    planner = load_planner(run.path / "planner")
    import plan
    import planner_pictures

    walls, steps = [], []
    frame, make = planner_pictures._frame, planner_pictures.make_vec_env

    def noted(found: list[Any], *rest: Any) -> np.ndarray:
        walls.append(len(found))
        return frame(found, *rest)

    def counted(env_id: str, *args: Any, **kwargs: Any) -> Any:
        steps.append(kwargs.get("max_episode_steps"))
        return make(env_id, *args, **kwargs)

    monkeypatch.setattr(planner_pictures, "STEPS_PER_FRAME", 100)
    monkeypatch.setattr(planner_pictures, "_frame", noted)
    for module in (plan, planner_pictures):
        monkeypatch.setattr(module, "make_vec_env", counted)
    plan.main(plan.PlanConfig(run=run.path, episodes=1, video=tmp_path / "film.gif"))
    assert (tmp_path / "film.gif").stat().st_size > 2000
    assert walls == [12], "one frame of at most 40 steps, over the walls of the corridor"
    assert steps == [40, 40], "of the decisions that are timed, and of the film"
    assert len(planner_pictures.maze_walls("PointMaze_UMaze-v3")) == 18
    with pytest.raises(InputError, match="no maze"):
        planner_pictures.film_plans(planner, ENV, tmp_path / "film.gif")
