import pytest
import torch
from hypothesis import settings

from genrl.transitions import Transitions

# The networks of the tests are small: more threads only wait for each other, and for the simulator's.
torch.set_num_threads(1)

# The same examples each time, and no clock: a busy machine is no error.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def normal_transitions(rows=64, *, observation_dim=3, action_dim=2, shift=0.0, terminated=0, seed=0):
    """Normal observations around `shift`, normal actions; the last `terminated` rows end an episode."""
    generator = torch.Generator().manual_seed(seed)
    return Transitions(
        observations=torch.randn(rows, observation_dim, generator=generator) + shift,
        actions=torch.randn(rows, action_dim, generator=generator),
        next_observations=torch.randn(rows, observation_dim, generator=generator) + shift,
        terminations=torch.arange(rows) >= rows - terminated,
    )


@pytest.fixture
def make_transitions():
    return normal_transitions
