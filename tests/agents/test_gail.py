"""GAIL learns, is saved and loaded, and goes on as if it had not been stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from gymnasium import spaces
from learned import Learned
from point_env import WalkToGoal, play, point_envs
from stable_baselines3 import PPO
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.behaviour_cloning import BehaviourCloning
from agents.discriminator_reward import DiscriminatorConfig, ObjectiveName
from agents.gail import GAIL
from agents.gail_config import GAILConfig
from agents.learners import PPOConfig, TRPOConfig
from agents.off_policy_learners import CrossQConfig, EntropyConfig, SACConfig, TD3Config, TQCConfig
from agents.standardisers import fit_standardisers, random_steps
from experts import load_demonstrations
from genrl.envs import make_vec_env
from genrl.envs.observation_columns import position_velocity_columns
from genrl.errors import InputError
from genrl.policies import load_policy
from genrl.rewards import AdversarialTraining
from genrl.transitions import Demonstrations, Trajectory

# A task of two dimensions and a thousand pairs is learned in few iterations by a discriminator that follows faster.
QUICK = DiscriminatorConfig(training=AdversarialTraining(batch_size=128, learning_rate=2e-3, penalty_weight=0.3))
SMALL = GAILConfig(
    ppo=PPOConfig(n_steps=32, batch_size=128, learning_rate=1e-3, desired_kl=None, target_kl=0.02),
    trpo=TRPOConfig(n_steps=32, batch_size=128),
    discriminator=QUICK,
    bc_warm_start=False,  # which alone would solve this task
    untrained_steps=512,
)


def mean_return(policy: Any) -> float:
    return float(np.mean([trajectory.rewards.sum() for trajectory in play(policy, 20)]))


WITHOUT = 0.3  # the score without demonstrations


def score(agent: GAIL, steps: int) -> float:
    """The return after training, on a scale from 0 (untrained) to 1 (the expert)."""
    untrained, expert = mean_return(agent), mean_return(WalkToGoal())
    agent.learn(steps)
    return (mean_return(agent) - untrained) / (expert - untrained)


@pytest.mark.parametrize("learner", ["ppo", "trpo"])
def test_learns_to_walk_to_the_goal(demonstrations: Demonstrations, learner: Any, seed: int, learned: Learned) -> None:
    agent = GAIL(point_envs(16), demonstrations, learner=learner, seed=seed, config=SMALL)
    learned("score", score(agent, 25_000), above=0.5, baseline=WITHOUT)


TINY_OFF_POLICY: dict[str, Any] = {
    "learning_starts": 64,
    "batch_size": 16,
    "gradient_steps": 2,
    "hidden": (16,),
    "critic_hidden": (16,),
    "buffer_size": 500,
    "reward_update_every": 64,
    "reward_rows": 64,
}
OFF_POLICY = replace(
    SMALL,
    discriminator=DiscriminatorConfig(),
    sac=SACConfig(**TINY_OFF_POLICY),
    td3=TD3Config(**TINY_OFF_POLICY),
    tqc=TQCConfig(**TINY_OFF_POLICY),
    crossq=CrossQConfig(**TINY_OFF_POLICY),
)


@pytest.mark.parametrize("learner", ["sac", "td3", "tqc", "crossq"])
def test_off_policy_learners_train_and_go_on_bit_for_bit(learner: Any, tmp_path: Path) -> None:
    hopper = load_demonstrations("Hopper-v4", episodes=1)
    whole = GAIL("Hopper-v4", hopper, learner=learner, num_envs=4, seed=3, config=OFF_POLICY)
    before = {name: tensor.clone() for name, tensor in whole.learner.policy.state_dict().items()}
    whole.learn(256)
    whole.save(tmp_path / "half")
    assert any(not torch.equal(tensor, before[name]) for name, tensor in whole.learner.policy.state_dict().items())
    assert whole.learner.replay_buffer.expert_share == 0.5
    whole.learn(128, reset_num_timesteps=False)
    torch.manual_seed(999)
    resumed = GAIL.load(tmp_path / "half", demonstrations=hopper).learn(128, reset_num_timesteps=False)
    for one, other in ((whole.learner.policy, resumed.learner.policy), (whole.reward_model, resumed.reward_model)):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


@pytest.mark.parametrize("given", [{"zero_demonstrations": True}, {"state_only": True}])
def test_what_must_not_see_actions_has_none_in_its_batches(demonstrations: Demonstrations, given: Any) -> None:
    agent = GAIL(point_envs(4), demonstrations, learner="sac", seed=0, config=replace(OFF_POLICY, **given)).learn(128)
    assert agent.learner.replay_buffer.expert_share == 0


def test_an_off_policy_learner_learns_to_walk_to_the_goal(
    demonstrations: Demonstrations, seed: int, learned: Learned
) -> None:
    quick = SACConfig(
        learning_starts=256,
        learning_rate=1e-3,
        gamma=0.9,
        hidden=(64, 64),
        critic_hidden=(64, 64),
        batch_size=128,
        gradient_steps=4,
        entropy=EntropyConfig(temperature=0.02, learned=False),
        reward_update_every=256,
        reward_training=AdversarialTraining(learning_rate=3e-3, batch_size=128, penalty_weight=1.0),
    )
    agent = GAIL(point_envs(16), demonstrations, learner="sac", seed=seed, config=replace(OFF_POLICY, sac=quick))
    learned("score", score(agent, 8_000), above=0.5, baseline=WITHOUT)


def test_without_demonstrations_nothing_is_learned(demonstrations: Demonstrations, seed: int, learned: Learned) -> None:
    agent = GAIL(point_envs(16), demonstrations, seed=seed, config=replace(SMALL, zero_demonstrations=True))
    before = {name: tensor.clone() for name, tensor in agent.reward_model.state_dict().items()}
    learned("score", score(agent, 10_000), below=0.5, baseline=1.0)  # the baseline is the expert
    for name, tensor in agent.reward_model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_first_rewards_are_equal(demonstrations: Demonstrations) -> None:
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=SMALL)
    rewards = agent.reward_model.reward(demonstrations.transitions(agent.env.action_space))
    assert rewards.unique().tolist() == pytest.approx([SMALL.reward_scale * SMALL.reward_offset])
    unpaid = GAIL(point_envs(4), demonstrations, seed=0, config=replace(SMALL, reward_offset=0.0))
    assert unpaid.reward_model.reward(demonstrations.transitions(agent.env.action_space)).unique().tolist() == [0.0]


@pytest.mark.parametrize("absorbing", [False, True])
@pytest.mark.parametrize("form", ["airl", "gail", "log-d", "fairl"])
def test_every_reward_form_trains(demonstrations: Demonstrations, form: Any, absorbing: bool) -> None:
    config = replace(SMALL, reward_form=form, absorbing=absorbing)
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=config).learn(256)
    assert all(torch.isfinite(tensor).all() for tensor in agent.learner.policy.state_dict().values())


@pytest.mark.parametrize("objective", get_args(ObjectiveName))
@pytest.mark.parametrize("form", ["logit", "airl"])
def test_every_objective_trains(demonstrations: Demonstrations, form: Any, objective: Any) -> None:
    config = replace(SMALL, reward_form=form, objective=objective)
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=config).learn(256)
    assert all(torch.isfinite(tensor).all() for tensor in agent.learner.policy.state_dict().values())


def test_a_form_without_meaning_for_the_objective_is_refused(demonstrations: Demonstrations) -> None:
    with pytest.raises(InputError, match="logit or airl"):
        GAIL(point_envs(4), demonstrations, seed=0, config=replace(SMALL, reward_form="gail", objective="wgan"))


def test_learns_from_states_alone(demonstrations: Demonstrations, seed: int, learned: Learned) -> None:
    watched = replace(demonstrations, actions=None)
    agent = GAIL(point_envs(16), watched, seed=seed, config=replace(SMALL, state_only=True))
    learned("score", score(agent, 25_000), above=0.6, baseline=WITHOUT)


def test_unknown_actions_are_not_imitated(demonstrations: Demonstrations) -> None:
    with pytest.raises(InputError, match="--state-only"):
        GAIL(point_envs(4), replace(demonstrations, actions=None), seed=0, config=SMALL)


@pytest.mark.parametrize("inputs", ["state", "state-next-state", "state-action-next-state"])
def test_every_input_trains(demonstrations: Demonstrations, inputs: Any) -> None:
    discriminator = replace(SMALL.discriminator, inputs=inputs, spectral_norm=True, penalty="real")
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=replace(SMALL, discriminator=discriminator)).learn(256)
    assert all(torch.isfinite(tensor).all() for tensor in agent.reward_model.state_dict().values())


def test_the_learner_is_a_plain_one_of_the_library(demonstrations: Demonstrations) -> None:
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=SMALL)
    assert type(agent.learner) is PPO
    assert isinstance(agent.learner, OnPolicyAlgorithm)


def test_saved_agent_predicts_the_same_and_holds_no_pickle(demonstrations: Demonstrations, tmp_path: Path) -> None:
    agent = GAIL(point_envs(4), demonstrations, seed=0, config=SMALL).learn(256)
    agent.save(tmp_path / "agent")
    suffixes = {path.suffix for path in (tmp_path / "agent").iterdir()}
    assert suffixes <= {".safetensors", ".json", ".npz"}
    loaded = GAIL.load(tmp_path / "agent", env=point_envs(4))
    observations = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_array_equal(agent.predict(observations)[0], loaded.predict(observations)[0])
    np.testing.assert_array_equal(
        agent.predict(observations)[0], load_policy(tmp_path / "agent").predict(observations, deterministic=True)[0]
    )
    with pytest.raises(InputError, match="without demonstrations"):
        loaded.learn(256)
    with pytest.raises(InputError, match="pass it as env="):
        GAIL.load(tmp_path / "agent")
    with pytest.raises(InputError, match="no agent of kind bc"):
        BehaviourCloning.load(tmp_path / "agent")


@pytest.mark.parametrize("learner", ["ppo", "trpo"])
def test_a_loaded_agent_goes_on_bit_for_bit(learner: Any, tmp_path: Path) -> None:
    hopper = load_demonstrations("Hopper-v4", episodes=2)
    replayed = replace(SMALL.discriminator, training=replace(QUICK.training, replay_size=300, mixup=0.5))
    config = replace(SMALL, discriminator=replayed)
    whole = GAIL("Hopper-v4", hopper, learner=learner, num_envs=4, seed=3, config=config)
    whole.learn(512)
    whole.save(tmp_path / "half")
    # A callback of the user may draw random numbers, and a new process begins elsewhere.
    whole.learn(512, reset_num_timesteps=False)
    torch.manual_seed(999)
    resumed = GAIL.load(tmp_path / "half", demonstrations=hopper)
    assert resumed.learner.num_timesteps == 512
    resumed.learn(512, reset_num_timesteps=False)
    assert resumed.learner.num_timesteps == whole.learner.num_timesteps == 1024
    for one, other in ((whole.learner.policy, resumed.learner.policy), (whole.reward_model, resumed.reward_model)):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


def test_same_seed_same_agent_other_seed_other_agent() -> None:
    hopper = load_demonstrations("Hopper-v4", episodes=1)
    agents = [GAIL("Hopper-v4", hopper, num_envs=4, seed=seed, config=SMALL).learn(256) for seed in (1, 1, 2)]
    weights = [agent.learner.policy.action_net.weight for agent in agents]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_discrete_actions(tmp_path: Path) -> None:
    class Balance:
        """Pushes towards the side that the pole falls to."""

        def predict(self, observation: np.ndarray, **_: Any) -> Any:
            return (observation[:, 2] + 0.3 * observation[:, 3] > 0).astype(np.int64), None

    env = make_vec_env("CartPole-v1", 1, seed=0)
    observations, actions = [env.reset()[0]], []
    for _ in range(100):
        action, _ = Balance().predict(observations[-1][None])
        observations.append(env.step(action)[0][0])
        actions.append(action[0])
    trajectory = Trajectory(
        observations=np.array(observations),
        actions=np.array(actions),
        rewards=np.ones(100),
        terminated=False,
        truncated=True,
    )
    demonstrations = Demonstrations.from_trajectories([trajectory], env_id="CartPole-v1")
    agent = GAIL("CartPole-v1", demonstrations, num_envs=8, seed=0, config=SMALL).learn(1024)
    action, _ = agent.predict(np.zeros(4))
    assert action in (0, 1)
    agent.save(tmp_path / "agent")
    assert GAIL.load(tmp_path / "agent").predict(np.zeros(4))[0] == action


def test_wrong_demonstrations_are_refused(demonstrations: Demonstrations) -> None:
    with pytest.raises(InputError, match="Hopper-v4, the environment is Hopper-v5"):
        GAIL("Hopper-v5", load_demonstrations("Hopper-v4", episodes=1), num_envs=2)
    with pytest.raises(InputError, match="observation columns"):
        GAIL("Hopper-v4", demonstrations, num_envs=2)


def test_standardisers_give_each_side_one_half(demonstrations: Demonstrations) -> None:
    expert = demonstrations.transitions(spaces.Box(-1, 1, (2,)))
    fitted = fit_standardisers(expert, random_steps(point_envs(4), 1000, 0)).observations
    # The expert rests at the goal, random steps are spread about 0: the mean lies between the two.
    assert 0.2 < float(fitted.mean[0]) < 0.5
    one_row = fit_standardisers(expert[:1], random_steps(point_envs(4), 1000, 0)).observations
    assert float(one_row.mean[0]) == pytest.approx(0.5 * float(expert.observations[0, 0]), abs=0.15)


def test_a_time_limit_cuts_the_episodes_of_training_short(demonstrations: Demonstrations, tmp_path: Path) -> None:
    hopper = load_demonstrations("Hopper-v4", episodes=1)
    config = replace(SMALL, time_limit=7)  # none falls so soon
    agent = GAIL("Hopper-v4", hopper, num_envs=4, seed=0, config=config).learn(4 * 32)
    assert {int(episode["l"]) for episode in agent.learner.ep_info_buffer or ()} == {7}
    with pytest.raises(InputError, match="time_limit"):
        GAIL(point_envs(4), demonstrations, config=config)
    agent.save(tmp_path / "agent")
    assert GAIL.load(tmp_path / "agent", demonstrations=hopper).config.time_limit == 7
    GAIL.load(tmp_path / "agent", env=make_vec_env("Hopper-v4", 4), demonstrations=hopper)  # its own limit


def test_humanoid_is_seen_by_positions_and_velocities() -> None:
    columns = position_velocity_columns("Humanoid-v4", 376)
    assert columns is not None
    assert len(columns) == 45
    assert position_velocity_columns("Hopper-v4", 11) is None
    assert position_velocity_columns(None, 376) is None


def test_spaces_that_nothing_here_can_imitate_are_refused() -> None:
    with pytest.raises(InputError, match="Box of one dimension"):
        GAIL("Blackjack-v1", None, num_envs=1)
