"""The recipe on a real task, with several seeds: what the README says must hold again."""

import pytest

from agents.gail import GAIL
from agents.gail_config import GAILConfig
from experts import load_demonstrations
from genrl.evaluation import evaluate_policy


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_hopper_is_imitated_from_four_trajectories(seed: int) -> None:
    demonstrations = load_demonstrations("Hopper-v4", episodes=4)
    agent = GAIL("Hopper-v4", demonstrations, seed=seed).learn(800_000)
    assert demonstrations.expert_return is not None
    assert evaluate_policy(agent, "Hopper-v4", 10).returns.mean() > 0.85 * demonstrations.expert_return


@pytest.mark.slow
def test_hopper_without_demonstrations_is_not() -> None:
    demonstrations = load_demonstrations("Hopper-v4", episodes=4)
    agent = GAIL("Hopper-v4", demonstrations, seed=1, config=GAILConfig(zero_demonstrations=True)).learn(400_000)
    assert demonstrations.expert_return is not None
    assert evaluate_policy(agent, "Hopper-v4", 10).returns.mean() < 0.5 * demonstrations.expert_return
