import json

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import (
    ActorCriticNetwork,
    describe_policy,
    load_policy,
    policy_kwargs,
    rebuild_policy,
    save_policy,
)
from genrl.protocols import Policy
from genrl.training import read_checkpoint, write_checkpoint

SPACES = {
    "box": spaces.Box(np.array([-0.4, -2.0], np.float32), np.array([0.4, 3.0], np.float32)),
    "unbounded": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "discrete": spaces.Discrete(3),
    "discrete from 5": spaces.Discrete(3, start=5),
}
NETWORK = ActorCriticNetwork(hidden=(16, 8), activation="elu", log_std_init=-1.5)


def make_policy(action_space, clip=10.0, network=NETWORK):
    """A policy of four raw columns, of which it sees two; its weights are random and not small."""
    torch.manual_seed(0)
    raw = torch.randn(50, 4) * 30 + 7
    standardise = Standardise.fit(raw, columns=torch.tensor([3, 1]), clip=clip)
    policy = ActorCriticPolicy(
        spaces.Box(-np.inf, np.inf, (4,), np.float64),
        action_space,
        lambda _: 1e-3,
        **policy_kwargs(network, standardise),
    )
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    policy.set_training_mode(False)
    return policy


def observations(rows=50):
    return np.random.default_rng(1).normal(7, 30, (rows, 4))


@pytest.mark.parametrize("kind", SPACES)
def test_a_loaded_policy_acts_as_the_saved_one(tmp_path, kind):
    policy = make_policy(SPACES[kind])
    save_policy(policy, NETWORK, tmp_path / "policy", "Task-v0")
    loaded = load_policy(tmp_path / "policy")
    assert isinstance(loaded, Policy)
    for deterministic in (True, False):
        torch.manual_seed(3)
        expected, _ = policy.predict(observations(), deterministic=deterministic)
        torch.manual_seed(3)
        actions, _ = loaded.predict(observations(), deterministic=deterministic)
        np.testing.assert_array_equal(actions, expected)
    assert len(np.unique(expected, axis=0)) > 1
    if SPACES[kind].shape and kind == "box":
        assert (actions <= SPACES[kind].high).all()
        assert (actions == SPACES[kind].high).any()  # so that clipping was tried
    single, _ = loaded.predict(observations()[0], deterministic=True)
    np.testing.assert_allclose(single, policy.predict(observations()[0], deterministic=True)[0], rtol=1e-6)


def test_values_and_the_clip_of_the_standardiser_are_kept(tmp_path):
    policy = make_policy(SPACES["box"], clip=0.5)
    save_policy(policy, NETWORK, tmp_path / "policy")
    loaded = load_policy(tmp_path / "policy")
    far = torch.tensor(observations() * 100, dtype=torch.float32)
    assert torch.equal(loaded.predict_values(far), policy.predict_values(far))
    assert loaded.features_extractor(far).abs().max() <= 0.5


def test_the_folder_holds_no_pickle(tmp_path):
    save_policy(make_policy(SPACES["box"]), NETWORK, tmp_path / "policy", "Task-v0")
    assert {path.name for path in (tmp_path / "policy").iterdir()} == {
        "manifest.json",
        "policy.json",
        "policy.safetensors",
    }
    assert json.loads((tmp_path / "policy" / "policy.json").read_text())["env_id"] == "Task-v0"


# --- damage


@pytest.fixture
def folder(tmp_path):
    save_policy(make_policy(SPACES["box"]), NETWORK, tmp_path / "policy", "Task-v0")
    return tmp_path / "policy"


@pytest.mark.parametrize("name", ["policy.safetensors", "policy.json"])
def test_a_changed_byte_is_seen(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-9] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        load_policy(folder)


@pytest.mark.parametrize("name", ["policy.safetensors", "manifest.json"])
@pytest.mark.parametrize("how", ["cut", "empty", "gone"])
def test_a_file_cut_short_or_missing_is_seen(folder, name, how):
    path = folder / name
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:30] if how == "cut" else b"")
    with pytest.raises(InputError):
        load_policy(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": [16, 9]},
        {"hidden": None},
        {"activation": "gelu-ish"},
        {"action_space": {"kind": "box", "low": [0.0], "high": [1.0]}},
        {"action_space": {"kind": "discrete", "n": 0, "start": 0}},
        {"action_space": {}},
        {"observation_columns": "many"},
    ],
)
def test_a_description_that_does_not_fit_the_tensors_is_refused(folder, change):
    saved = read_checkpoint(folder)
    with pytest.raises(InputError, match="damaged or of another version"):
        rebuild_policy({**saved.documents["policy"], **change}, saved.tensors["policy"])


@pytest.mark.parametrize("document", [[], "policy", None, {}])
def test_a_description_that_is_none_is_refused(folder, document):
    saved = read_checkpoint(folder)
    write_checkpoint(folder, tensors=saved.tensors, documents={"policy": document})
    with pytest.raises(InputError, match="damaged or of another version"):
        load_policy(folder)


def test_missing_tensors_are_refused(folder):
    saved = read_checkpoint(folder)
    for name in ("action_net.weight", "features_extractor.standardise.mean"):
        tensors = {key: tensor for key, tensor in saved.tensors["policy"].items() if key != name}
        with pytest.raises(InputError, match="damaged"):
            rebuild_policy(saved.documents["policy"], tensors)


def test_a_checkpoint_without_the_policys_tensors_is_refused(folder):
    write_checkpoint(folder, documents=read_checkpoint(folder).documents)
    with pytest.raises(InputError, match="names no policy"):
        load_policy(folder)


def test_a_folder_without_a_policy_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="holds no policy"):
            load_policy(path)


def test_the_description_is_plain_json():
    for space in SPACES.values():
        description = describe_policy(make_policy(space), NETWORK, "Task-v0")
        assert json.loads(json.dumps(description)) == description
