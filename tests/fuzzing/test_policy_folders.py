"""Damaged folders of actors, policies and agents: each loads, or is refused in one line."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from json_edits import amounts, check_folders
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.policies import ActorCriticPolicy

from agents import GAIL, BehaviourCloning
from agents.cloning import CloningConfig
from agents.gail_config import GAILConfig
from agents.learners import PPOConfig
from agents.off_policy_learners import SACConfig
from genrl.autoencoders import VAE
from genrl.flows import RealNVP
from genrl.mixtures import MixtureDensityNetwork
from genrl.nn import Standardise
from genrl.policies import (
    Actor,
    ActorCriticNetwork,
    DensityPolicy,
    EncoderFeatures,
    SamplerPolicy,
    load_policy,
    policy_kwargs,
    save_policy,
)
from genrl.policies.actor import ActorConfig
from genrl.policies.squashed_actor import describe_squashed_actor, squashed_policy_kwargs
from genrl.training import write_checkpoint
from genrl.transitions import Demonstrations

SMALL = {"hidden": (4,)}
NETWORK = ActorCriticNetwork(hidden=(4,))
OBSERVATIONS, BOX = spaces.Box(-np.inf, np.inf, (3,), np.float32), spaces.Box(-1, 1, (2,), np.float32)


def use(policy):
    """What every script does with a policy; agents have one of them."""
    policy = getattr(policy, "policy", policy)
    columns = policy.config.obs_dim if isinstance(policy, Actor) else policy.observation_space.shape[0]
    if columns < 100:
        policy.predict(np.zeros((2, columns), np.float32), deterministic=True)
    return policy


def seen():
    return Standardise(3, torch.tensor([0, 2]), torch.zeros(2), torch.ones(2))


def write_policies(folder):
    kwargs = policy_kwargs(NETWORK, seen())
    for name, space in (("box", BOX), ("discrete", spaces.Discrete(3))):
        save_policy(ActorCriticPolicy(OBSERVATIONS, space, lambda _: 0.0, **kwargs), NETWORK, folder / name, "Task-v0")
    flow = RealNVP(transforms=2, **SMALL)
    save_policy(DensityPolicy(OBSERVATIONS, BOX, lambda _: 0.0, density=flow, **kwargs), NETWORK, folder / "density")
    features = {name: kwargs[name] for name in ("features_extractor_class", "features_extractor_kwargs")}
    mixture = MixtureDensityNetwork(2, **SMALL)
    drawn = SamplerPolicy(OBSERVATIONS, BOX, sampler=mixture, chunk=2, executed=1, **features)
    save_policy(drawn, NETWORK, folder / "sampler")
    encoder = {"encoder": VAE(latents=2, **SMALL).build(3)}
    coded = ActorCriticPolicy(
        OBSERVATIONS,
        BOX,
        lambda _: 0.0,
        net_arch=[4],
        features_extractor_class=EncoderFeatures,
        features_extractor_kwargs=encoder,
    )
    save_policy(coded, ActorCriticNetwork(hidden=(4,), activation="tanh"), folder / "encoder")
    for learner in (SAC, TD3):
        squashed = squashed_policy_kwargs(seen(), hidden=(4,), critic_hidden=(4,), activation="relu")
        policy = learner("MlpPolicy", "Pendulum-v1", policy_kwargs=squashed, buffer_size=10, device="cpu").policy
        description = describe_squashed_actor(policy, "Pendulum-v1")
        path = folder / learner.__name__
        write_checkpoint(path, tensors={"policy": policy.state_dict()}, documents={"policy": description})


@pytest.mark.parametrize("examples", amounts(150))
def test_policies(tmp_path, examples):
    write_policies(tmp_path / "sound")
    check_folders(tmp_path / "sound", lambda folder: use(load_policy(folder)), examples)


@pytest.mark.parametrize("examples", amounts(150))
def test_actors(tmp_path, examples):
    shape = {"obs_dim": 3, "act_dim": 2, "hidden_sizes": (4, 4)}
    configs = {
        "state": ActorConfig(**shape),
        "parameter": ActorConfig(**shape, std="parameter", squash="clip", log_std_bound="clamp", env_id="Task-v0"),
        "columns": ActorConfig(**shape, std="none", columns=(0, 2), obs_clip=10.0, activation="tanh"),
    }
    for name, config in configs.items():
        Actor(config).save(tmp_path / "sound" / name)
    check_folders(tmp_path / "sound", lambda folder: use(Actor.load(folder)), examples)


def pendulum(episodes=2, steps=20):
    """Demonstrations of random actions."""
    rng = np.random.default_rng(0)
    ends = np.isin(np.arange(episodes * steps), steps * np.arange(1, episodes + 1) - 1)
    return Demonstrations(
        observations=rng.normal(size=(episodes * (steps + 1), 3)).astype(np.float32),
        actions=rng.uniform(-2, 2, size=(episodes * steps, 1)).astype(np.float32),
        rewards=np.zeros(episodes * steps, np.float32),
        terminations=np.zeros(episodes * steps, bool),
        truncations=ends,
        episode_lengths=np.full(episodes, steps),
        env_id="Pendulum-v1",
        expert_return=0.0,
    )


def write_agents(folder):
    data = pendulum()
    settings = {"untrained_steps": 64, "bc_warm_start": False, "network": NETWORK}
    ppo = GAILConfig(ppo=PPOConfig(n_steps=16, batch_size=16, n_epochs=1), **settings)
    GAIL("Pendulum-v1", data, num_envs=2, seed=0, device="cpu", config=ppo).learn(32).save(folder / "gail")
    sac = SACConfig(learning_starts=16, batch_size=8, hidden=(4,), buffer_size=100)
    off = GAILConfig(learner="sac", sac=sac, **settings)
    GAIL("Pendulum-v1", data, num_envs=2, seed=0, device="cpu", config=off).learn(40).save(folder / "gail-sac")
    cloning = CloningConfig(epochs=1, network=NETWORK)
    BehaviourCloning("Pendulum-v1", data, seed=0, device="cpu", config=cloning).learn().save(folder / "bc")


def load_agent(folder):
    kind = GAIL if folder.joinpath("reward_model.safetensors").exists() else BehaviourCloning
    return use(kind.load(folder, device="cpu"))


@pytest.mark.parametrize("examples", amounts(60))
def test_agents(tmp_path, examples):
    write_agents(tmp_path / "sound")
    check_folders(tmp_path / "sound", load_agent, examples)
