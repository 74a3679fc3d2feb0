"""Damaged run directories: every script that reads one goes on, or refuses it in one line."""

import functools
import importlib
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from json_edits import FOLDER_EDITS, amounts, edit_folder
from mutations import explore, meet
from pydantic import TypeAdapter

from agents import DreamingConfig
from agents.dream_learners import DreamSACConfig
from agents.gail_config import GAILConfig
from agents.learners import PPOConfig
from experts.npz import write_npz
from genrl.policies import ActorCriticNetwork
from genrl.training import RunDirectory
from genrl.training.fit_checkpoints import FitCheckpoints
from genrl.transitions import Demonstrations

SCRIPTS = Path(__file__).parents[2] / "scripts"
FEW = amounts(10, 400)


@pytest.fixture
def script(monkeypatch, tmp_path):
    """The module of a script, by name; fits that go on are stopped before their next batch."""
    monkeypatch.syspath_prepend(SCRIPTS)
    fits = importlib.import_module("resumable_fit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENRL_CACHE", str(tmp_path / "cache"))

    def find(name, *, stopped=False):
        if stopped:
            monkeypatch.setattr(fits, "FitCheckpoints", functools.partial(FitCheckpoints, stop=lambda: True))
        return importlib.import_module(name)

    return find


@pytest.fixture
def demonstrations(tmp_path):
    """A file of random actions in Pendulum-v1."""
    rng, episodes, steps = np.random.default_rng(0), 2, 40
    count = episodes * steps
    data = Demonstrations(
        observations=rng.normal(size=(count + episodes, 3)).astype(np.float32),
        actions=rng.uniform(-2, 2, size=(count, 1)).astype(np.float32),
        rewards=np.zeros(count, np.float32),
        terminations=np.zeros(count, bool),
        truncations=np.isin(np.arange(count), [steps - 1, count - 1]),
        episode_lengths=np.full(episodes, steps),
        env_id="Pendulum-v1",
        expert_return=0.0,
    )
    write_npz(tmp_path / "demonstrations.npz", data)
    return str(tmp_path / "demonstrations.npz")


def only_run(folder):
    (run,) = (folder / "runs").iterdir()
    return run


def check_runs(run, resume, examples):
    """Damage a run's own files, or those of its latest checkpoint; `resume` goes on from each copy, or refuses it."""
    (checkpoint,) = sorted((run / "checkpoints").iterdir())[-1:]
    damaged = run.parent.parent / "damaged"

    def load():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of changed versions, and of what is passed over
            resume(damaged)

    def check(example):
        of_checkpoint, edit = example
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(run, damaged)
        edit_folder(damaged / "checkpoints" / checkpoint.name if of_checkpoint else damaged, edit)
        meet(load)

    shutil.copytree(run, damaged)
    assert not isinstance(meet(load), str)
    explore(st.tuples(st.booleans(), FOLDER_EDITS), check, examples)


@pytest.mark.parametrize("examples", FEW)
def test_experts(script, tmp_path, examples):
    train = script("train_expert")
    train.start(train.TrainExpertConfig(env="Pendulum-v1", num_envs=2, log_folder=tmp_path / "runs"))
    check_runs(only_run(tmp_path), train.resume, examples)


@pytest.mark.parametrize("examples", FEW)
def test_gail(script, tmp_path, demonstrations, examples):
    train = script("train_gail")
    small = GAILConfig(
        ppo=PPOConfig(n_steps=8, batch_size=8), untrained_steps=32, network=ActorCriticNetwork(hidden=(4,))
    )
    train.start(
        train.TrainConfig(
            env="Pendulum-v1", demos=demonstrations, num_envs=2, log_folder=tmp_path / "runs", agent=small
        )
    )
    check_runs(only_run(tmp_path), lambda run: train.resume(train.TrainConfig(resume=run)), examples)


@pytest.mark.slow
@pytest.mark.parametrize("examples", [400])
def test_dreaming(script, tmp_path, examples, monkeypatch):
    train = script("train_in_dream")
    monkeypatch.setattr(train, "report", lambda *_: None)
    sac = DreamSACConfig(hidden=(4,), updates_per_step=0.1, batch_size=8)
    small = DreamingConfig(first_steps=30, steps_per_round=10, model_hidden=(4,), first_updates=2, dreams=4, sac=sac)
    train.main(train.TrainConfig(real_steps=30, round_episodes=1, log_folder=tmp_path / "runs", agent=small))
    check_runs(only_run(tmp_path), lambda run: train.resume(train.TrainConfig(resume=run)), examples)


@pytest.mark.slow
@pytest.mark.parametrize("examples", [400])
def test_world_models(script, tmp_path, examples, monkeypatch):
    train = script("train_world_model")
    monkeypatch.setattr(train, "report", lambda *_: None)
    train.main(
        train.TrainConfig(env="Pendulum-v1", data="random:60", updates=2, hidden=4, log_folder=tmp_path / "runs")
    )
    unfinished(only_run(tmp_path))
    script("train_planner", stopped=True)
    check_runs(only_run(tmp_path), lambda run: train.main(train.TrainConfig(resume=run)), examples)


@pytest.mark.slow
@pytest.mark.parametrize("examples", [400])
def test_planners(script, tmp_path, demonstrations, examples, monkeypatch):
    train = script("train_planner")
    monkeypatch.setattr(train, "report", lambda *_: None)
    small = {"sampler": "flow", "acting": "planned", "horizon": 4, "stride": 1, "replan_every": 2, "hidden": 4}
    config = train.TrainConfig(env="Pendulum-v1", data=demonstrations, updates=2, log_folder=tmp_path / "runs", **small)
    train.main(config)
    unfinished(only_run(tmp_path))
    script("train_planner", stopped=True)
    check_runs(only_run(tmp_path), lambda run: train.main(train.TrainConfig(resume=run)), examples)


@pytest.mark.slow
@pytest.mark.parametrize("examples", [400])
def test_cloning(script, tmp_path, demonstrations, examples, monkeypatch):
    train = script("train_bc")
    monkeypatch.setattr(train, "report", lambda *_: None)
    train.main(train.TrainConfig(env="Pendulum-v1", demos=demonstrations, epochs=1, log_folder=tmp_path / "runs"))
    unfinished(only_run(tmp_path))
    script("train_bc", stopped=True)
    check_runs(only_run(tmp_path), lambda run: train.main(train.TrainConfig(resume=run)), examples)


@pytest.mark.slow
@pytest.mark.parametrize("examples", [400])
def test_generative_models(script, tmp_path, examples, monkeypatch):
    train = script("train_generative")
    for name in ("report", "draw_pictures", "name_pictures"):
        monkeypatch.setattr(train, name, lambda *_, **__: [])
    config = train.TrainConfig(model="real_nvp", data="two_moons", rows=40, updates=2, log_folder=tmp_path / "runs")
    train.main(config)
    unfinished(only_run(tmp_path))
    script("train_bc", stopped=True)
    check_runs(only_run(tmp_path), lambda run: train.main(train.TrainConfig(resume=run)), examples)


def unfinished(run):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "finished": False}))


CONFIGS = {
    "train_gail": "gail",
    "train_bc": "bc",
    "train_dagger": "dagger",
    "train_expert": "expert-ppo",
    "train_in_dream": "dreaming",
    "train_world_model": "world-model",
    "train_planner": "planner",
    "train_generative": "real_nvp",
}
ABOUT = {"expert_return": 1.0, "random_return": 0.0, "n_timesteps": 9, "real_steps": 9, "fits": [9], "tier": "expert"}


@pytest.mark.parametrize("examples", amounts(200))
def test_configurations(script, tmp_path, examples):
    """All that scripts read of a `config.json`, before they build anything."""
    kinds = {}
    for name, agent in CONFIGS.items():
        module = script(name)
        kind = getattr(module, "TrainConfig", None) or module.TrainExpertConfig
        settings = {**TypeAdapter(kind).dump_python(kind(), mode="json"), "env": "Pendulum-v1"}
        if name == "train_generative":
            del settings["env"]
        run = RunDirectory.create(tmp_path / "runs", agent, "Pendulum-v1", 0, {**ABOUT, "settings": settings})
        kinds[agent] = (run.path, kind)

    def read(folder, agent):
        directory = RunDirectory.resume(folder)
        kept = [directory.config[name] for name in ABOUT]
        return directory.settings(kinds[agent][1], (agent,)), directory.task(), kept

    def check(example):
        agent, edit = example
        damaged = tmp_path / "damaged"
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(kinds[agent][0], damaged)
        edit_folder(damaged, edit)
        meet(lambda: read(damaged, agent))

    for agent, (path, _) in kinds.items():
        assert not isinstance(meet(lambda path=path, agent=agent: read(path, agent)), str)
    explore(st.tuples(st.sampled_from(sorted(kinds)), FOLDER_EDITS), check, examples)
