import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from torch import nn

from experts.export import export_actor
from experts.hyperparameters import ExpertSettings
from experts.learner import build_learner
from genrl.errors import InputError
from genrl.policies.actor import Actor
from genrl.training.torch_threads import one_torch_thread

SMALL = {"num_envs": 2, "n_timesteps": 64, "hidden": (8,), "activation": "tanh", "learning_rate": 1e-3}
ON_POLICY = {"n_steps": 16, "batch_size": 32, "gamma": 0.99}
OFF_POLICY = {"learning_starts": 20, "buffer_size": 500, "batch_size": 16}


@pytest.fixture(autouse=True)
def one_thread():
    with one_torch_thread():
        yield


def trained(algorithm, env_id="Hopper-v4", *, normalise, activation="tanh"):
    settings = ExpertSettings(
        num_envs=2,
        n_timesteps=64,
        hidden=(8, 7),
        activation=activation,
        learning_rate=1e-2,
        normalise=normalise,
        action_noise=0.1 if algorithm == "td3" else None,
        arguments=ON_POLICY if algorithm in ("ppo", "trpo") else OFF_POLICY | {"gamma": 0.99},
    )
    return build_learner(algorithm, env_id, settings, seed=0).learn(64)


def seen(learner, raw):
    """What the learner's own policy is given for raw observations."""
    columns = learner.get_env().observation_space.shape[0]
    raw = raw[:, :columns].astype(np.float32)  # positions and velocities come first
    normaliser = learner.get_vec_normalize_env()
    return raw if normaliser is None else normaliser.normalize_obs(raw)


def some_observations(learner):
    width = export_actor(learner).config.obs_dim
    return 3 * np.random.default_rng(0).normal(size=(50, width))


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("algorithm", ["ppo", "trpo", "sac", "td3", "tqc"])
def test_the_actor_acts_as_the_policy_that_it_was_made_of(algorithm, normalise):
    learner = trained(algorithm, normalise=normalise)
    raw = some_observations(learner)
    expected, _ = learner.policy.predict(seen(learner, raw), deterministic=True)
    actions, _ = export_actor(learner).predict(raw, deterministic=True)
    np.testing.assert_allclose(actions, expected, atol=1e-5)
    assert actions.std() > 0.01


@pytest.mark.parametrize("algorithm", ["ppo", "sac", "tqc"])
def test_its_noise_is_as_wide(algorithm):
    learner = trained(algorithm, normalise=True)
    raw = some_observations(learner)
    batch = torch.as_tensor(seen(learner, raw))
    with torch.no_grad():
        _, log_std = export_actor(learner)(torch.as_tensor(raw, dtype=torch.float32))
        if algorithm == "ppo":
            expected = learner.policy.get_distribution(batch).distribution.stddev.log()
        else:
            expected = learner.policy.actor.get_action_dist_params(batch)[1]
    torch.testing.assert_close(log_std, expected, atol=1e-4, rtol=0)


def test_td3_has_no_noise_to_sample():
    assert export_actor(trained("td3", normalise=False)).config.std == "none"


def test_of_humanoid_it_looks_at_positions_and_velocities_and_takes_all_columns():
    learner = trained("ppo", "Humanoid-v4", normalise=True)
    actor = export_actor(learner, "Humanoid-v4")
    assert (actor.config.obs_dim, actor.config.columns) == (376, tuple(range(45)))
    raw = some_observations(learner)
    expected, _ = learner.policy.predict(seen(learner, raw), deterministic=True)
    np.testing.assert_allclose(actor.predict(raw, deterministic=True)[0], expected, atol=1e-5)
    assert abs(expected).max() <= 0.4 + 1e-6


def test_it_survives_saving(tmp_path):
    actor = export_actor(trained("sac", normalise=True, activation="relu"), "Hopper-v4")
    actor.save(tmp_path)
    again = Actor.load(tmp_path)
    assert again.config == actor.config
    for name, tensor in actor.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)


def test_it_is_a_copy_that_later_training_leaves_alone():
    learner = trained("ppo", normalise=True)
    actor = export_actor(learner)
    before = {name: tensor.clone() for name, tensor in actor.state_dict().items()}
    learner.learn(64, reset_num_timesteps=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in actor.state_dict().items())
    assert not torch.equal(export_actor(learner).layers[0].weight, before["layers.0.weight"])


def test_what_is_no_plain_mlp_is_refused():
    with pytest.raises(InputError, match="no plain MLP"):
        export_actor(SAC("MlpPolicy", "Pendulum-v1", use_sde=True, buffer_size=10))
    with pytest.raises(InputError, match=r"acts by vectors within bounds.*Discrete"):
        export_actor(PPO("MlpPolicy", "CartPole-v1"))
    with pytest.raises(InputError, match="ReLU or tanh, not by ELU"):
        export_actor(PPO("MlpPolicy", "Pendulum-v1", policy_kwargs={"activation_fn": nn.ELU}))


def test_a_learner_of_discrete_actions_is_refused_when_built():
    with pytest.raises(InputError, match="vectors within bounds"):
        build_learner("ppo", "CartPole-v1", ExpertSettings(**SMALL), seed=0)


def test_the_slow_path_works_too():
    settings = ExpertSettings(**SMALL, normalise=True, arguments=ON_POLICY)
    learner = build_learner("ppo", "Pendulum-v1", settings, seed=0).learn(64)
    assert isinstance(learner.action_space, spaces.Box)
    assert export_actor(learner).config.obs_dim == 3


@pytest.mark.parametrize("algorithm", ["ppo", "sac", "td3"])
def test_exporting_draws_no_random_numbers(algorithm):
    learner = trained(algorithm, normalise=False)
    before = torch.get_rng_state()
    export_actor(learner)
    assert torch.equal(torch.get_rng_state(), before)
