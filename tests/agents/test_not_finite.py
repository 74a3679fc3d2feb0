"""NaN and infinity end the training of every learner, by name, and what was kept before stays finite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents import GAIL, BehaviourCloning, DAgger, DAggerConfig, Dreaming, DreamingConfig, GAILConfig
from agents.dream_learners import DreamPPOConfig, DreamSACConfig
from agents.learners import PPOConfig, TRPOConfig
from agents.off_policy_learners import CrossQConfig, SACConfig, TD3Config, TQCConfig
from genrl.errors import NotFiniteError
from genrl.training import RunDirectory, read_checkpoint, write_checkpoint
from genrl.transitions import Demonstrations, Trajectory, Transitions

ON_POLICY = ("ppo", "trpo")
OFF_POLICY = ("sac", "td3", "tqc", "crossq")
PLACES = ("observation", "reward", "terminal", "reset")
OBSERVATIONS, ACTIONS = spaces.Box(-5, 5, (4,), np.float32), spaces.Box(-1, 1, (2,), np.float32)


class Faulty(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Noise; after `at` steps one number of it is `bad`, in one place."""

    observation_space, action_space = OBSERVATIONS, ACTIONS

    def __init__(self, place: str = "", bad: float = np.nan, at: int = 150) -> None:
        self.place, self.bad, self.at = place, bad, at
        self.steps = 0

    def observe(self, place: str) -> NDArray[np.float32]:
        row = self.np_random.normal(size=4).astype(np.float32)
        if place == self.place and self.steps >= self.at:
            row[1] = self.bad
        return row

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return self.observe("reset"), {}

    def step(self, action: NDArray[np.float32]) -> Any:
        self.steps += 1
        over = self.steps % 20 == 0
        observation = self.observe("terminal" if over else "observation")
        reward = self.bad if self.place == "reward" and self.steps >= self.at else 1.0
        return observation, reward, False, over, {}


def faulty_env(place: str = "", bad: float = np.nan, *, at: int = 150, faulty: int = 1, num_envs: int = 2) -> VecEnv:
    """Several environments, of which one is faulty."""
    makers = [lambda index=index: Faulty(place if index == faulty else "", bad, at) for index in range(num_envs)]
    return DummyVecEnv(makers)


def demonstrations() -> Demonstrations:
    random = np.random.default_rng(0)
    episodes = [
        Trajectory(
            observations=random.normal(size=(21, 4)).astype(np.float32),
            actions=random.uniform(-1, 1, (20, 2)).astype(np.float32),
            rewards=np.ones(20, np.float32),
            terminated=False,
            truncated=True,
        )
        for _ in range(3)
    ]
    return Demonstrations.from_trajectories(episodes)


SMALL: dict[str, Any] = {"hidden": (8,), "critic_hidden": (8,), "learning_starts": 32, "buffer_size": 1000}
SMALL |= {"batch_size": 16, "reward_update_every": 32, "reward_rows": 64, "gradient_steps": 1}
CONFIG = GAILConfig(
    bc_warm_start=False,
    untrained_steps=32,
    ppo=PPOConfig(n_steps=32, batch_size=32, n_epochs=1),
    trpo=TRPOConfig(n_steps=32, batch_size=32),
    sac=SACConfig(**SMALL),
    td3=TD3Config(**SMALL),
    tqc=TQCConfig(**SMALL),
    crossq=CrossQConfig(**SMALL),
)


def gail(env: VecEnv, learner: str, config: GAILConfig = CONFIG, **options: Any) -> GAIL:
    return GAIL(env, demonstrations(), learner=learner, seed=0, device="cpu", config=config, **options)


class SaveOften(BaseCallback):
    """Writes a checkpoint between two rollouts whenever 32 steps have been done since the last."""

    def __init__(self, agent: GAIL, folder: Path) -> None:
        super().__init__()
        self._agent, self._folder = agent, folder
        self._saved_at = -32

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._saved_at + 32:
            self._saved_at = self.num_timesteps
            self._agent.save(self._folder)

    def _on_step(self) -> bool:
        return True


def assert_finite(folder: Path) -> None:
    saved = read_checkpoint(folder)
    for group in saved.tensors.values():
        assert all(torch.isfinite(tensor).all() for tensor in group.values() if tensor.is_floating_point())
    for name, array in saved.arrays.get("replay", {}).items():
        assert np.isfinite(array).all(), name


@pytest.mark.parametrize("learner", [*ON_POLICY, *OFF_POLICY])
def test_every_learner_stops_at_an_environment_that_gives_nan(learner: str, tmp_path: Path) -> None:
    agent = gail(faulty_env("observation", at=150), learner)
    match = r"Faulty gave an observation that is not finite \(NaN in 1 of 4 numbers\) in step \d+, environment 1 of 2"
    with pytest.raises(NotFiniteError, match=match):
        agent.learn(1000, SaveOften(agent, tmp_path / "saved"))
    assert agent.learner.num_timesteps < 310
    assert_finite(tmp_path / "saved")
    assert all(torch.isfinite(parameter).all() for parameter in agent.policy.parameters())


@pytest.mark.parametrize(
    ("place", "bad"), [(place, bad) for place in PLACES for bad in (np.nan, -np.inf)] + [("reward", 1e39)]
)
def test_every_number_that_an_environment_gives_is_looked_at(place: str, bad: float) -> None:
    what = {"terminal": "last observation of an episode", "reset": "observation"}.get(place, place)
    when = "at its reset after step" if place == "reset" else "in step"
    with pytest.raises(NotFiniteError, match=rf"gave an? {what} that is not finite .* {when} \d+, environment 1 of 2"):
        gail(faulty_env(place, bad, at=60), "ppo").learn(300)


def test_the_first_reset_and_the_random_steps_are_looked_at() -> None:
    with pytest.raises(NotFiniteError, match=r"gave an observation that is not finite .* at its reset, environment 1"):
        gail(faulty_env("reset", at=0), "ppo")
    with pytest.raises(NotFiniteError, match="in step 10, environment 1"):
        BehaviourCloning(faulty_env("observation", at=10), demonstrations(), seed=0, device="cpu")


class Poisoned(BaseCallback):
    """Makes one weight of the learner NaN, as an update that has overflowed does."""

    def _on_step(self) -> bool:
        if self.num_timesteps >= 128:
            with torch.no_grad():
                next(self.model.policy.parameters()).view(-1)[0] = torch.nan
        return True


@pytest.mark.parametrize("learner", [*ON_POLICY, *OFF_POLICY])
def test_a_parameter_that_is_not_finite_is_named_and_not_saved(learner: str, tmp_path: Path) -> None:
    agent = gail(faulty_env(), learner)
    with pytest.raises(NotFiniteError, match=r"(the parameter [\w.]+ of|loss of|an action) .*(step|environment steps)"):
        agent.learn(2000, [Poisoned(), SaveOften(agent, tmp_path / "saved")])
    assert_finite(tmp_path / "saved")


@pytest.mark.parametrize("learner", [*ON_POLICY, *OFF_POLICY])
def test_a_learning_rate_that_makes_the_loss_overflow_ends_the_training(learner: str, tmp_path: Path) -> None:
    settings: Any = CONFIG.settings(learner)  # type: ignore[arg-type]
    settings = replace(settings, learning_rate=1e36)
    agent = gail(faulty_env(), learner, replace(CONFIG, **{learner: settings}))
    with pytest.raises(NotFiniteError, match=r"not finite|is nan|is -?inf|NaN or infinite"):
        agent.learn(3000, SaveOften(agent, tmp_path / "saved"))
    assert_finite(tmp_path / "saved")


class BadReward:
    """A reward model that computes the reward `bad`, or reports it as its loss, from its second update on."""

    def __init__(self, bad: float, where: str) -> None:
        self.bad, self.where, self.updates = bad, where, 0

    def reward(self, transitions: Transitions) -> torch.Tensor:
        rewards = torch.zeros(len(transitions))
        rewards[-1] = self.bad if self.where == "reward" and self.updates > 1 else 0.0
        return rewards

    def update(self, expert: Transitions, learner: Transitions) -> Mapping[str, float]:
        self.updates += 1
        return {"loss": self.bad if self.where == "loss" and self.updates > 1 else 0.5}


@pytest.mark.parametrize("learner", ["ppo", "trpo", "sac", "td3"])
@pytest.mark.parametrize("where", ["reward", "loss"])
def test_a_reward_model_that_is_not_finite_is_named(learner: str, where: str) -> None:
    agent = gail(faulty_env(), learner, reward_model=BadReward(np.inf, where))
    with pytest.raises(NotFiniteError, match=r"BadReward.*(after \d+ environment steps|not finite)"):
        agent.learn(1000)
    assert all(torch.isfinite(parameter).all() for parameter in agent.policy.parameters())


def test_a_discriminator_that_diverges_is_named() -> None:
    training = replace(CONFIG.discriminator.training, learning_rate=1e30)
    config = replace(CONFIG, discriminator=replace(CONFIG.discriminator, training=training))
    with pytest.raises(NotFiniteError, match=r"discriminator|reward model"):
        gail(faulty_env(), "ppo", config).learn(1000)


def test_dagger_stops_at_an_environment_that_gives_nan() -> None:
    class Expert:
        def predict(self, observation: NDArray[Any], *rest: Any, **options: Any) -> Any:
            return np.zeros((len(observation), 2), np.float32), None

    config = DAggerConfig(rounds=2, steps_per_round=100, untrained_steps=16)
    with pytest.raises(NotFiniteError, match=r"gave an observation .* in step \d+, environment 1 of 2"):
        DAgger(faulty_env("observation", at=30), Expert(), seed=0, device="cpu", config=config).learn()


@pytest.mark.parametrize("learner", ["sac", "ppo"])
@pytest.mark.parametrize("place", ["observation", "reward"])
def test_dreaming_stops_at_a_real_step_that_is_not_finite(place: str, learner: Any) -> None:
    env = faulty_env(place, np.inf, at=30, faulty=0, num_envs=1)
    agent = Dreaming(env, seed=0, device="cpu", config=DreamingConfig(learner=learner, first_steps=40))
    with pytest.raises(NotFiniteError, match=f"gave an? {place} that is not finite .infinity.* in step 30$"):
        agent.learn(50)


@pytest.mark.parametrize("learner", ["sac", "ppo"])
def test_a_dream_that_is_not_finite_is_named(learner: Any) -> None:
    agent = Dreaming(
        faulty_env(faulty=0, num_envs=1),
        seed=0,
        device="cpu",
        config=DreamingConfig(
            learner=learner,
            first_steps=60,
            first_updates=5,
            model_hidden=(8,),
            dreams=8,
            sac=DreamSACConfig(hidden=(8,)),
            ppo=DreamPPOConfig(dreamt_per_step=8),
        ),
    )
    fit = agent.model.fit

    def poisoned(*args: Any, **options: Any) -> Any:
        history = fit(*args, **options)
        with torch.no_grad():
            for parameter in agent.model.parameters():
                parameter.fill_(torch.nan)
        return history

    agent.model.fit = poisoned  # type: ignore[method-assign]
    with pytest.raises(
        NotFiniteError, match=r"EnsembleWorldModel dreamt an observation that is not finite .* of dream"
    ):
        agent.learn(60)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_checkpoint_is_replaced_by_one_that_is_not_finite(tmp_path: Path, bad: float) -> None:
    run = RunDirectory.create(tmp_path, "gail", "Ant-v4", 0, {})
    run.save_best(tensors={"policy": {"w": torch.ones(3)}}, arrays={"replay": {"x": np.ones(3)}})
    for tensors, arrays, name in (
        ({"policy": {"w": torch.tensor([1.0, bad, 1.0])}}, {}, "w of policy"),
        ({"policy": {"w": torch.ones(3)}}, {"replay": {"x": np.array([bad])}}, "x of replay"),
    ):
        with pytest.raises(NotFiniteError, match=f"best was not written: {name} is not finite"):
            run.save_best(tensors=tensors, arrays=arrays)
        with pytest.raises(NotFiniteError, match=f"10 was not written: {name} is not finite"):
            run.save(10, tensors=tensors, arrays=arrays)
    assert_finite(run.best)
    assert not run.checkpoints.exists()


def test_only_bounds_may_be_infinite(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "gail", "Ant-v4", 0, {})
    run.save(1, tensors={"actor": {"action_low": torch.full((2,), -torch.inf)}})
    with pytest.raises(NotFiniteError, match="action_low of actor"):
        run.save(2, tensors={"actor": {"action_low": torch.tensor([torch.nan])}})
    # A model of the user's own may have masks; only NaN is no number anywhere.
    write_checkpoint(tmp_path / "model", tensors={"model": {"mask": torch.tensor([-torch.inf])}})
    with pytest.raises(NotFiniteError, match="mask of model"):
        write_checkpoint(tmp_path / "model", tensors={"model": {"mask": torch.tensor([torch.nan])}})
