import pytest
import torch
from sb3_contrib import TQC, TRPO, CrossQ
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from genrl.envs import make_vec_env
from genrl.errors import InputError
from genrl.training import random_state, read_checkpoint, restore_random_state, seed_everything, write_checkpoint
from genrl.training.learner_state import LearnerState, learner_state, restore_learner
from genrl.training.torch_threads import one_torch_thread

OFF_POLICY = {"learning_starts": 20, "buffer_size": 60, "batch_size": 16, "train_freq": 1}
ARGUMENTS = {
    PPO: {"n_steps": 20, "batch_size": 20},
    TRPO: {"n_steps": 20, "batch_size": 20},
    SAC: OFF_POLICY,
    TD3: OFF_POLICY,
    TQC: OFF_POLICY,
    CrossQ: OFF_POLICY,
}
SMALL = {"net_arch": [8]}


@pytest.fixture(autouse=True)
def one_thread():
    with one_torch_thread():
        yield


def a_learner(algorithm, *, normalise, seed=0, policy_kwargs=SMALL):
    env = VecMonitor(make_vec_env("Hopper-v4", 2, seed=seed))
    env = VecNormalize(env) if normalise else env
    return algorithm(
        "MlpPolicy", env, seed=seed, policy_kwargs=dict(policy_kwargs), device="cpu", **ARGUMENTS[algorithm]
    )


def go_on(learner, steps=80):
    return learner.learn(steps, reset_num_timesteps=False)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("algorithm", list(ARGUMENTS))
def test_a_restored_learner_goes_on_as_if_nothing_had_happened(algorithm, normalise, tmp_path):
    seed_everything(0)
    first = a_learner(algorithm, normalise=normalise).learn(80)
    state = learner_state(first)
    arrays = {**state.arrays, "random_state": random_state()}
    write_checkpoint(tmp_path / "80", tensors=state.tensors, documents=state.documents, arrays=arrays)
    go_on(first)

    seed_everything(7)
    second = a_learner(algorithm, normalise=normalise, seed=7)
    saved = read_checkpoint(tmp_path / "80")
    restore_learner(second, LearnerState(tensors=saved.tensors, documents=saved.documents, arrays=saved.arrays))
    restore_random_state(saved.arrays["random_state"])
    assert second.num_timesteps == 80
    go_on(second)

    assert second.num_timesteps == first.num_timesteps
    for name, tensor in first.policy.state_dict().items():
        torch.testing.assert_close(second.policy.state_dict()[name], tensor, rtol=0, atol=0)
    assert [e["r"] for e in second.ep_info_buffer] == pytest.approx([e["r"] for e in first.ep_info_buffer])


def test_the_temperature_of_sac_is_kept():
    learner = a_learner(SAC, normalise=False).learn(80)
    assert learner.log_ent_coef.item() != 0
    other = a_learner(SAC, normalise=False, seed=1)
    restore_learner(other, learner_state(learner))
    assert other.log_ent_coef.item() == learner.log_ent_coef.item()
    assert other.log_ent_coef is other.ent_coef_optimizer.param_groups[0]["params"][0]


def test_the_random_actions_of_the_warm_up_are_kept():
    learner = a_learner(SAC, normalise=False).learn(10)
    other = a_learner(SAC, normalise=False, seed=1)
    restore_learner(other, learner_state(learner))
    following = [learner.action_space.sample().tolist() for _ in range(3)]
    assert [other.action_space.sample().tolist() for _ in range(3)] == following


def test_another_network_is_refused():
    state = learner_state(a_learner(PPO, normalise=False))
    with pytest.raises(InputError, match="does not fit"):
        restore_learner(a_learner(PPO, normalise=False, policy_kwargs={"net_arch": [9]}), state)


def test_another_number_of_environments_is_refused():
    state = learner_state(a_learner(SAC, normalise=False).learn(40))
    env = VecMonitor(make_vec_env("Hopper-v4", 3, seed=0))
    other = SAC("MlpPolicy", env, policy_kwargs=dict(SMALL), device="cpu", **OFF_POLICY)
    with pytest.raises(InputError, match="as many environments"):
        restore_learner(other, state)
