"""The command line of world models: what a run leaves on disk, how a signal ends it, and how it goes on."""

import csv
import itertools
import json
import signal
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from agents import BehaviourCloning, CloningConfig
from experts import load_demonstrations
from experts.npz import write_npz
from genrl.errors import InputError
from genrl.evaluation.random_policy import RandomPolicy
from genrl.generative_model import GenerativeModel
from genrl.training import RunDirectory, fit_checkpoints
from genrl.training.fit_checkpoints import FitCheckpoints
from genrl.world_models import load_world_model

SCRIPTS = Path(__file__).parents[2] / "scripts"
KINDS = ["ensemble", "latent", "recurrent-mixture", "mixture", "flow", "score", "vae", "vq"]


@pytest.fixture
def train_world_model(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    import train_world_model

    monkeypatch.setattr(train_world_model, "STARTS", 8)
    monkeypatch.setattr(train_world_model, "PARTICLES", 8)
    monkeypatch.setitem(train_world_model.draw_dreams.__globals__, "EPISODES", 1)
    monkeypatch.setitem(train_world_model.draw_dreams.__globals__, "COLUMNS", 1)
    return train_world_model


def small(script: ModuleType, folder: Path, **settings: Any) -> RunDirectory:
    settings = {"env": "Pendulum-v1", "data": "random:600", "updates": 10, "hidden": 16, **settings}
    script.main(script.TrainConfig(log_folder=folder, **settings))
    (path,) = folder.iterdir()
    return RunDirectory.open(path)


@pytest.mark.parametrize("model", KINDS)
def test_a_run(train_world_model: ModuleType, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = small(train_world_model, tmp_path / "runs", model=model, seed=3)
    assert run.path.name.startswith("world-model-Pendulum-v1-3-")
    figures = json.loads((run.path / "evaluation.json").read_text())["forecasts"]
    assert [row["steps"] for row in figures] == [1, 5, 20]
    assert all(0 <= row["coverage_50"] <= row["coverage_90"] <= 1 for row in figures)
    assert figures[0]["error"] > 0
    assert (run.path / "dreams.png").stat().st_size > 5000
    assert (run.path / "learning_curve.png").is_file()
    loaded = load_world_model(run.path / "model")
    env = loaded.as_vec_env(4, horizon=3)
    env.reset()
    assert env.step(np.zeros((4, 1), np.float32))[0].shape == (4, 3)
    assert "forecasts of held-out steps" in capsys.readouterr().out


def stop_at_batch(monkeypatch: pytest.MonkeyPatch, *batches: int) -> None:
    """A signal comes before each of these batches of a process, counted from 1 together with those of validation."""
    counted, asked = itertools.count(1), FitCheckpoints.stop_requested

    def requested(checkpoints: FitCheckpoints) -> bool:
        if next(counted) in batches:
            signal.raise_signal(signal.SIGTERM)
        return asked(checkpoints)

    monkeypatch.setattr(FitCheckpoints, "stop_requested", requested)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name not in UNLIKE}


UNLIKE = ("clock.json", "manifest.json")  # how long it took


def assert_same(run: RunDirectory, whole: RunDirectory) -> None:
    """Every array of the final checkpoint, the model, and the evaluation."""
    assert RunDirectory.open(run.path).config["finished"]
    last = [each.latest_checkpoint().folder for each in (run, whole)]
    assert last[0].name == last[1].name
    for one, other in [last, [each.path / "model" for each in (run, whole)]]:
        mine, theirs = files_of(one), files_of(other)
        assert mine.keys() == theirs.keys()
        assert [name for name in mine if mine[name] != theirs[name]] == []
    figures = [json.loads((each.path / "evaluation.json").read_text()) for each in (run, whole)]
    assert all(each.pop("fit_seconds") > 0 for each in figures)
    assert figures[0] == figures[1]


def check_resumed(script: ModuleType, folder: Path, *stops: int, **settings: Any) -> RunDirectory:
    """A run that is stopped before a batch, and again in the next process, ends as one that is not."""
    whole = small(script, folder / "whole", **settings)
    run = None
    for stop in stops:
        with pytest.MonkeyPatch.context() as patched:
            stop_at_batch(patched, stop)
            if run is None:
                run = small(script, folder / "parts", **settings)
            else:
                script.main(script.TrainConfig(resume=run.path))
        assert not (run.path / "evaluation.json").exists()
    assert run is not None
    script.main(script.TrainConfig(resume=run.path))
    assert_same(run, whole)
    return run


@pytest.fixture(autouse=True)
def _every_epoch_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_checkpoints, "SECONDS_BETWEEN_COPIES", 0.0)


def test_a_run_that_is_stopped_ends_where_an_unstopped_one_does(train_world_model: ModuleType, tmp_path: Path) -> None:
    check_resumed(train_world_model, tmp_path, 11, 4, model="vae", updates=12)


@pytest.mark.slow
@pytest.mark.parametrize("model", KINDS)
def test_every_model_is_resumed_from_anywhere(train_world_model: ModuleType, tmp_path: Path, model: str) -> None:
    for number, stops in enumerate([(1,), (7, 3), (10, 4), (14,), (3, 2, 1)]):
        run = check_resumed(train_world_model, tmp_path / str(number), *stops, model=model, updates=12)
        with (run.path / "progress.csv").open() as file:
            assert len(list(csv.DictReader(file))) >= 4


def test_more_updates_are_one_more_fit(train_world_model: ModuleType, tmp_path: Path) -> None:
    script = train_world_model
    run = small(script, tmp_path / "runs", updates=6)
    with pytest.raises(InputError, match="has finished its 6 updates: give more with --updates"):
        script.main(script.TrainConfig(resume=run.path))
    with pytest.raises(InputError, match="planned with 6 updates: it cannot be made shorter"):
        script.main(script.TrainConfig(resume=run.path, updates=5))
    before = load_world_model(run.path / "model").state_dict()
    script.main(script.TrainConfig(resume=run.path, updates=12))
    after = load_world_model(run.path / "model").state_dict()
    assert not torch.equal(before["networks.weights.0"], after["networks.weights.0"])
    other = small(script, tmp_path / "stopped", updates=6)
    with pytest.MonkeyPatch.context() as patched:
        stop_at_batch(patched, 5)
        script.main(script.TrainConfig(resume=other.path, updates=12))
    script.main(script.TrainConfig(resume=other.path))
    assert_same(other, run)


def test_a_model_that_is_fitted_in_one_go_is_not_fitted_further(train_world_model: ModuleType, tmp_path: Path) -> None:
    run = small(train_world_model, tmp_path / "runs", model="mixture", updates=3)
    with pytest.raises(InputError, match=r"--model mixture is fitted in one go, 3 updates here.*start a new run"):
        train_world_model.main(train_world_model.TrainConfig(resume=run.path, updates=6))


def test_changed_data_are_refused(train_world_model: ModuleType, tmp_path: Path) -> None:
    script, source = train_world_model, tmp_path / "hopper.npz"
    demonstrations = load_demonstrations("Hopper-v4", episodes=1)
    write_npz(source, demonstrations)
    with pytest.MonkeyPatch.context() as patched:
        stop_at_batch(patched, 4)
        run = small(script, tmp_path / "runs", env="Hopper-v4", data=str(source), updates=20)
    write_npz(source, replace(demonstrations, rewards=demonstrations.rewards + np.float32(1e-6)))
    with pytest.raises(InputError, match=r"the data of --data .*hopper\.npz are not those"):
        script.main(script.TrainConfig(resume=run.path))
    script.main(script.TrainConfig(resume=run.path, allow_changed_data=True))


def test_a_run_of_an_earlier_version_is_refused(train_world_model: ModuleType, tmp_path: Path) -> None:
    settings = {"model": "ensemble", "updates": 3}
    old = RunDirectory.create(tmp_path, "world-model", "Pendulum-v1", 0, {"settings": settings, "updates": 3})
    with pytest.raises(InputError, match="begun by an earlier version"):
        train_world_model.main(train_world_model.TrainConfig(resume=old.path))


def test_it_learns_from_demonstrations(train_world_model: ModuleType, tmp_path: Path) -> None:
    run = small(train_world_model, tmp_path / "runs", env="Hopper-v4", data="demonstrations", updates=3)
    assert load_world_model(run.path / "model").observation_features == 11


def test_it_learns_from_what_the_policy_of_a_run_does(train_world_model: ModuleType, tmp_path: Path) -> None:
    demonstrations = load_demonstrations("Hopper-v4", episodes=1)
    agent = BehaviourCloning("Hopper-v4", demonstrations, seed=0, device="cpu", config=CloningConfig(updates=3))
    about = {"env_kwargs": {}, "expert_return": None, "random_return": 18.0}
    cloned = RunDirectory.create(tmp_path / "cloned", "bc", "Hopper-v4", 0, about)
    state = agent.learn().state()
    cloned.save_best(tensors=state.tensors, documents=state.documents)
    run = small(train_world_model, tmp_path / "runs", env="Hopper-v4", data=str(cloned.path), updates=3)
    model = load_world_model(run.path / "model")
    assert model.observation_features == 11
    # Dreams begin in what the policy came through: ten episodes, none of them as long as the demonstrations' own.
    assert 50 < len(model.starts) < 5000
    assert model.starts[:, 0].min() > 0.5
    with pytest.raises(InputError, match="is a run on Hopper-v4"):
        small(train_world_model, tmp_path / "other", env="Pendulum-v1", data=str(cloned.path), updates=3)

    from world_model_pixels import filmed_policy

    with pytest.raises(InputError, match="is a run on Hopper-v4: film it with"):
        filmed_policy(str(cloned.path), "Walker2d-v4", 0, env_kwargs={})


class Wide(gym.Env[Any, Any]):
    """As many action columns as it is told."""

    observation_space = Box(-1, 1, (1,), np.float32)

    def __init__(self, columns: int = 1) -> None:
        self.action_space = Box(-1, 1, (columns,), np.float32)


def test_the_keywords_of_the_task_reach_who_acts_in_the_film(
    train_world_model: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from world_model_pixels import filmed_policy

    monkeypatch.setitem(gym.registry, "Wide-v0", EnvSpec("Wide-v0", entry_point=Wide))
    policy, steps = filmed_policy("random:7", "Wide-v0", 0, env_kwargs={"columns": 3})
    assert steps == 7
    assert policy.predict(np.zeros((1, 1)))[0].shape == (1, 3)
    with pytest.raises(InputError, match=r"Wide-v0 cannot be made.*colour"):
        filmed_policy("random:7", "Wide-v0", 0, env_kwargs={"colour": "red"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "random:many"}, "random:20000"),
        ({"data": "nowhere"}, "neither a path nor"),
        ({"updates": 0}, "--updates must be 1 or more"),
        ({"env": "CartPole-v7"}, "CartPole"),
        ({"env": "CartPole-v1", "data": "demonstrations"}, "CartPole-v1"),
    ],
)
def test_bad_input_leaves_nothing(
    train_world_model: ModuleType, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        small(train_world_model, tmp_path / "runs", **settings)
    assert not (tmp_path / "runs").exists()


def test_another_scripts_run_is_refused(train_world_model: ModuleType, tmp_path: Path) -> None:
    other = RunDirectory.create(tmp_path, "bc", "Hopper-v4", 0, {})
    with pytest.raises(InputError, match="a run of bc"):
        train_world_model.main(train_world_model.TrainConfig(resume=other.path))


def test_it_learns_from_pixels(train_world_model: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import world_model_pixels
    from world_model_pixels import film

    monkeypatch.setattr(world_model_pixels, "HELD_OUT", 15)
    space = Box(-1, 1, (3,), np.float32)
    try:
        filmed = film(RandomPolicy(space), "Hopper-v4", 2, env_kwargs={}, seed=0)
    except InputError as error:
        pytest.skip(str(error))
    assert filmed.frames.shape == (3, 64, 64, 3)
    run = small(
        train_world_model,
        tmp_path / "runs",
        env="Hopper-v4",
        data="random:25",
        observations="pixels",
        model="latent",
        updates=2,
        frame_updates=2,
    )
    assert load_world_model(run.path / "model").observation_features == 32
    assert GenerativeModel.load(run.path / "frames").event_shape == (3, 64, 64)
    assert (run.path / "dreams.mp4").stat().st_size > 1000
    assert (run.path / "films" / "film.npz").stat().st_size > 26 * 64 * 64 * 3  # every frame of the 25 steps


@pytest.mark.slow
def test_a_run_on_pixels_is_resumed_with_its_film(train_world_model: ModuleType, tmp_path: Path) -> None:
    import world_model_pixels

    space = Box(-1, 1, (3,), np.float32)
    try:
        world_model_pixels.film(RandomPolicy(space), "Hopper-v4", 2, env_kwargs={}, seed=0)
    except InputError as error:
        pytest.skip(str(error))
    settings = {"env": "Hopper-v4", "data": "random:40", "observations": "pixels", "model": "latent", "updates": 4}
    check_resumed(train_world_model, tmp_path, 2, 6, **settings, frame_updates=3)
