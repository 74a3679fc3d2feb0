import pytest
import torch
from learned import Learned
from torch import nn

from genrl.errors import InputError
from genrl.gans.losses import cross_entropy_discriminator
from genrl.gans.penalties import interpolation_penalty
from genrl.nn import ExtraColumn, Standardise
from genrl.protocols import RewardModel
from genrl.rewards import (
    AbsorbingReward,
    AdversarialReward,
    AdversarialTraining,
    Discriminator,
    TransitionInputs,
    forms,
)
from genrl.rewards.absorbing import absorbing_rows, with_indicator


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def reward(self, transitions):
        return torch.full((len(transitions),), self.value)

    def update(self, expert, learner):
        return {}


class Indicator(Constant):
    """Pays `value` in the absorbing state and the first column elsewhere."""

    def reward(self, transitions):
        absorbing = transitions.observations[:, -1] == 1
        return torch.where(absorbing, self.value, transitions.observations[:, 0])


def test_the_indicator_marks_the_absorbing_state_only(make):
    plain = make(5, terminated=2)
    marked = with_indicator(plain)
    assert torch.equal(marked.observations[:, :-1], plain.observations)
    assert (marked.observations[:, -1] == 0).all()
    assert torch.equal(marked.next_observations[:3, :-1], plain.next_observations[:3])
    assert marked.next_observations[:, -1].tolist() == [0, 0, 0, 1, 1]
    assert (marked.next_observations[3:, :-1] == 0).all()
    assert torch.equal(marked.actions, plain.actions)


def test_absorbing_rows_are_the_successors_of_terminal_ones(make):
    plain = make(5, terminated=2)
    rows = absorbing_rows(plain[plain.terminations])
    assert len(rows) == 2
    assert torch.equal(rows.observations, with_indicator(plain).next_observations[3:])
    assert torch.equal(rows.observations, rows.next_observations)
    assert (rows.actions == 0).all()
    assert not rows.terminations.any()


def test_a_terminal_step_earns_what_follows(make):
    plain = make(6, terminated=2)
    rewards = AbsorbingReward(Indicator(-0.5), gamma=0.9).reward(plain)
    expected = plain.observations[:, 0].clone()
    expected[4:] += 0.9 / (1 - 0.9) * -0.5
    torch.testing.assert_close(rewards, expected)


@pytest.mark.parametrize("value", [1.0, -1.0])
@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.99])
def test_a_constant_reward_is_worth_the_same_however_long_the_episode(make, value, gamma):
    """Without absorbing states, one sign pays for surviving and the other for dying; with them, neither."""
    model = AbsorbingReward(Constant(value), gamma=gamma)
    for length in (1, 2, 10):
        rewards = model.reward(make(length, terminated=1))
        worth = (rewards * gamma ** torch.arange(length)).sum()
        assert worth.item() == pytest.approx(value / (1 - gamma), rel=1e-4)


def test_both_sides_are_shown_one_absorbing_step_a_termination(make, first_column):
    model = AbsorbingReward(first_column, gamma=0.9)
    assert model.update(make(6, terminated=0), make(5, terminated=2, seed=1)) == {"loss": 0.5}
    expert, learner = first_column.shown
    assert expert.observations.shape == (6, 4)
    assert learner.observations.shape == (7, 4)
    assert learner.observations[:, -1].tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_an_imitator_learns_not_to_end_where_the_expert_never_does(make, seed: int, learned: Learned):
    torch.manual_seed(seed)
    inputs = TransitionInputs("state", ExtraColumn(Standardise.identity(3)), Standardise.identity(2))
    training = AdversarialTraining(steps=60, batch_size=64, learning_rate=3e-3, penalty_weight=1.0)
    inner = AdversarialReward(
        Discriminator(inputs, hidden=(16,)),
        loss=cross_entropy_discriminator,
        penalty=interpolation_penalty,
        form=forms.airl,
        training=training,
    )
    model = AbsorbingReward(inner, gamma=0.9)
    assert isinstance(model, RewardModel)
    learner = make(64, terminated=16, seed=1)
    model.update(make(64, seed=2), learner)
    rewards = model.reward(learner)
    less = rewards[learner.terminations].mean() - rewards[~learner.terminations].mean()
    learned("reward of an end above the others'", less, below=-1.0, baseline=0.0)


@pytest.mark.parametrize("gamma", [1.0, 1.5, -0.1, float("nan")])
def test_an_impossible_discount_is_refused(gamma):
    with pytest.raises(InputError, match="discount"):
        AbsorbingReward(Constant(0.0), gamma=gamma)
