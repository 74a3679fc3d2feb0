"""No saved model, policy or checkpoint runs code or leads out of its folder: twenty attacks and more in each kind."""

import contextlib
import copy
import hashlib
import json
import os
import sys

import numpy as np
import pytest
import torch
from gymnasium import spaces
from payloads import ENTRY_POINTS, MODULE, entry_point, forms_of_text
from safetensors.torch import load_file, save_file
from stable_baselines3.common.policies import ActorCriticPolicy

from agents import BehaviourCloning
from agents.cloning import CloningConfig
from genrl.errors import InputError
from genrl.flows import RealNVP
from genrl.generative_model import GenerativeModel
from genrl.mixtures import MixtureDensityNetwork
from genrl.nn import Standardise
from genrl.planners import PositionControl, RecedingHorizonPlanner, RowTrajectorySampler, load_planner, save_planner
from genrl.planners.trajectory_grids import TrajectoryColumns
from genrl.policies import Actor, ActorCriticNetwork, SamplerPolicy, load_policy, policy_kwargs, save_policy
from genrl.policies.actor import ActorConfig
from genrl.training import read_checkpoint, write_checkpoint
from genrl.world_models import SamplerWorldModel, load_world_model, save_world_model

SMALL = {"hidden": (4,)}
OBSERVATIONS, BOX = spaces.Box(-np.inf, np.inf, (3,), np.float32), spaces.Box(-1, 1, (1,), np.float32)
NETWORK = ActorCriticNetwork(**SMALL)


def write_actor(folder):
    Actor(ActorConfig(obs_dim=3, act_dim=1, hidden_sizes=(4,), env_id="Task-v0")).save(folder)


def write_policy(folder):
    standardise = Standardise.identity(3)
    save_policy(actor_critic(standardise), NETWORK, folder, "Task-v0")


def actor_critic(standardise):
    return ActorCriticPolicy(OBSERVATIONS, BOX, lambda _: 0.0, **policy_kwargs(NETWORK, standardise))


def write_sampler(folder):
    kwargs = policy_kwargs(NETWORK, Standardise.identity(3))
    features = {name: kwargs[name] for name in ("features_extractor_class", "features_extractor_kwargs")}
    policy = SamplerPolicy(OBSERVATIONS, BOX, sampler=MixtureDensityNetwork(2, **SMALL), **features)
    save_policy(policy, NETWORK, folder, "Task-v0")


def write_model(folder):
    RealNVP(transforms=2, **SMALL).build(3).save(folder)


def write_world_model(folder):
    save_world_model(SamplerWorldModel(RealNVP(transforms=2, **SMALL)).build(3, BOX, True), folder)


def write_planner(folder):
    columns = TrajectoryColumns(observations=4, actions=0)
    rows = RowTrajectorySampler(model=RealNVP(transforms=2, **SMALL), given=columns.given).build((8, 4))
    space = spaces.Box(-1, 1, (2,))
    save_planner(RecedingHorizonPlanner(rows, columns, space, horizon=8, acting=PositionControl()), folder, "Task-v0")


def write_agent(folder):
    agent = BehaviourCloning(
        "Pendulum-v1",
        None,
        device="cpu",
        config=CloningConfig(network=NETWORK),
        policy=actor_critic(Standardise.identity(3)),
    )
    agent.save(folder)


CARRIERS = {
    "actor": (write_actor, load_policy),
    "policy": (write_policy, load_policy),
    "sampler": (write_sampler, load_policy),
    "model": (write_model, GenerativeModel.load),
    "world_model": (write_world_model, load_world_model),
    "planner": (write_planner, load_planner),
    "agent": (write_agent, lambda folder: BehaviourCloning.load(folder, device="cpu")),
}


@contextlib.contextmanager
def opened():
    """The paths of all files that are opened meanwhile."""
    paths, active = [], [True]

    def hook(event, arguments):
        if active and event == "open" and isinstance(arguments[0], str):
            paths.append(os.path.realpath(arguments[0]))

    sys.addaudithook(hook)  # which cannot be removed
    try:
        yield paths
    finally:
        active.clear()


def seal(folder):
    path = folder / "manifest.json"
    if path.is_file():
        manifest = json.loads(path.read_text())
        for name in manifest["files"]:
            content = (folder / name).read_bytes()
            manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        path.write_text(json.dumps(manifest))


def strings(document, path=()):
    """The places of all strings of a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        if isinstance(value, str):
            yield (*path, key)
        elif isinstance(value, dict | list):
            yield from strings(value, (*path, key))


def with_value(document, path, value):
    document = copy.deepcopy(document)
    inside = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return document


def attempt(load, folder, marker):
    """Load the folder; whatever comes of it, no code was run and no file outside was opened or made."""
    outside = sorted(path for path in folder.parent.rglob("*") if folder not in path.parents)
    with opened() as paths, contextlib.suppress(InputError):
        load(folder)
    assert not marker.exists()
    assert MODULE not in sys.modules
    assert sorted(path for path in folder.parent.rglob("*") if folder not in path.parents) == outside
    strange = [path for path in paths if not path.startswith((str(folder.resolve()), sys.prefix, sys.base_prefix))]
    assert [path for path in strange if not path.endswith((".py", ".pyc", ".so"))] == []


@pytest.mark.parametrize("carrier", CARRIERS)
def test_words_of_descriptions(tmp_path, marker, carrier):
    """Every string of every description, replaced by words that a careless reader would evaluate or import in turn."""
    write, load = CARRIERS[carrier]
    folder = tmp_path / "saved"
    write(folder)
    load(folder)
    words = [*forms_of_text(marker), *(entry_point(name, marker)[0] for name in ENTRY_POINTS)]
    assert len(words) >= 40
    documents = {path: json.loads(path.read_text()) for path in folder.glob("*.json") if path.name != "manifest.json"}
    for path, document in documents.items():
        for turn, place in enumerate(strings(document)):
            for number, word in enumerate(words):
                if number % 16 == turn % 16 or place[-1] == "model":
                    path.write_text(json.dumps(with_value(document, place, word)))
                    seal(folder)
                    attempt(load, folder, marker)
        path.write_text(json.dumps(document))


NAMES = [
    f"{MODULE}:Env", f"{MODULE}:", MODULE, f"genrl.{MODULE}:Env", f"genrl..{MODULE}:Env", f"genrl/../{MODULE}:Env",
    f"genrl.{MODULE}", "os:system", "genrl.os:system", "genrl.generative_model:importlib",
    "genrl.generative_model:Path", "genrl.generative_model:GenerativeModel", "genrl.policies.actor:Actor",
    "genrl.training.atomic_files:shutil",
    "genrl.flows.flow:__builtins__", "genrl.flows.flow:__loader__", "genrl.flows.flow:Flow.load", "genrl:flows",
    "genrl.flows.flow:os.system", "genrl.envs.make:make_vec_env", "builtins:eval", "torch.nn:Linear", ":", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_only_generative_models_of_the_package_can_be_named(tmp_path, marker, name):
    write_model(tmp_path / "saved")
    path = tmp_path / "saved" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model": name}))
    seal(tmp_path / "saved")
    with pytest.raises(InputError):
        GenerativeModel.load(tmp_path / "saved")
    attempt(GenerativeModel.load, tmp_path / "saved", marker)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_headers_of_tensors(tmp_path, marker, carrier):
    """Names of tensors and metadata are text, too."""
    write, load = CARRIERS[carrier]
    folder = tmp_path / "saved"
    write(folder)
    (path, *_) = sorted(folder.glob("*.safetensors"))
    tensors = load_file(path)
    words = forms_of_text(marker)
    save_file(tensors, path, metadata={"format": words[0], "__reduce__": words[0], **dict.fromkeys(words, words[0])})
    seal(folder)
    attempt(load, folder, marker)
    load(folder)  # metadata mean nothing
    for word in words:
        save_file({**tensors, word: torch.zeros(1)}, path, metadata={"format": word})
        seal(folder)
        attempt(load, folder, marker)


OUTSIDE = [
    "../outside.json", "../../outside.json", "..", ".", "", "/etc/passwd", "/proc/self/environ",
    "sub/../../outside.json", "sub/inside.json", "./../outside.json", "..\\outside.json", "C:\\outside.json",
    "\\\\host\\share",
    "~/outside.json",
    "file:///etc/passwd", ".hidden.json", "model.json/", "model.json\n", "model.json\0", "a b.json", "$HOME", "*.json",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_manifests_name_files_of_their_folder_alone(tmp_path, marker, name):
    folder = tmp_path / "saved"
    write_model(folder)
    (folder / "sub").mkdir()
    content = b'{"secret": 1}'
    for path in (tmp_path / "outside.json", tmp_path.parent / "outside.json", folder / "sub" / "inside.json"):
        path.write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"no name of a file|no JSON"):
        read_checkpoint(folder)
    attempt(read_checkpoint, folder, marker)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path, marker, carrier):
    write, load = CARRIERS[carrier]
    write(tmp_path / "sound")
    for name in sorted(path.name for path in (tmp_path / "sound").iterdir()):
        folder = tmp_path / f"saved-{name}"
        write(folder)
        (folder / name).rename(tmp_path / f"moved-{name}")
        (folder / name).symlink_to(tmp_path / f"moved-{name}")
        with pytest.raises(InputError, match="leads out of the folder"):
            load(folder)


def test_a_link_inside_of_the_folder_is_followed(tmp_path):
    write_checkpoint(tmp_path / "saved", documents={"a": {"x": 1}})
    (tmp_path / "saved" / "a.json").rename(tmp_path / "saved" / "b.json")
    (tmp_path / "saved" / "a.json").symlink_to("b.json")
    assert read_checkpoint(tmp_path / "saved").documents == {"a": {"x": 1}}
