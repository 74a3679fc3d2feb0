import pytest
import torch
from torch import nn

from genrl.transitions import Transitions


def make_transitions(rows=64, *, observation_dim=3, action_dim=2, shift=0.0, terminated=0, seed=0):
    """Normal observations around `shift`, normal actions; the last `terminated` rows end an episode."""
    generator = torch.Generator().manual_seed(seed)
    return Transitions(
        observations=torch.randn(rows, observation_dim, generator=generator) + shift,
        actions=torch.randn(rows, action_dim, generator=generator),
        next_observations=torch.randn(rows, observation_dim, generator=generator) + shift,
        terminations=torch.arange(rows) >= rows - terminated,
    )


class FirstColumn(nn.Module):
    """Pays the first observation column, and takes down what it is shown."""

    def __init__(self):
        super().__init__()
        self.shown = None

    def reward(self, transitions):
        return transitions.observations[:, 0]

    def update(self, expert, learner):
        self.shown = (expert, learner)
        return {"loss": 0.5}


@pytest.fixture
def make():
    return make_transitions


@pytest.fixture
def first_column():
    return FirstColumn()
