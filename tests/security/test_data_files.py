"""No data file runs code when it is read: twenty attacks and more in each kind of file, and none leaves a mark."""

import base64
import contextlib
import json
import pickle
import time
import warnings
import zipfile
from pathlib import Path

import gymnasium as gym
import h5py
import minari
import numpy as np
import pytest
from payloads import CALLS, ENTRY_POINTS, MODULE, Runs, entry_point, forms_of_text

from experts import load_demonstrations
from experts.cards import read_card
from experts.imitation_library import read_imitation
from genrl.errors import InputError

STEPS = 3
ARRAYS = {
    "observations": np.linspace(0, 1, 2 * (STEPS + 1)).reshape(STEPS + 1, 2),
    "actions": np.full((STEPS, 1), 0.5),
    "rewards": np.ones(STEPS),
    "terminations": np.zeros(STEPS, bool),
    "truncations": np.arange(STEPS) == STEPS - 1,
    "episode_lengths": np.array([STEPS]),
}
IMITATION = {
    "obs": ARRAYS["observations"],
    "acts": ARRAYS["actions"],
    "rews": ARRAYS["rewards"],
    "terminal": np.array([True]),
    "indices": np.array([], int),
}
ONE_STEP_TASK = "Hopper-v4"  # of other shapes than the arrays, so that a script ends once it has read them


def objects(payload: Runs, shape: tuple[int, ...] = (STEPS,)) -> np.ndarray:
    array = np.empty(shape, object)
    array.fill(payload)
    return array


# --- files that pickle something


def as_npz(folder: Path, payload: Runs) -> list[Path]:
    every, extra, raw = folder / "every.npz", folder / "extra.npz", folder / "raw.npz"
    np.savez(every, **{name: objects(payload) for name in (*ARRAYS, "x", "y")})
    np.savez(extra, **ARRAYS, env_id=objects(payload, ()), expert_return=objects(payload, ()), infos=objects(payload))
    with zipfile.ZipFile(raw, "w") as archive:
        for name in (*ARRAYS, *IMITATION, "x"):
            archive.writestr(f"{name}.npy", pickle.dumps(payload))
    return [every, extra, raw]


def as_npy(folder: Path, payload: Runs) -> list[Path]:
    np.save(folder / "objects.npy", objects(payload, (STEPS, 2)), allow_pickle=True)
    np.save(folder / "fields.npy", np.array([(payload, 1.0)], [("a", object), ("b", float)]), allow_pickle=True)
    (folder / "raw.npy").write_bytes(pickle.dumps(payload))
    (folder / "renamed.npz").write_bytes((folder / "objects.npy").read_bytes())
    return [folder / name for name in ("objects.npy", "fields.npy", "raw.npy", "renamed.npz")]


def as_imitation(folder: Path, payload: Runs) -> list[Path]:
    np.savez(folder / "infos.npz", **IMITATION, infos=objects(payload))
    np.savez(folder / "obs.npz", **{**IMITATION, "obs": objects(payload, (STEPS + 1, 2))})
    for protocol in (0, 2, pickle.HIGHEST_PROTOCOL):
        (folder / f"{protocol}.pkl").write_bytes(pickle.dumps([payload], protocol))
    return [folder / name for name in ("infos.npz", "obs.npz", "0.pkl", "2.pkl", f"{pickle.HIGHEST_PROTOCOL}.pkl")]


def as_zip(folder: Path, payload: Runs) -> list[Path]:
    """As stable-baselines3 saves models: cloudpickle in JSON, and pickles that torch reads."""
    content = pickle.dumps(payload)
    serialized = {":type:": "<class 'function'>", ":serialized:": base64.b64encode(content).decode()}
    with zipfile.ZipFile(folder / "model.zip", "w") as archive:
        archive.writestr("data", json.dumps(dict.fromkeys(("policy_class", "lr_schedule", "clip_range"), serialized)))
        for name in ("policy.pth", "policy.optimizer.pth", "pytorch_variables.pth"):
            archive.writestr(name, content)
    return [folder / "model.zip"]


def as_hdf5(folder: Path, payload: Runs) -> list[Path]:
    """A Minari dataset whose arrays are pickles."""
    write_minari(folder / "opaque", {})
    content = np.void(pickle.dumps(payload))
    with h5py.File(folder / "opaque" / "data" / "main_data.hdf5", "w") as file:
        group = file.create_group("episode_0")
        for name in ("observations", "actions", "rewards", "terminations", "truncations"):
            group[name] = np.array([content] * STEPS)
            group[name].attrs["pickle"] = content
            group[name].attrs["dtype"] = "object"
    return [folder / "opaque"]


def write_minari(folder: Path, metadata: dict, *, compact: bool = False) -> Path:
    """A Minari dataset of one episode."""
    data = folder / "data"
    data.mkdir(parents=True)
    with h5py.File(data / "main_data.hdf5", "w") as file:
        group = file.create_group("episode_0")
        for name, array in ARRAYS.items():
            group[name] = array
    about = {
        "total_episodes": 1,
        "total_steps": STEPS,
        "data_format": "hdf5",
        "dataset_id": "attacked/expert-v0",
        "minari_version": minari.__version__,
        **metadata,
    }
    separators = (",", ":") if compact else None
    (data / "metadata.json").write_text(json.dumps(about, separators=separators))
    return folder


def read_everywhere(path: Path, data) -> int:
    """Every reader of data on one path; how many of them read it."""
    read = 0
    for reader in (load_demonstrations, read_imitation, lambda place: data.load_data(str(place))):
        with contextlib.suppress(InputError):
            reader(path)
            read += 1
    return read


PICKLING = {"npz": as_npz, "npy": as_npy, "imitation": as_imitation, "zip": as_zip, "hdf5": as_hdf5}


@pytest.mark.parametrize("name", CALLS)
def test_the_attacks_work(marker, name):
    pickle.loads(pickle.dumps(CALLS[name](marker)))
    assert marker.exists() or marker.is_symlink()


@pytest.mark.parametrize("carrier", PICKLING)
def test_no_pickle_is_opened(tmp_path, marker, script, carrier):
    data = script("generative_data")
    for number, make in enumerate(CALLS.values()):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        for path in PICKLING[carrier](folder, make(marker)):
            read = read_everywhere(path, data)
            # What stands beside the arrays that are asked for is not looked at.
            assert read == (path.name == "infos.npz"), path
            assert not marker.exists()
            assert not marker.is_symlink()


@pytest.mark.filterwarnings("ignore")  # of stable-baselines3, about what it could not open
def test_a_trusted_pickle_is_opened(tmp_path, marker, script):
    (pickled,) = as_imitation(tmp_path, CALLS["os.mkdir"](marker))[-1:]
    with pytest.raises(InputError, match="no pickled list"):
        read_imitation(pickled, trust=True)
    assert marker.exists()
    marker.rmdir()
    (model,) = as_zip(tmp_path, CALLS["os.mkdir"](marker))
    with pytest.raises(InputError, match="cannot be read as a model of ppo"):
        script("policy_source").find_policy(model, trust=True, algorithm="ppo")
    assert marker.exists()


# --- env specs


def specs(name: str, marker: Path) -> list[dict]:
    """Metadata that name an entry point where Gymnasium would call it."""
    place, keywords = entry_point(name, marker)
    spec = {
        "id": "Hopper-v4",
        "entry_point": place,
        "reward_threshold": None,
        "nondeterministic": False,
        "max_episode_steps": 10,
        "disable_env_checker": False,
        "kwargs": keywords,
        "additional_wrappers": [],
        "vector_entry_point": place,
    }
    wrapper = {"name": "Wrapper", "entry_point": place, "kwargs": keywords}
    good = {**spec, "entry_point": "gymnasium.envs.mujoco.hopper_v4:HopperEnv", "kwargs": {}}
    found = [
        spec,
        {**spec, "id": "Unknown-v0"},
        {**spec, "id": f"{MODULE}:Env-v0"},
        {**good, "additional_wrappers": [wrapper]},
        {**good, "id": "Unknown-v0", "additional_wrappers": [wrapper]},
    ]
    return [{"env_spec": json.dumps(one)} for one in found] + [{"eval_env_spec": json.dumps(spec)}]


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_minari_itself_runs_them(tmp_path, marker, name):
    """Why it is not used to read."""
    folder = write_minari(tmp_path / "set", specs(name, marker)[1])
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minari.MinariDataset(folder / "data")
    deadline = time.monotonic() + 30
    while not (marker.exists() or marker.is_symlink()) and time.monotonic() < deadline:
        time.sleep(0.01)  # a process that was started and not waited for
    assert marker.exists() or marker.is_symlink()


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_no_env_spec_is_called(tmp_path, marker, script, name):
    data = script("generative_data")
    for number, metadata in enumerate(specs(name, marker)):
        for compact in (True, False):
            folder = write_minari(tmp_path / f"{number}-{compact}", metadata, compact=compact)
            read_everywhere(folder, data)
            read_everywhere(folder / "data", data)
            with contextlib.suppress(InputError):
                script("collect_demonstrations").main(
                    script("collect_demonstrations").CollectConfig(import_minari=str(folder), out=tmp_path / "out")
                )
    assert not marker.exists()
    assert not marker.is_symlink()
    assert gym.registry["Hopper-v4"].entry_point == "gymnasium.envs.mujoco.hopper_v4:HopperEnv"


def test_a_changed_spec_of_a_known_task_is_refused_and_an_unknown_task_is_read(tmp_path, marker):
    changed, unknown, module, wrapped, *_ = specs("os.mkdir", marker)
    with pytest.raises(InputError, match=r"entry point 'os:mkdir' for Hopper-v4.*changed to run other code") as caught:
        load_demonstrations(write_minari(tmp_path / "changed", changed))
    assert "\n" not in str(caught.value)
    assert load_demonstrations(write_minari(tmp_path / "unknown", unknown)).env_id == "Unknown-v0"
    assert load_demonstrations(write_minari(tmp_path / "wrapped", wrapped)).env_id == "Hopper-v4"
    assert load_demonstrations(write_minari(tmp_path / "module", module)).env_id == f"{MODULE}:Env-v0"


@pytest.mark.parametrize("allowed", [{"env": f"{MODULE}:Env-v0"}, {"trust": True}])
def test_a_module_is_imported_only_if_the_user_says_so(tmp_path, marker, script, allowed):
    folder = write_minari(tmp_path / "module", specs("an import", marker)[2])
    collect = script("collect_demonstrations")
    with pytest.raises(InputError, match=f"names the environment {MODULE}:Env-v0, whose module would be imported"):
        collect.main(collect.CollectConfig(import_minari=str(folder), out=tmp_path / "out"))
    assert not marker.exists()
    with pytest.raises(InputError):
        collect.main(collect.CollectConfig(import_minari=str(folder), out=tmp_path / "out", **allowed))
    assert marker.exists()


# --- words


def test_no_word_is_evaluated(tmp_path, marker, script):
    data = script("generative_data")
    for number, words in enumerate(forms_of_text(marker)):
        folder = tmp_path / str(number)
        folder.mkdir()
        np.savez(folder / "demonstrations.npz", **ARRAYS, env_id=np.array(words))
        np.savez(folder / "words.npz", **{name: np.array([words] * STEPS) for name in (*ARRAYS, *IMITATION, "x")})
        (folder / "table.csv").write_text(f"{words},{words}\n{words},{words}\n1,2\n")
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": words}], words: words}))
        write_minari(folder / "minari", {"env_spec": words, "observation_space": words, "data_format": words})
        for name in ("demonstrations.npz", "words.npz", "table.csv", "minari", "."):
            read_everywhere(folder / name, data)
        about = {"file": "demonstrations.npz", "sha256": words, "episodes": words}
        np.savez(folder / "demonstrations.npz", **ARRAYS)
        for card in (
            {"env_id": words},
            {"env_id": words, "demonstrations": {"file": "demonstrations.npz"}},
            {"evaluation": words, "imitate": words, "licence": words, "policy": words, "env_kwargs": {"a": words}},
            {"demonstrations": about},
            {"mujoco": words, "demonstrations": {"file": "demonstrations.npz"}},
            {words: {words: [words]}},
        ):
            (folder / "card.json").write_text(json.dumps(card))
            read_everywhere(folder, data)
            with contextlib.suppress(InputError):
                read_card(folder)
    assert not marker.exists()


# --- scripts


def run_scripts(path: Path, script, folder: Path) -> None:
    """What a user would do with a file; each ends in one line, because the data are of no task."""
    name = str(path)
    bc, gail, collect = script("train_bc"), script("train_gail"), script("collect_demonstrations")
    generative, evaluate = script("train_generative"), script("evaluate")
    world, planner = script("train_world_model"), script("train_planner")
    out = folder / "out"
    calls = [
        lambda: bc.main(bc.TrainConfig(env=ONE_STEP_TASK, demos=name, log_folder=out)),
        lambda: gail.main(gail.TrainConfig(env=ONE_STEP_TASK, demos=name, log_folder=out)),
        lambda: collect.main(collect.CollectConfig(env=ONE_STEP_TASK, import_minari=name, out=out)),
        lambda: collect.main(collect.CollectConfig(env=ONE_STEP_TASK, import_imitation=path, out=out)),
        lambda: collect.main(collect.CollectConfig(env=ONE_STEP_TASK, policy=path, algo="ppo", out=out)),
        lambda: generative.main(generative.TrainConfig(data=f"demonstrations:{name}", log_folder=out)),
        lambda: evaluate.main(evaluate.EvaluateConfig(policy=path, env=ONE_STEP_TASK, algo="ppo")),
        lambda: world.main(world.TrainConfig(env=ONE_STEP_TASK, data=name, log_folder=out)),
        lambda: planner.main(planner.TrainConfig(env=ONE_STEP_TASK, data=name, log_folder=out)),
    ]
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert "\n" not in str(caught.value)
        assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("carrier", PICKLING)
def test_no_script_opens_a_pickle(tmp_path, marker, script, carrier):
    folder = tmp_path / "files"
    folder.mkdir()
    for path in PICKLING[carrier](folder, CALLS["os.mkdir"](marker)):
        run_scripts(path, script, tmp_path)
        assert not marker.exists()


def test_no_script_calls_an_env_spec(tmp_path, marker, script):
    for number, metadata in enumerate(specs("os.mkdir", marker)):
        run_scripts(write_minari(tmp_path / str(number), metadata), script, tmp_path)
        assert not marker.exists()
