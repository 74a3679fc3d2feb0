import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from genrl.nn import Standardise
from genrl.policies import ActorCriticNetwork, policy_kwargs


@pytest.fixture(scope="module")
def learner():
    torch.manual_seed(0)
    raw = torch.randn(100, 3) * torch.tensor([5.0, 0.1, 1.0]) + torch.tensor([100.0, 0.0, -1.0])
    standardise = Standardise.fit(raw)
    kwargs = policy_kwargs(ActorCriticNetwork(hidden=(8, 6), activation="relu", log_std_init=-0.7), standardise)
    model = PPO("MlpPolicy", gym.make("Pendulum-v1"), policy_kwargs=kwargs, n_steps=32, batch_size=32, device="cpu")
    return model, standardise, raw


def test_the_policy_takes_raw_observations(learner):
    model, standardise, raw = learner
    policy = model.policy
    by_hand = policy.action_net(policy.mlp_extractor.policy_net((raw - standardise.mean) / standardise.std))
    actions, _ = model.predict(raw.numpy(), deterministic=True)
    np.testing.assert_allclose(actions, by_hand.detach().clamp(-2, 2).numpy(), atol=1e-5)
    values = policy.value_net(policy.mlp_extractor.value_net(standardise(raw)))
    torch.testing.assert_close(policy.predict_values(raw), values)


def test_double_precision_observations_are_taken_too(learner):
    model, _, raw = learner
    single, _ = model.predict(raw.numpy(), deterministic=True)
    double, _ = model.predict(raw.numpy().astype(np.float64), deterministic=True)
    np.testing.assert_array_equal(single, double)


def test_the_standardiser_is_shared_and_never_trained(learner):
    model, standardise, _ = learner
    assert model.policy.features_extractor.standardise is standardise
    before = {name: tensor.clone() for name, tensor in standardise.state_dict().items()}
    weight = model.policy.action_net.weight.detach().clone()
    model.learn(32)
    assert all(torch.equal(before[name], tensor) for name, tensor in standardise.state_dict().items())
    assert not torch.equal(model.policy.action_net.weight, weight)


def test_the_network_has_the_shape_asked_for(learner):
    policy = learner[0].policy
    widths = [layer.out_features for layer in policy.mlp_extractor.policy_net if isinstance(layer, torch.nn.Linear)]
    assert widths == [8, 6]
    assert isinstance(policy.mlp_extractor.value_net[1], torch.nn.ReLU)
    assert policy.mlp_extractor.policy_net[0] is not policy.mlp_extractor.value_net[0]


def test_the_first_deviation_is_the_one_asked_for():
    kwargs = policy_kwargs(ActorCriticNetwork(log_std_init=-0.7), Standardise.identity(3))
    model = PPO("MlpPolicy", gym.make("Pendulum-v1"), policy_kwargs=kwargs, n_steps=32, device="cpu", batch_size=32)
    torch.testing.assert_close(model.policy.log_std.detach(), torch.tensor([-0.7]))
