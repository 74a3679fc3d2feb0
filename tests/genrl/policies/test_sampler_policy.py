"""Actions drawn from models without an exact density: learned, kept in two ways, refused by PPO, saved and loaded."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from stable_baselines3 import PPO

from genrl.autoencoders import VAE, VQVAE, Autoencoder
from genrl.errors import InputError
from genrl.gans import GAN
from genrl.gans.adversarial_fitting import AdversarialFitting
from genrl.mixtures import MixtureDensityNetwork
from genrl.nn import Standardise
from genrl.policies import (
    ActorCriticNetwork,
    DensityPolicy,
    SamplerPolicy,
    StandardisedFeatures,
    describe_policy,
    load_policy,
    rebuild_policy,
    save_policy,
)
from genrl.protocols import Mode, Policy
from genrl.training.gradient_fitting import GradientFitting

OBSERVATIONS = spaces.Box(-1, 1, (2,), np.float32)
ACTIONS = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 1.0], np.float32))

SAMPLERS = {
    "vae": lambda updates: VAE(
        latents=2, hidden=(64, 64), beta=0.3, fitting=GradientFitting(updates=updates, learning_rate=5e-3)
    ),
    "gan": lambda updates: GAN(
        noise_features=2, hidden=(64, 64), discriminator_hidden=(64, 64), fitting=AdversarialFitting(updates=updates)
    ),
    "vq": lambda updates: VQVAE(
        16, code_width=2, hidden=(64, 64), fitting=GradientFitting(updates=updates, learning_rate=5e-3)
    ),
}


def policy_of(name, updates=40, space=ACTIONS, seed=0):
    torch.manual_seed(seed)
    standardise = Standardise(2, torch.arange(2), torch.full((2,), 0.2), torch.full((2,), 0.5))
    return SamplerPolicy(
        OBSERVATIONS,
        space,
        sampler=SAMPLERS[name](updates),
        features_extractor_class=StandardisedFeatures,
        features_extractor_kwargs={"standardise": standardise},
    )


def pairs(rows=2000, seed=0):
    """The first action is the first observation; the second is 0.1 or 0.9, whichever."""
    generator = torch.Generator().manual_seed(seed)
    observations = 2 * torch.rand(rows, 2, generator=generator) - 1
    second = torch.where(torch.rand(rows, generator=generator) < 0.5, 0.1, 0.9)
    actions = torch.stack([observations[:, 0], second], 1)
    return observations, actions + 0.03 * torch.randn(rows, 2, generator=generator)


@pytest.mark.parametrize(("name", "updates"), [("vae", 800), ("gan", 1000), ("vq", 300)])
def test_both_ways_are_kept_and_the_observation_is_heeded(name, updates, seed: int, learned: Learned):
    policy = policy_of(name, updates, seed=seed).fit(*pairs(seed=seed))
    observations = np.random.default_rng(seed).uniform(-1, 1, (500, 2)).astype(np.float32)
    torch.manual_seed(1)
    actions, _ = policy.predict(observations, deterministic=False)
    learned("error", np.abs(actions[:, 0] - observations[:, 0]).mean(), below=0.2, baseline=0.5)  # drawn blindly
    high, low = np.abs(actions[:, 1] - 0.9) < 0.2, np.abs(actions[:, 1] - 0.1) < 0.2
    learned("share of the rarer way", min(high.mean(), low.mean()), above=0.2, baseline=0.0)
    learned("near a way", (high | low).mean(), above=0.75, baseline=0.4)


def likeliest(model, seen):
    """What noise of 0 becomes; of codes, what those of the greatest probability stand for, counted out."""
    zeros = torch.zeros(len(seen), 2)
    if isinstance(model, VAE):
        return model.decode(zeros, seen)
    if isinstance(model, GAN):
        return model.generate(zeros, seen)
    every = torch.arange(16)[:, None]
    chances = torch.stack([model.codes_prior.log_prob(every, row.expand(16, -1)) for row in seen])
    return model.decode_codes(chances.argmax(1)[:, None], seen)


@pytest.mark.parametrize("name", SAMPLERS)
def test_without_noise_it_acts_by_what_is_likeliest(name):
    policy = policy_of(name).fit(*pairs(300))
    observations = np.random.default_rng(0).uniform(-1, 1, (8, 2)).astype(np.float32)
    first, _ = policy.predict(observations, deterministic=True)
    np.testing.assert_array_equal(first, policy.predict(observations, deterministic=True)[0])
    seen = policy.features_extractor(torch.from_numpy(observations))
    with torch.no_grad():
        expected = likeliest(policy.sampler, seen)
    np.testing.assert_allclose(first, np.clip(expected, ACTIONS.low, ACTIONS.high), atol=1e-6)
    drawn = [policy.predict(observations, deterministic=False)[0] for _ in range(2)]
    assert not np.array_equal(*drawn)
    assert isinstance(policy, Policy)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_mode_of_a_model_without_a_context_is_one_row(name):
    model = SAMPLERS[name](20).build(2)
    assert isinstance(model, Mode)
    assert model.mode().shape == (2,)
    assert torch.equal(model.mode(), model.mode())


@pytest.mark.parametrize("name", SAMPLERS)
def test_saved_without_pickle_and_loaded(name, tmp_path):
    policy = policy_of(name).fit(*pairs(300))
    save_policy(policy, ActorCriticNetwork(), tmp_path / "policy", "Task-v0")
    assert {path.suffix for path in (tmp_path / "policy").iterdir()} == {".json", ".safetensors"}
    loaded = load_policy(tmp_path / "policy")
    observations = np.random.default_rng(0).uniform(-1, 1, (8, 2)).astype(np.float32)
    for deterministic in (True, False):
        acted = []
        for one in (policy, loaded):
            torch.manual_seed(3)
            acted.append(one.predict(observations, deterministic=deterministic)[0])
        np.testing.assert_array_equal(*acted)


def test_other_models_with_samples_and_a_mode_will_do():
    fitting = GradientFitting(updates=30)
    policy = SamplerPolicy(OBSERVATIONS, ACTIONS, sampler=MixtureDensityNetwork(2, hidden=(8,), fitting=fitting))
    actions, _ = policy.fit(*pairs(300)).predict(np.zeros((5, 2), np.float32))
    assert actions.shape == (5, 2)
    assert (actions >= ACTIONS.low).all()


@pytest.mark.parametrize(
    ("sampler", "space", "message"),
    [
        (Autoencoder(), ACTIONS, r"Autoencoder cannot act.*no mode.*VAE.*GAN.*flows"),
        (VAE(), spaces.Discrete(3), "a Box of one dimension"),
    ],
)
def test_what_cannot_act_is_refused_when_it_is_built(sampler, space, message):
    with pytest.raises(InputError, match=message):
        SamplerPolicy(OBSERVATIONS, space, sampler=sampler)


@pytest.mark.parametrize("name", SAMPLERS)
def test_ppo_refuses_a_model_without_an_exact_density(name):
    kind = type(SAMPLERS[name](1)).__name__
    message = rf"{kind} does not know the exact probability.*genrl\.flows.*MixtureDensityNetwork.*cloned"
    with pytest.raises(InputError, match=message):
        PPO(DensityPolicy, "Pendulum-v1", policy_kwargs={"density": SAMPLERS[name](10)})


def test_a_damaged_description_is_refused(tmp_path):
    policy = policy_of("vae").fit(*pairs(300))
    save_policy(policy, ActorCriticNetwork(), tmp_path / "policy")
    loaded = load_policy(tmp_path / "policy")
    tensors = {key: tensor for key, tensor in loaded.state_dict().items() if "likelihood" not in key}
    with pytest.raises(InputError, match="damaged"):
        rebuild_policy(describe_policy(loaded, ActorCriticNetwork()), tensors)
