import math

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from genrl.autoregressive import Recurrent, SequenceModel
from genrl.discretised import Discretised
from genrl.errors import InputError
from genrl.flows import ContinuousFlow, RealNVP
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture, MixtureDensityNetwork
from genrl.nn import Standardise
from genrl.policies import ActorCriticNetwork, DensityPolicy, action_flow, load_policy, policy_kwargs, save_policy

OBSERVATIONS = spaces.Box(-1, 1, (3,), np.float32)
ACTIONS = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 1.0], np.float32))

DENSITIES = {
    "mixture": lambda: MixtureDensityNetwork(3, hidden=()),
    "flow": action_flow,
    "velocity": lambda: ContinuousFlow(steps=4, hidden=(16,)),
    "autoregressive": lambda: SequenceModel(core=Recurrent(width=16), output="gaussians", mixtures=2),
    "bins": lambda: Discretised(SequenceModel(core=Recurrent(width=16), levels=9), bins=9, reach=1 / 0.6),
}


def policy_of(name, **options):
    torch.manual_seed(0)
    return DensityPolicy(OBSERVATIONS, ACTIONS, lambda _: 1e-3, density=DENSITIES[name](), net_arch=[16], **options)


@pytest.mark.parametrize("name", DENSITIES)
def test_the_density_of_actions_integrates_to_one(name):
    policy = policy_of(name)
    first, second = torch.linspace(-12, 12, 300), torch.linspace(-4, 5, 300)
    if name == "bins":  # they cover the actions' range, and beyond it repeat the outermost ones
        first, second = torch.linspace(-1.995, 1.995, 400), torch.linspace(0.0025, 0.9975, 200)
    grid = torch.cartesian_prod(first, second)
    observation = torch.tensor([[0.3, -0.2, 0.9]])
    with torch.no_grad():
        _, log_prob, entropy = policy.evaluate_actions(observation.expand(len(grid), 3), grid)
    cell = (first[1] - first[0]) * (second[1] - second[0])
    assert float(log_prob.exp().sum() * cell) == pytest.approx(1.0, abs=0.02)
    assert entropy is None


@pytest.mark.parametrize("name", DENSITIES)
def test_actions_come_with_their_own_log_probability(name):
    policy = policy_of(name)
    observations = torch.randn(50, 3)
    with torch.no_grad():
        actions, values, log_prob = policy(observations)
        again, evaluated, _ = policy.evaluate_actions(observations, actions)
    torch.testing.assert_close(log_prob, evaluated, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(values, again)
    assert actions.shape == (50, 2)


@pytest.mark.parametrize("name", DENSITIES)
def test_first_actions_are_about_as_wide_as_asked(name):
    policy = policy_of(name, std_init=0.5)
    with torch.no_grad():
        drawn = policy.get_distribution(torch.zeros(2000, 3)).sample()
    middle, unit = torch.tensor([0.0, 0.5]), 0.5 * torch.tensor([2.0, 0.5])
    standardised = (drawn - middle) / unit
    assert (standardised.mean(0).abs() < 1.5).all()
    assert (standardised.std(0) > 0.6).all()
    assert (standardised.std(0) < 3.0).all()


@pytest.mark.parametrize("name", DENSITIES)
def test_acting_without_noise_is_always_the_same(name):
    policy = policy_of(name)
    observations = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    first, _ = policy.predict(observations, deterministic=True)
    np.testing.assert_array_equal(first, policy.predict(observations, deterministic=True)[0])
    one, _ = policy.predict(observations[0], deterministic=True)
    np.testing.assert_allclose(one, first[0], rtol=1e-4, atol=1e-6)


def test_the_mode_of_a_mixture_is_where_its_density_is_greatest():
    torch.manual_seed(3)
    model = MixtureDensityNetwork(4, hidden=()).build(1)
    grid = torch.linspace(-6, 6, 4001)[:, None]
    with torch.no_grad():
        heights = model.log_prob(grid)
        assert float(model.log_prob(model.mode()[None])) == pytest.approx(float(heights.max()), abs=0.01)


@pytest.mark.parametrize("name", DENSITIES)
def test_what_it_is_cloned_by(name):
    """The likelihood; of a flow that follows a velocity the matching of velocities, which needs no solver."""
    policy = policy_of(name)
    observations, actions = torch.randn(50, 3), torch.randn(50, 2)
    torch.manual_seed(1)
    distribution = policy.get_distribution(observations)
    loss = distribution.loss(actions)
    loss.backward()
    assert policy.mlp_extractor.policy_net[0].weight.grad is not None  # the network that sees is trained, too
    if name == "velocity":
        torch.manual_seed(1)
        noise, standardised = policy.density.latent.sample(50), (actions - policy.middle) / policy.unit
        # The velocity that it begins with is 0.
        expected = (standardised - (1 - policy.density.spread) * noise).square().sum(1).mean() + policy.unit.log().sum()
        torch.testing.assert_close(loss, expected)
    else:
        torch.testing.assert_close(loss, -distribution.log_prob(actions).mean())


def test_every_weight_is_trained():
    policy = policy_of("flow")
    trained = {id(parameter) for group in policy.optimizer.param_groups for parameter in group["params"]}
    assert trained == {id(parameter) for parameter in policy.parameters()}
    assert not hasattr(policy, "log_std")


class Echo(gym.Env):
    """Pays most for the action that equals the observation; an episode is one step."""

    observation_space = spaces.Box(-1, 1, (1,), np.float32)
    action_space = spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seen = self.np_random.uniform(-1, 1, 1).astype(np.float32)
        return self.seen, {}

    def step(self, action):
        return self.seen, -float(np.abs(action - self.seen)[0]), True, False, {}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "velocity" else name for name in DENSITIES]
)
def test_ppo_learns_with_it(name, seed: int, learned: Learned):
    steps, largest_error = (24_000, 0.28) if name == "flow" else (12_000, 0.2)
    learner = PPO(
        DensityPolicy,
        DummyVecEnv([Echo] * 32),
        n_steps=16,
        batch_size=256,
        learning_rate=2e-3,
        seed=seed,
        policy_kwargs={"density": DENSITIES[name](), "net_arch": [32]},
    )
    learner.learn(steps)
    observations = np.linspace(-0.9, 0.9, 50, dtype=np.float32)[:, None]
    actions, _ = learner.predict(observations, deterministic=True)
    learned("error", np.abs(actions - observations).mean(), below=largest_error, baseline=0.45)  # of one action


@pytest.mark.parametrize("name", DENSITIES)
def test_saved_without_pickle_and_loaded(name, tmp_path):
    network = ActorCriticNetwork(hidden=(16,))
    standardise = Standardise(3, torch.arange(3), torch.full((3,), 0.2), torch.full((3,), 2.0))
    policy = DensityPolicy(
        OBSERVATIONS,
        ACTIONS,
        lambda _: 1e-3,
        density=DENSITIES[name](),
        std_init=0.3,
        **policy_kwargs(network, standardise),
    )
    save_policy(policy, network, tmp_path / "policy")
    assert {path.suffix for path in (tmp_path / "policy").iterdir()} == {".json", ".safetensors"}
    loaded = load_policy(tmp_path / "policy")
    observations = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        policy.predict(observations, deterministic=True)[0], loaded.predict(observations, deterministic=True)[0]
    )


class Implicit(GenerativeModel):
    """Samples, and knows no density."""

    def sample(self, sample_shape=(), context=None):
        return torch.zeros(1)


@pytest.mark.parametrize(
    ("density", "space", "message"),
    [
        (Implicit(), ACTIONS, r"exact probability of an action.*genrl\.flows"),
        (GaussianMixture(), ACTIONS, r"no mode"),
        (SequenceModel(levels=4), ACTIONS, r"of integers.*output='gaussians'.*Discretised"),
        (RealNVP(), spaces.Discrete(3), "bounded Box"),
        (RealNVP(), spaces.Box(-math.inf, math.inf, (2,)), "bounded Box"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_built(density, space, message):
    with pytest.raises(InputError, match=message):
        DensityPolicy(OBSERVATIONS, space, lambda _: 1e-3, density=density)
