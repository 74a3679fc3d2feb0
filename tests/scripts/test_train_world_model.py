"""The command line of world models: what a run leaves on disk, how a signal ends it, and how it goes on."""

import csv
import json
import os
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box
from stable_baselines3.common.logger import Logger

from agents import BehaviourCloning, CloningConfig
from experts import load_demonstrations
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.training import RunDirectory
from genrl.world_models import load_world_model

SCRIPTS = Path(__file__).parents[2] / "scripts"


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


@pytest.mark.parametrize("model", ["ensemble", "latent", "recurrent-mixture", "mixture", "flow", "score", "vae", "vq"])
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


def test_a_stopped_run_goes_on(train_world_model: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump = Logger.dump

    def interrupted(logger: Logger, step: int = 0) -> None:
        dump(logger, step)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Logger, "dump", interrupted)
        run = small(train_world_model, tmp_path / "runs", updates=12)
    done = run.config["updates_done"]
    assert 0 < done < 12
    before = load_world_model(run.path / "model").state_dict()
    train_world_model.main(train_world_model.TrainConfig(resume=run.path))
    run = RunDirectory.open(run.path)
    assert run.config["updates_done"] == 12
    with (run.path / "progress.csv").open() as file:
        assert int(next(csv.DictReader(file))["updates"]) > done
    after = load_world_model(run.path / "model").state_dict()
    assert not torch.equal(before["networks.weights.0"], after["networks.weights.0"])
    with pytest.raises(InputError, match="give more with --updates"):
        train_world_model.main(train_world_model.TrainConfig(resume=run.path))


def test_a_model_that_is_fitted_in_one_go_is_not_resumed(train_world_model: ModuleType, tmp_path: Path) -> None:
    run = small(train_world_model, tmp_path / "runs", model="mixture", updates=3)
    assert run.config["updates_done"] == 3
    with pytest.raises(InputError, match=r"--model mixture is fitted in one go.*start it anew"):
        train_world_model.main(train_world_model.TrainConfig(resume=run.path, updates=6))


def test_it_learns_from_demonstrations(train_world_model: ModuleType, tmp_path: Path) -> None:
    run = small(train_world_model, tmp_path / "runs", env="Hopper-v4", data="demonstrations", updates=3)
    assert load_world_model(run.path / "model").observation_features == 11


def test_it_learns_from_what_the_policy_of_a_run_does(train_world_model: ModuleType, tmp_path: Path) -> None:
    demonstrations = load_demonstrations("Hopper-v4", episodes=1)
    agent = BehaviourCloning("Hopper-v4", demonstrations, seed=0, device="cpu", config=CloningConfig(updates=3))
    about = {"env_kwargs": {}, "expert_return": None, "random_return": None}
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

    from genrl.evaluation.random_policy import RandomPolicy

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
    with pytest.raises(InputError, match="cannot be resumed"):
        train_world_model.main(train_world_model.TrainConfig(resume=run.path, updates=4))
