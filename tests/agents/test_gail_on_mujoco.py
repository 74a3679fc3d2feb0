"""The recipe on a real task, with several seeds: what the README says must hold again."""

import pytest
from learned import Learned

from agents.gail import GAIL
from agents.gail_config import GAILConfig
from experts import load_demonstrations
from genrl.evaluation import evaluate_policy


@pytest.mark.slow
def test_hopper_is_imitated_from_four_trajectories(seed: int, learned: Learned) -> None:
    demonstrations = load_demonstrations("Hopper-v4", episodes=4)
    agent = GAIL("Hopper-v4", demonstrations, seed=seed).learn(800_000)
    assert demonstrations.expert_return is not None
    share = evaluate_policy(agent, "Hopper-v4", 10).returns.mean() / demonstrations.expert_return
    learned("share of the expert's return", share, above=0.85, baseline=0.0)


@pytest.mark.slow
def test_hopper_without_demonstrations_is_not(seed: int, learned: Learned) -> None:
    demonstrations = load_demonstrations("Hopper-v4", episodes=4)
    agent = GAIL("Hopper-v4", demonstrations, seed=seed, config=GAILConfig(zero_demonstrations=True)).learn(400_000)
    assert demonstrations.expert_return is not None
    share = evaluate_policy(agent, "Hopper-v4", 10).returns.mean() / demonstrations.expert_return
    learned("share of the expert's return", share, below=0.5, baseline=1.0)
