import pytest
from point_env import WalkToGoal, play

from genrl.transitions import Demonstrations


@pytest.fixture(scope="session")
def demonstrations() -> Demonstrations:
    return Demonstrations.from_trajectories(play(WalkToGoal(), 10))
