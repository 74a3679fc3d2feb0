"""A fitted encoder in front of a policy: what it sees, what stays, what is refused, and its form on disk."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from sb3_contrib import TRPO
from stable_baselines3 import PPO, SAC
from torch import nn

from genrl.autoencoders import VAE, Autoencoder
from genrl.errors import InputError
from genrl.mixtures import GaussianMixture
from genrl.policies import (
    ActorCriticNetwork,
    EncoderFeatures,
    describe_squashed_actor,
    load_policy,
    rebuild_squashed_actor,
    save_policy,
)
from genrl.training.gradient_fitting import GradientFitting

SHORT = GradientFitting(updates=30)
FLAT = spaces.Box(-1, 1, (3,), np.float32)
PENDULUM = {"n_steps": 64, "batch_size": 32, "n_epochs": 2, "device": "cpu", "seed": 0}


def rows(*shape):
    return np.random.default_rng(0).uniform(0, 1, (300, *shape)).astype(np.float32)


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    return {
        "autoencoder": Autoencoder(latents=2, hidden=(8,), fitting=SHORT).fit(rows(3)),
        "vae": VAE(latents=2, hidden=(8,), fitting=SHORT).fit(rows(3)),
        "images": VAE(latents=4, hidden=(8, 8), decoder="bernoulli", fitting=SHORT).fit(rows(1, 8, 8)),
    }


def kwargs_of(encoder, **options):
    return {
        "features_extractor_class": EncoderFeatures,
        "features_extractor_kwargs": {"encoder": encoder, **options},
        "net_arch": [16],
    }


def weights(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(left, right):
    assert left.keys() == right.keys()
    return all(torch.equal(left[name], right[name]) for name in left)


class Pictures(gym.Env):
    """Grey images as a camera gives them; the brighter the image, the more to the right the pay."""

    observation_space = spaces.Box(0, 255, (8, 8, 1), np.uint8)
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seen = self.np_random.integers(0, 256, (8, 8, 1), dtype=np.uint8)
        return self.seen, {}

    def step(self, action):
        return self.seen, -float(abs(action[0] - self.seen.mean() / 255)), True, False, {}


# --- what it computes


@pytest.mark.parametrize("name", ["autoencoder", "vae"])
@pytest.mark.parametrize("trainable", [False, True])
def test_features_are_the_models_codes(models, name, trainable):
    extractor = EncoderFeatures(FLAT, models[name], trainable=trainable)
    x = torch.rand(9, 3)
    torch.testing.assert_close(extractor(x), models[name].encode(x))
    assert extractor.features_dim == 2
    extractor.train()
    torch.testing.assert_close(extractor(x[:1]), extractor(x)[:1])
    assert extractor(x).requires_grad is trainable


def test_the_gradient_of_the_codes_reaches_the_observation(models):
    """Frozen weights do not cut the gradient for whoever asks for one by the observation."""
    x = torch.rand(4, 3, requires_grad=True)
    EncoderFeatures(FLAT, models["vae"])(x).sum().backward()
    assert x.grad.abs().sum() > 0


def test_images_come_prepared_by_the_learner(models):
    learner = PPO("CnnPolicy", Pictures(), policy_kwargs=kwargs_of(models["images"]), **PENDULUM)
    picture = np.random.default_rng(1).integers(0, 256, (8, 8, 1), dtype=np.uint8)
    prepared, _ = learner.policy.obs_to_tensor(picture)
    codes = learner.policy.extract_features(prepared)
    expected = models["images"].encode(torch.from_numpy(picture.transpose(2, 0, 1)[None] / 255).float())
    torch.testing.assert_close(codes, expected)
    learner.learn(64)


# --- training


@pytest.mark.parametrize("trainable", [False, True])
def test_ppo_trains_behind_it_and_moves_the_encoder_only_if_told(models, trainable):
    encoder = models["vae"]
    mine = weights(encoder)
    learner = PPO("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs_of(encoder, trainable=trainable), **PENDULUM)
    head = weights(learner.policy.action_net)
    learner.learn(128)
    assert not same(head, weights(learner.policy.action_net))
    assert same(mine, weights(learner.policy.features_extractor.encoder)) is not trainable
    assert same(mine, weights(encoder))  # the caller's own


def test_frozen_weights_stay_in_every_network_of_sac(models):
    """Also in the slow copies of the critics, which are averages of whatever counts as a parameter."""
    mine = weights(models["vae"])
    options = {"learning_starts": 20, "batch_size": 16, "device": "cpu", "seed": 0}
    learner = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs_of(models["vae"]), **options).learn(120)
    for network in (learner.actor, learner.critic, learner.critic_target):
        assert same(mine, weights(network.features_extractor.encoder))
    assert not any("encoder" in name for name, _ in learner.policy.named_parameters())


def test_trpo_trains_behind_it(models):
    """It asks for the gradient of every parameter, and would fail on one that has none."""
    options = {"n_steps": 64, "batch_size": 32, "device": "cpu", "seed": 0}
    TRPO("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs_of(models["autoencoder"]), **options).learn(64)


def test_ppo_learns_from_codes_of_what_matters(seed: int, learned: Learned):
    """Six noisy columns of two numbers; the codes of a linear autoencoder hold the one that is paid for."""

    class Echo(gym.Env):
        observation_space = spaces.Box(-9, 9, (6,), np.float32)
        action_space = spaces.Box(-1, 1, (1,), np.float32)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.wanted = self.np_random.uniform(-1, 1)
            return np.full(6, self.wanted, np.float32) * np.arange(1, 7, dtype=np.float32) / 3, {}

        def step(self, action):
            return np.zeros(6, np.float32), -abs(float(action[0]) - self.wanted), True, False, {}

    torch.manual_seed(seed)
    env = Echo()
    seen = np.stack([env.reset(seed=number)[0] for number in range(400)])
    fitting = GradientFitting(updates=400, learning_rate=0.02)
    encoder = Autoencoder(latents=1, hidden=(), fitting=fitting).fit(seen)
    settings = {"n_steps": 256, "batch_size": 128, "learning_rate": 1e-2, "device": "cpu", "seed": seed}
    learner = PPO("MlpPolicy", env, policy_kwargs=kwargs_of(encoder), **settings).learn(3_000)
    wanted = np.linspace(-0.9, 0.9, 30, dtype=np.float32)
    actions, _ = learner.predict(wanted[:, None] * np.arange(1, 7, dtype=np.float32) / 3, deterministic=True)
    learned("error", np.abs(actions[:, 0] - wanted).mean(), below=0.2, baseline=0.45)  # of always the same action


# --- refused


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda: VAE(), "has not been fitted: fit it to observations first"),
        (lambda: GaussianMixture(2).fit(rows(3)), r"must be a model that encodes.*genrl\.autoencoders"),
        (lambda: nn.Linear(3, 2), "not a Linear"),
        (lambda: VAE(hidden=(4,), fitting=SHORT).fit(rows(4)), r"rows of shape \(4,\).*shape \(3,\)"),
        (lambda: VAE(hidden=(4,), fitting=SHORT).fit(rows(3), context=rows(2)), "fitted with a context"),
    ],
)
def test_an_encoder_that_cannot_work_is_refused(encoder, message):
    with pytest.raises(InputError, match=message):
        EncoderFeatures(FLAT, encoder())


# --- on disk


@pytest.mark.parametrize("trainable", [False, True])
def test_a_saved_policy_is_rebuilt_with_its_encoder(models, trainable, tmp_path):
    kwargs = kwargs_of(models["vae"], trainable=trainable)
    learner = PPO("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs, **PENDULUM).learn(64)
    save_policy(learner.policy, ActorCriticNetwork(hidden=(16,)), tmp_path / "policy")
    assert {path.suffix for path in (tmp_path / "policy").iterdir()} == {".json", ".safetensors"}
    loaded = load_policy(tmp_path / "policy")
    assert loaded.features_extractor.trainable is trainable
    observations = rows(3)[:20]
    np.testing.assert_array_equal(
        loaded.predict(observations, deterministic=True)[0], learner.predict(observations, deterministic=True)[0]
    )


def test_a_saved_policy_of_images_takes_images(models, tmp_path):
    learner = PPO("CnnPolicy", Pictures(), policy_kwargs=kwargs_of(models["images"]), **PENDULUM).learn(64)
    save_policy(learner.policy, ActorCriticNetwork(hidden=(16,)), tmp_path / "policy")
    pictures = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    np.testing.assert_array_equal(
        load_policy(tmp_path / "policy").predict(pictures, deterministic=True)[0],
        learner.predict(pictures, deterministic=True)[0],
    )


def test_a_saved_actor_of_sac_is_rebuilt_with_its_encoder(models):
    learner = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs_of(models["vae"]), device="cpu", seed=0)
    loaded = rebuild_squashed_actor(describe_squashed_actor(learner.policy), learner.policy.state_dict())
    observations = rows(3)[:20]
    np.testing.assert_allclose(
        loaded.predict(observations, deterministic=True)[0],
        learner.predict(observations, deterministic=True)[0],
        atol=1e-6,
    )


def test_another_extractor_has_no_form_on_disk(tmp_path):
    learner = PPO("MlpPolicy", "Pendulum-v1", **PENDULUM)
    with pytest.raises(InputError, match=r"FlattenExtractor has no form on disk.*EncoderFeatures"):
        save_policy(learner.policy, ActorCriticNetwork(), tmp_path / "policy")
