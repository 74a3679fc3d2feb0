import pytest
from torch import nn


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
def make(make_transitions):
    return make_transitions


@pytest.fixture
def first_column():
    return FirstColumn()
