import torch
from learned import Learned
from straight_lines import drifting

from genrl.planners import RowDynamics, TrajectoryColumns, cut_trajectories
from genrl.training.gradient_fitting import GradientFitting

COLUMNS = TrajectoryColumns(observations=2, actions=1, goal=(1,))
QUICK = GradientFitting(updates=150, learning_rate=1e-2)


def test_what_breaks_the_rules_is_seen(seed: int, learned: Learned) -> None:
    grids = cut_trajectories(drifting(episodes=40, seed=seed), COLUMNS, horizon=4)
    rules = RowDynamics(COLUMNS, hidden=(32,), fitting=QUICK).fit(grids)
    real = rules.error(cut_trajectories(drifting(episodes=10, seed=99), COLUMNS, horizon=4))
    learned("error of what obeys", real, below=0.2, baseline=1.0)
    jump = grids.clone()
    jump[:, 2:, 0] += 1.0  # of deviation 0.58 is a move; one of three is wrong
    expected = (1 / 0.58) / 3**0.5
    learned("error of the jump", abs(rules.error(jump) - expected), below=0.2, baseline=expected)
    elsewhere = grids + torch.tensor([0.0, 5.0, 0.0])
    assert rules.error(elsewhere) == rules.error(grids), "a goal obeys no rules"
