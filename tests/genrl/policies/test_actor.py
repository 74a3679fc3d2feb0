import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stable_baselines3 import PPO, SAC, TD3

from experts import expert_folder, load_demonstrations, load_expert
from genrl.errors import InputError
from genrl.policies.actor import Actor, ActorConfig
from genrl.protocols import Policy

PENDULUM_BOUNDS = {"action_low": torch.tensor([-2.0]), "action_high": torch.tensor([2.0])}


def random_actor(seed=0, **options):
    torch.manual_seed(seed)
    return Actor(ActorConfig(**{"obs_dim": 4, "act_dim": 2, "hidden_sizes": (16, 16), **options}))


@pytest.fixture
def folder(tmp_path):
    random_actor().save(tmp_path)
    return tmp_path


@pytest.mark.parametrize("env_id", ["Ant-v4", "Hopper-v4", "Humanoid-v4"])
def test_shipped_actors_reproduce_their_recorded_actions(env_id):
    trajectory = next(load_demonstrations(env_id, episodes=1, stochastic=False).trajectories())
    actions, _ = load_expert(env_id).predict(trajectory.observations[:-1], deterministic=True)
    # Recorded from the double-precision observation, hence not to the last bit.
    np.testing.assert_allclose(actions, trajectory.actions, atol=2e-3)
    assert np.abs(actions - trajectory.actions).mean() < 1e-5


def linear_layers(*modules):
    linears = [m for module in modules for m in module.modules() if isinstance(m, torch.nn.Linear)]
    return {f"layers.{i}.{name}": p for i, m in enumerate(linears) for name, p in m.named_parameters()}


def test_equals_sac_in_mean_and_deviation():
    sac = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8, 8]}, buffer_size=1)
    config = ActorConfig(obs_dim=3, act_dim=1, hidden_sizes=(8, 8), log_std_bound="clamp", log_std_range=(-20.0, 2.0))
    actor = Actor(config)
    head = {
        f"layers.2.{name}": torch.cat([getattr(sac.actor.mu, name), getattr(sac.actor.log_std, name)])
        for name in ("weight", "bias")
    }
    actor.load_state_dict({**actor.state_dict(), **linear_layers(sac.actor.latent_pi), **head, **PENDULUM_BOUNDS})
    observations = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    for deterministic in (True, False):
        torch.manual_seed(3)
        expected = sac.predict(observations, deterministic=deterministic)[0]
        torch.manual_seed(3)
        np.testing.assert_allclose(actor.predict(observations, deterministic=deterministic)[0], expected, atol=1e-5)


def test_equals_td3_and_ignores_sampling():
    td3 = TD3("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8, 8]}, buffer_size=1)
    actor = Actor(ActorConfig(obs_dim=3, act_dim=1, hidden_sizes=(8, 8), std="none"))
    actor.load_state_dict({**actor.state_dict(), **linear_layers(td3.actor.mu), **PENDULUM_BOUNDS})
    observations = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    expected = td3.predict(observations, deterministic=True)[0]
    np.testing.assert_allclose(actor.predict(observations, deterministic=False)[0], expected, atol=1e-5)


def test_equals_ppo_with_clipped_actions():
    ppo = PPO("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8, 8], "log_std_init": 0.7})
    actor = Actor(
        ActorConfig(obs_dim=3, act_dim=1, hidden_sizes=(8, 8), activation="tanh", squash="clip", std="parameter")
    )
    layers = linear_layers(ppo.policy.mlp_extractor.policy_net, ppo.policy.action_net)
    actor.load_state_dict({**actor.state_dict(), **layers, "log_std": ppo.policy.log_std, **PENDULUM_BOUNDS})
    observations = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    for deterministic in (True, False):
        torch.manual_seed(3)
        expected = ppo.predict(observations, deterministic=deterministic)[0]
        torch.manual_seed(3)
        actions = actor.predict(observations, deterministic=deterministic)[0]
        np.testing.assert_allclose(actions, expected, atol=1e-5)
    assert np.abs(actions).max() == 2.0  # the bound was reached, so clipping was tested


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"std": "parameter", "squash": "clip", "activation": "tanh"},
        {"std": "none", "obs_clip": 1.0},
        {"columns": (2, 0), "log_std_bound": "tanh", "env_id": "Some-v0"},
    ],
)
def test_save_and_load_keep_means_and_samples(tmp_path, options):
    actor = random_actor(**options)
    actor.save(tmp_path)
    loaded = Actor.load(tmp_path)
    assert loaded.config == actor.config
    observations = np.random.default_rng(1).normal(size=(7, 4))
    for deterministic in (True, False):
        torch.manual_seed(5)
        before = actor.predict(observations, deterministic=deterministic)[0]
        torch.manual_seed(5)
        np.testing.assert_array_equal(loaded.predict(observations, deterministic=deterministic)[0], before)


def test_only_the_chosen_columns_matter():
    actor = random_actor(columns=(1, 3))
    observations = np.random.default_rng(1).normal(size=(5, 4))
    before = actor.predict(observations, deterministic=True)[0]
    observations[:, [0, 2]] = 99.0
    np.testing.assert_array_equal(actor.predict(observations, deterministic=True)[0], before)
    observations[:, 1] += 1
    assert not np.array_equal(actor.predict(observations, deterministic=True)[0], before)


def test_one_observation_equals_its_row_in_a_batch():
    actor = random_actor()
    assert isinstance(actor, Policy)
    observations = np.random.default_rng(1).normal(size=(5, 4))
    one = actor.predict(observations[2], deterministic=True)[0]
    assert one.shape == (2,)
    assert one.dtype == np.float32
    np.testing.assert_allclose(one, actor.predict(observations, deterministic=True)[0][2], atol=1e-6)


def test_a_wrong_observation_is_refused():
    with pytest.raises(InputError, match="4 columns"):
        random_actor().predict(np.zeros((2, 5)))


def test_truncated_tensors_are_refused(folder):
    path = folder / "actor.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"actor\.safetensors cannot be read"):
        Actor.load(folder)


@pytest.mark.parametrize("name", ["actor.json", "actor.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        Actor.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "no actor of this package"),
        ({"hidden_sizes": [16]}, "does not mention"),
        ({"act_dim": 3}, "shape"),
        ({"std": "parameter"}, "lacks log_std"),
        ({"activation": "gelu"}, "activation"),
        ({"surprise": 1}, "surprise"),
        ({"columns": [9]}, "columns"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(folder, change, message):
    described = json.loads((folder / "actor.json").read_text())
    (folder / "actor.json").write_text(json.dumps({**described, **change}))
    with pytest.raises(InputError, match=message):
        Actor.load(folder)


def test_a_nan_is_refused(folder):
    tensors = load_file(folder / "actor.safetensors")
    tensors["layers.0.bias"][0] = float("nan")
    save_file(tensors, folder / "actor.safetensors")
    with pytest.raises(InputError, match=r"layers\.0\.bias holds NaN"):
        Actor.load(folder)


def test_shipped_folders_hold_no_pickle():
    assert {path.name for path in expert_folder("Ant-v4").iterdir()} == {
        "actor.json",
        "actor.safetensors",
        "card.json",
        "demonstrations.npz",
    }
