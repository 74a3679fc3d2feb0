import json

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy

from genrl.errors import InputError
from genrl.nn import Standardise
from genrl.policies import (
    describe_squashed_actor,
    load_policy,
    rebuild_squashed_actor,
    squashed_policy_kwargs,
)
from genrl.protocols import Policy
from genrl.training import write_checkpoint

POLICIES = {"sac_actor": SACPolicy, "tqc_actor": TQCPolicy, "td3_actor": TD3Policy, "crossq_actor": CrossQPolicy}
ACTIONS = spaces.Box(np.array([-0.4, -2.0], np.float32), np.array([0.4, 3.0], np.float32))


def make_policy(kind, clip=10.0):
    """A policy of four raw columns, of which it sees two; its weights and statistics are random and not small."""
    torch.manual_seed(0)
    standardise = Standardise.fit(torch.randn(50, 4) * 30 + 7, columns=torch.tensor([3, 1]), clip=clip)
    policy = POLICIES[kind](
        spaces.Box(-np.inf, np.inf, (4,), np.float64),
        ACTIONS,
        lambda _: 1e-3,
        **squashed_policy_kwargs(standardise, hidden=(16, 8), critic_hidden=(12,), activation="elu"),
    )
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        for name, buffer in policy.named_buffers():
            if "ra_" in name:  # the running statistics of CrossQ's batch normalisation
                buffer.add_(torch.rand_like(buffer))
    policy.set_training_mode(False)
    return policy


def save(policy, folder, **changes):
    description = {**describe_squashed_actor(policy, "Task-v0"), **changes}
    write_checkpoint(folder, tensors={"policy": policy.state_dict()}, documents={"policy": description})


def observations(rows=50):
    return np.random.default_rng(1).normal(7, 30, (rows, 4))


@pytest.mark.parametrize("kind", POLICIES)
def test_a_loaded_actor_acts_as_the_saved_policy(tmp_path, kind):
    policy = make_policy(kind)
    save(policy, tmp_path / "policy")
    loaded = load_policy(tmp_path / "policy")
    assert isinstance(loaded, Policy)
    for deterministic in (True, False):
        torch.manual_seed(3)
        expected, _ = policy.predict(observations(), deterministic=deterministic)
        torch.manual_seed(3)
        actions, _ = loaded.predict(observations(), deterministic=deterministic)
        np.testing.assert_array_equal(actions, expected)
    assert len(np.unique(actions, axis=0)) > 1
    assert ACTIONS.contains(actions[0].astype(np.float32))
    assert np.abs(actions[:, 0]).max() <= 0.4 < np.abs(actions[:, 1]).max()


@pytest.mark.parametrize("kind", POLICIES)
def test_the_description_is_plain_json(kind):
    description = describe_squashed_actor(make_policy(kind, clip=0.5), "Task-v0")
    assert json.loads(json.dumps(description)) == description
    assert description["kind"] == kind
    assert description["env_id"] == "Task-v0"
    assert description["clip"] == 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": [16, 9]},
        {"hidden": None},
        {"activation": "gelu-ish"},
        {"action_low": [0.0]},
        {"action_high": [-9.0, -9.0]},
        {"observation_columns": "many"},
        {"kind": "td3_actor"},
        {"kind": "crossq_actor"},
        {"kind": "unheard-of"},
    ],
)
def test_a_description_that_does_not_fit_the_tensors_is_refused(tmp_path, change):
    save(make_policy("sac_actor"), tmp_path / "policy", **change)
    with pytest.raises(InputError, match="damaged or of another version"):
        load_policy(tmp_path / "policy")


def test_missing_tensors_are_refused():
    policy = make_policy("sac_actor")
    tensors = policy.state_dict()
    for name in ("actor.mu.weight", "actor.features_extractor.standardise.mean"):
        cut = {key: tensor for key, tensor in tensors.items() if key != name}
        with pytest.raises(InputError, match="damaged"):
            rebuild_squashed_actor(describe_squashed_actor(policy), cut)
