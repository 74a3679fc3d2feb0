"""SAC, TD3, TQC and CrossQ are built, take steps on a learned reward, are saved, and go on bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from point_env import point_envs
from sb3_contrib import TQC, CrossQ
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from agents.learner_env import LearnerEnv
from agents.off_policy_learners import CrossQConfig, EntropyConfig, OffPolicyConfig, SACConfig, TD3Config, TQCConfig
from agents.reward_model_state import restore_reward_model, reward_model_state
from agents.standardisers import Standardisers, fit_standardisers, random_steps
from experts import load_demonstrations
from genrl.envs import make_vec_env
from genrl.errors import InputError
from genrl.gans import losses, penalties
from genrl.nn import Standardise
from genrl.policies import ActorCriticNetwork, describe_squashed_actor, load_policy
from genrl.rewards import (
    AdversarialReward,
    AdversarialTraining,
    Discriminator,
    StandardisedReward,
    TransitionInputs,
    forms,
)
from genrl.training import random_state, read_checkpoint, restore_random_state, seed_everything, write_checkpoint
from genrl.training.learner_state import LearnerState, learner_state, restore_learner
from genrl.training.torch_threads import one_torch_thread
from genrl.transitions import Transitions

QUIET = 10**9
TINY: dict[str, Any] = {
    "hidden": (16,),
    "critic_hidden": (16, 12),
    "learning_starts": 60,
    "batch_size": 16,
    "buffer_size": 100,
    "gradient_steps": 2,
    "reward_update_every": 32,
    "reward_rows": 64,
    "reward_training": AdversarialTraining(steps=2, batch_size=16),
}
LEARNERS: dict[str, tuple[OffPolicyConfig, type[OffPolicyAlgorithm]]] = {
    "sac": (SACConfig(**TINY), SAC),
    "td3": (TD3Config(**TINY), TD3),
    "tqc": (TQCConfig(**TINY, n_quantiles=5, top_quantiles_to_drop=1), TQC),
    "crossq": (CrossQConfig(**TINY), CrossQ),
}


def reward_for(config: OffPolicyConfig, standardisers: Standardisers) -> StandardisedReward:
    adversarial = AdversarialReward(
        Discriminator(TransitionInputs("state-action", standardisers.observations, standardisers.actions)),
        loss=losses.cross_entropy_discriminator,
        penalty=penalties.interpolation_penalty,
        form=forms.airl,
        training=config.reward_training,
    )
    return StandardisedReward(adversarial, momentum=config.reward_momentum, scale=0.1)


class Imitator:
    """A learner, its reward model and its hook on Hopper, and all their state."""

    def __init__(self, config: OffPolicyConfig, seed: int) -> None:
        seed_everything(seed)
        env = LearnerEnv(make_vec_env("Hopper-v4", 2, seed=seed))
        self.expert = load_demonstrations("Hopper-v4", episodes=1).transitions(env.action_space)
        standardisers = fit_standardisers(self.expert, random_steps(env, 64, 0))
        self.reward_model = reward_for(config, standardisers)
        self.config = config
        self.learner = config.build(
            env, standardisers.observations, ActorCriticNetwork(), self.reward_model, seed=seed, device="cpu"
        )

    def learn(self, steps: int) -> None:
        hook = self.config.callbacks(self.reward_model, self.expert, log_interval=1)[0]
        self.learner.learn(steps, hook, log_interval=QUIET, reset_num_timesteps=False)

    def save(self, folder: Path) -> None:
        state = learner_state(self.learner)
        tensors, documents = reward_model_state(self.reward_model)
        write_checkpoint(
            folder,
            tensors={**state.tensors, **tensors},
            documents={**state.documents, **documents, "policy": describe_squashed_actor(self.learner.policy)},
            arrays={**state.arrays, "random_state": random_state()},
        )

    def restore(self, folder: Path) -> None:
        saved = read_checkpoint(folder)
        state = LearnerState(tensors=saved.tensors, documents=saved.documents, arrays=saved.arrays)
        restore_learner(self.learner, state)
        restore_reward_model(self.reward_model, state)
        restore_random_state(saved.arrays["random_state"])


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    with one_torch_thread():
        yield


@pytest.mark.parametrize("first", [40, 120], ids=["in the warm-up", "with a full buffer"])
@pytest.mark.parametrize("name", list(LEARNERS))
def test_a_restored_learner_goes_on_bit_for_bit(name: str, first: int, tmp_path: Path) -> None:
    config, _ = LEARNERS[name]
    whole = Imitator(config, seed=3)
    whole.learn(first)
    whole.save(tmp_path / "half")
    whole.learn(100)

    resumed = Imitator(config, seed=8)
    resumed.restore(tmp_path / "half")
    assert resumed.learner.num_timesteps == first
    resumed.learn(100)
    assert resumed.learner.num_timesteps == whole.learner.num_timesteps
    assert resumed.learner._n_updates == whole.learner._n_updates > 0
    for part in ("policy", "reward_model"):
        one = (whole.learner.policy if part == "policy" else whole.reward_model).state_dict()
        other = (resumed.learner.policy if part == "policy" else resumed.reward_model).state_dict()
        for key, tensor in one.items():
            assert torch.equal(tensor, other[key]), (part, key)
    if name != "td3":
        assert resumed.learner.log_ent_coef.item() == whole.learner.log_ent_coef.item()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", list(LEARNERS))
def test_the_saved_actor_acts_as_the_learner_does(name: str, tmp_path: Path) -> None:
    imitator = Imitator(LEARNERS[name][0], seed=1)
    imitator.learn(100)
    imitator.save(tmp_path / "agent")
    assert {path.suffix for path in (tmp_path / "agent").iterdir()} == {".safetensors", ".json", ".npz"}
    loaded = load_policy(tmp_path / "agent")
    observations = np.random.default_rng(0).normal(size=(20, 11)) * 3
    for deterministic in (True, False):
        torch.manual_seed(3)
        expected, _ = imitator.learner.predict(observations, deterministic=deterministic)
        torch.manual_seed(3)
        actions, _ = loaded.predict(observations, deterministic=deterministic)
        np.testing.assert_array_equal(actions, expected)
    assert len(np.unique(expected, axis=0)) == 20


@pytest.mark.parametrize("name", list(LEARNERS))
def test_the_learner_is_a_plain_one_whose_networks_share_the_standardiser(name: str) -> None:
    config, algorithm = LEARNERS[name]
    standardise = Standardise.identity(2)
    learner = config.build(LearnerEnv(point_envs(2)), standardise, ActorCriticNetwork(), Unpaid(), seed=0, device="cpu")
    assert type(learner) is algorithm
    policy: Any = learner.policy
    assert policy.actor.features_extractor.standardise is standardise
    assert policy.critic.features_extractor.standardise is standardise
    assert policy.actor.net_arch == [16]
    assert not list(policy.actor.features_extractor.parameters())


def test_settings_reach_the_learner() -> None:
    env = LearnerEnv(point_envs(2))

    def built(config: OffPolicyConfig) -> Any:
        return config.build(env, Standardise.identity(2), ActorCriticNetwork(), Unpaid(), seed=0, device="cpu")

    sac = built(SACConfig(entropy=EntropyConfig(temperature=0.3), tau=0.25, gamma=0.5, train_freq=3, gradient_steps=7))
    assert sac.log_ent_coef.exp().item() == pytest.approx(0.3)
    assert (sac.tau, sac.gamma, sac.train_freq.frequency, sac.gradient_steps) == (0.25, 0.5, 3, 7)
    fixed = built(SACConfig(entropy=EntropyConfig(temperature=0.3, learned=False)))
    assert fixed.ent_coef_optimizer is None
    assert fixed.ent_coef_tensor.item() == pytest.approx(0.3)
    td3 = built(TD3Config(action_noise=0.7, policy_delay=5))
    assert td3.policy_delay == 5
    assert td3.action_noise._sigma.tolist() == [0.7, 0.7]
    tqc = built(TQCConfig(n_critics=3, n_quantiles=11, top_quantiles_to_drop=4))
    assert tqc.critic.quantiles_total == 33
    assert tqc.top_quantiles_to_drop_per_net == 4
    assert built(CrossQConfig(policy_delay=4)).policy_delay == 4


class Unpaid:
    def reward(self, transitions: Transitions) -> torch.Tensor:
        return torch.zeros(len(transitions))

    def update(self, expert: Transitions, learner: Transitions) -> dict[str, float]:
        return {}


def test_the_same_seed_gives_the_same_learner_and_another_another() -> None:
    weights = []
    for seed in (1, 1, 2):
        imitator = Imitator(LEARNERS["sac"][0], seed=seed)
        imitator.learn(100)
        weights.append(imitator.learner.policy.actor.mu.weight)  # type: ignore[union-attr]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_discrete_actions_are_refused() -> None:
    env = LearnerEnv(make_vec_env("CartPole-v1", 1, seed=0))
    with pytest.raises(InputError, match="bounded Box"):
        SACConfig().build(env, Standardise.identity(4), ActorCriticNetwork(), Unpaid(), seed=0, device="cpu")
