"""No run, agent or policy has an environment made whose module its reader has not imported, or that names a file."""

import json
import sys
import types

import numpy as np
import pytest
from gymnasium import spaces
from payloads import ENTRY_POINTS, MODULE, entry_point
from pydantic import TypeAdapter
from stable_baselines3.common.policies import ActorCriticPolicy

from agents import BehaviourCloning
from agents.cloning import CloningConfig
from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import Actor, ActorCriticNetwork, policy_kwargs, save_policy
from genrl.policies.actor import ActorConfig
from genrl.training import RunDirectory, read_checkpoint, write_checkpoint
from genrl.training.saved_task import check_saved_task

TASK = f"{MODULE}:Task-v0"
SCRIPTS = {  # by name, the agent of its runs
    "train_gail": "gail",
    "train_bc": "bc",
    "train_dagger": "dagger",
    "train_expert": "expert-ppo",
    "train_in_dream": "dreaming",
    "train_world_model": "world-model",
    "train_planner": "planner",
}
NETWORK = ActorCriticNetwork(hidden=(4,))
ABOUT = {"expert_return": 1.0, "random_return": 0.0, "n_timesteps": 9, "real_steps": 9, "fits": [9], "tier": "expert"}


def config_type(module):
    return getattr(module, "TrainConfig", None) or module.TrainExpertConfig


def write_run(folder, module, agent, *, env="Pendulum-v1", settings=None, **more):
    """A run of a script as its configuration says, with nothing but a policy in `best/`."""
    known = TypeAdapter(config_type(module)).dump_python(config_type(module)(), mode="json")
    about = {**ABOUT, "settings": {**known, "env": "Pendulum-v1", **(settings or {})}, **more}
    run = RunDirectory.create(folder, agent, env, 0, about)
    save_policy(policy(), NETWORK, run.best, "Pendulum-v1")
    return run.path


def policy():
    kwargs = policy_kwargs(NETWORK, Standardise.identity(3))
    space = spaces.Box(-np.inf, np.inf, (3,), np.float32)
    return ActorCriticPolicy(space, spaces.Box(-2, 2, (1,), np.float32), lambda _: 0.0, **kwargs)


PLACES = {
    "env": lambda task: {"env": task},
    "settings.env": lambda task: {"settings": {"env": task}},
    "both, and trust among the settings": lambda task: {"env": task, "settings": {"env": task, "trust": True}},
    "env_kwargs": lambda task: {"env_kwargs": {"xml_file": f"/{task}"}},
    "settings.env_kwargs": lambda task: {"settings": {"env_kwargs": [f"xml_file=../{task}"]}},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", SCRIPTS)
def test_resumed_runs(script, marker, tmp_path, name, place):
    module = script(name)
    run = write_run(tmp_path / "runs", module, SCRIPTS[name], **PLACES[place](TASK))
    with pytest.raises(InputError, match="pass --trust"):
        module.main(config_type(module)(resume=run))
    assert not marker.exists()


@pytest.mark.parametrize("attack", ENTRY_POINTS)
@pytest.mark.parametrize("name", ["evaluate", "collect_demonstrations", "plan"])
def test_runs_that_are_used(script, marker, tmp_path, name, attack):
    task = entry_point(attack, marker)[0]
    agent = "planner" if name == "plan" else "bc"
    run = write_run(tmp_path / "runs", script("train_bc"), agent, env=f"{MODULE}.{task}")
    with pytest.raises(InputError, match="pass --trust"):
        use(script(name), name, run)
    assert not marker.exists()


def use(module, name, path, **asked):
    if name == "evaluate":
        return module.main(module.EvaluateConfig(policy=path, episodes=1, **asked))
    if name == "plan":
        return module.main(module.PlanConfig(run=path, episodes=1, **asked))
    return module.main(module.CollectConfig(policy=path, episodes=1, out=path / "recording", **asked))


def write_policies(folder, env_id):
    save_policy(policy(), NETWORK, folder / "policy", env_id)
    Actor(ActorConfig(obs_dim=3, act_dim=1, hidden_sizes=(4,), env_id=env_id)).save(folder / "actor")
    return folder / "policy", folder / "actor"


@pytest.mark.parametrize("name", ["evaluate", "collect_demonstrations"])
def test_policies_that_name_their_task(script, marker, tmp_path, name):
    for path in write_policies(tmp_path / "saved", TASK):
        with pytest.raises(InputError, match="pass --trust"):
            use(script(name), name, path)
        assert not marker.exists()


def test_the_attack_works_where_it_is_allowed(script, marker, tmp_path):
    """With trust the module is imported: the tests above would see it."""
    path, _ = write_policies(tmp_path / "saved", TASK)
    with pytest.raises(InputError):  # the module has no such task
        use(script("evaluate"), "evaluate", path, trust=True)
    assert marker.exists()


def test_a_task_that_the_user_names_is_made(script, marker, tmp_path):
    path, _ = write_policies(tmp_path / "saved", "Pendulum-v1")
    with pytest.raises(InputError):
        use(script("evaluate"), "evaluate", path, env=TASK)
    assert marker.exists()


@pytest.mark.parametrize("trust", [False, True])
def test_agents(marker, tmp_path, trust):
    agent = BehaviourCloning("Pendulum-v1", None, device="cpu", config=CloningConfig(network=NETWORK), policy=policy())
    state = agent.state()
    document = {**state.documents["agent"], "env_id": TASK}
    write_checkpoint(tmp_path / "a", tensors=state.tensors, documents={**state.documents, "agent": document})
    with pytest.raises(InputError, match="cannot make" if trust else "trust=True"):
        BehaviourCloning.load(tmp_path / "a", device="cpu", trust=trust)
    assert marker.exists() == trust
    BehaviourCloning.load(tmp_path / "a", device="cpu", env="Pendulum-v1")


HARMLESS = [
    ("Ant-v5", {"healthy_z_range": [0.2, 1.0], "xml_file": "ant.xml", "terminate_when_unhealthy": False}),
    ("Ant-v5", ["healthy_z_range=[0.2, 1.0]", "xml_file=ant.xml"]),
    ("ALE/Pong-v5", {"mode": None}),
    (f"{json.__name__}:Task-v0", {}),
]
REFUSED = [
    (TASK, {}),
    (f"{MODULE}.sub:Task-v0", {}),
    (f" {MODULE}:Task-v0", {}),
    (f"{MODULE}:other:Task-v0", {}),
    ("", {}),
    (None, {}),
    (3, {}),
    (["Ant-v5"], {}),
    ("Ant-v5", {"xml_file": "/etc/passwd"}),
    ("Ant-v5", {"xml_file": "~/model.xml"}),
    ("Ant-v5", {"xml_file": "../model.xml"}),
    ("Ant-v5", {"xml_file": "./model.xml"}),
    ("Ant-v5", {"xml_file": ".hidden"}),
    ("Ant-v5", {"xml_file": "C:\\model.xml"}),
    ("Ant-v5", {"xml_file": ["a", {"b": "x/y"}]}),
    ("Ant-v5", {"names": {"x/y": 1}}),
    ("GymV26Environment-v0", {"env_id": TASK}),
    ("Ant-v5", ["xml_file=/etc/passwd"]),
    ("Ant-v5", ['options={"file": "a/b"}']),
    ("Ant-v5", 3),
    ("Ant-v5", {3: 4}),
]


@pytest.mark.parametrize(("env_id", "env_kwargs"), HARMLESS)
def test_what_can_run_nothing_is_accepted(env_id, env_kwargs):
    assert check_saved_task(env_id, env_kwargs, source="config.json")[0] == env_id


@pytest.mark.parametrize(("env_id", "env_kwargs"), REFUSED)
def test_what_could_is_refused_in_one_line(marker, env_id, env_kwargs):
    with pytest.raises(InputError) as caught:
        check_saved_task(env_id, env_kwargs, source="config.json")
    assert str(caught.value).isprintable()
    assert not marker.exists()


def test_a_module_that_is_imported_already_is_accepted(monkeypatch):
    monkeypatch.setitem(sys.modules, MODULE, types.ModuleType(MODULE))
    assert check_saved_task(TASK, source="config.json") == (TASK, {})


UNFIT = [
    {"g": "abc"},
    {"g": None},
    {"nonsense": 1},
    {"max_episode_steps": -5},
    {"num_envs": 5},
    {"seed": 1},
    {"id": "x"},
    {"render_mode": "human"},
]


@pytest.mark.parametrize("env_kwargs", UNFIT)
def test_keywords_that_do_not_work_are_found_before_anything_begins(script, tmp_path, env_kwargs):
    run = write_run(tmp_path / "runs", script("train_bc"), "bc", env_kwargs=env_kwargs)
    for name in ("evaluate", "collect_demonstrations"):
        with pytest.raises(InputError, match=r"keyword|cannot make"):
            use(script(name), name, run)


def test_what_a_checkpoint_lacks_is_named(tmp_path):
    write_checkpoint(tmp_path / "a", documents={"agent": {}})
    saved = read_checkpoint(tmp_path / "a")
    for files, name in ((saved.tensors, "policy.safetensors"), (saved.documents, "progress.json")):
        with pytest.raises(InputError, match=f"lacks {name}"):
            files[name.partition(".")[0]]
