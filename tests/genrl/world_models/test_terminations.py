import numpy as np
import pytest
import torch

from genrl.envs import make_vec_env
from genrl.world_models import known_termination


@pytest.mark.parametrize("env_id", ["Hopper-v4", "Walker2d-v4", "Ant-v4", "Humanoid-v4", "HalfCheetah-v4"])
def test_the_rule_is_that_of_the_task(env_id: str) -> None:
    rule = known_termination(env_id)
    assert rule is not None
    env = make_vec_env(env_id, 8, num_threads=1, seed=0, max_episode_steps=60)
    env.reset()
    rng, terminated, lived = np.random.default_rng(0), 0, 0
    for _ in range(120):
        actions = rng.uniform(env.action_space.low, env.action_space.high, (8, *env.action_space.shape))
        observations, _, dones, infos = env.step(actions.astype(np.float32))
        for i in range(8):
            after = infos[i]["terminal_observation"] if dones[i] else observations[i]
            over = bool(dones[i]) and not infos[i]["TimeLimit.truncated"]
            assert bool(rule(torch.as_tensor(after, dtype=torch.float32)[None])) == over
            terminated, lived = terminated + over, lived + (not over)
    env.close()
    assert lived > 0
    assert terminated > 0 or env_id in ("HalfCheetah-v4", "Ant-v4")


def test_of_other_tasks_no_rule_is_known() -> None:
    assert known_termination("CartPole-v1") is None
