import pytest
import torch

from genrl.errors import InputError
from genrl.protocols import RewardModel
from genrl.rewards import FrozenReward, StandardisedReward


def scaled(batch, factor, shift=0.0):
    batch.observations.mul_(factor).add_(shift)
    return batch


def test_the_learner_earns_mean_offset_and_unit_deviation(make, first_column):
    model = StandardisedReward(first_column, offset=1.0)
    learner = scaled(make(500), 40.0, shift=-300.0)
    assert model.update(make(5, seed=1), learner) == {"loss": 0.5}
    rewards = model.reward(learner)
    assert rewards.mean().item() == pytest.approx(1.0, abs=1e-4)
    assert rewards.std(correction=0).item() == pytest.approx(1.0, abs=1e-4)
    assert isinstance(model, RewardModel)


def test_the_scale_multiplies_the_offset_too(make, first_column):
    plain, scaled_down = StandardisedReward(first_column), StandardisedReward(first_column, scale=0.1)
    learner = make(100)
    for model in (plain, scaled_down):
        model.update(make(5), learner)
    torch.testing.assert_close(scaled_down.reward(learner), 0.1 * plain.reward(learner))


def test_the_inner_model_learns_before_the_statistics_are_taken(make, first_column):
    class Moving(type(first_column)):
        level = 0.0

        def reward(self, transitions):
            return super().reward(transitions) + self.level

        def update(self, expert, learner):
            self.level = 1000.0
            return {}

    model = StandardisedReward(Moving())
    learner = make(200)
    model.update(make(5), learner)
    assert model.reward(learner).mean().item() == pytest.approx(1.0, abs=1e-3)


def test_order_is_kept_and_a_row_is_paid_for_itself(make, first_column):
    model = StandardisedReward(first_column)
    learner = make(50)
    model.update(make(5), learner)
    rewards = model.reward(learner)
    assert torch.equal(rewards.argsort(), learner.observations[:, 0].argsort())
    one_by_one = torch.cat([model.reward(learner[i : i + 1]) for i in range(50)])
    torch.testing.assert_close(rewards, one_by_one)
    before = model.state_dict()
    model.reward(scaled(make(9), 99.0))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_noise_is_not_scaled_up_to_a_signal(make, first_column):
    learner = scaled(make(100), 1e-6, shift=0.3)
    model = StandardisedReward(first_column, floor=0.1)
    model.update(make(5), learner)
    torch.testing.assert_close(model.reward(learner), torch.ones(100), atol=1e-4, rtol=0)
    constant = learner.map(lambda tensor: tensor * 0)
    model.update(make(5), constant)
    assert torch.equal(model.reward(constant), torch.ones(100))


def test_the_first_statistics_are_taken_whole_and_later_ones_averaged(make, first_column):
    model = StandardisedReward(first_column, momentum=0.25)
    first, second = scaled(make(400), 2.0, shift=8.0), scaled(make(400, seed=1), 6.0, shift=-3.0)
    of_first, of_second = first.observations[:, 0], second.observations[:, 0]
    model.update(make(5), first)
    assert model.mean.item() == pytest.approx(of_first.mean().item(), rel=1e-4)
    assert model.std.item() == pytest.approx(of_first.std(correction=0).item(), rel=1e-4)
    model.update(make(5), second)
    for statistic, old, new in (
        (model.mean, of_first.mean(), of_second.mean()),
        (model.std, of_first.std(correction=0), of_second.std(correction=0)),
    ):
        assert statistic.item() == pytest.approx(0.75 * old.item() + 0.25 * new.item(), rel=1e-4)


def test_statistics_travel_in_the_state_dict(make, first_column):
    model, other = StandardisedReward(first_column), StandardisedReward(type(first_column)())
    model.update(make(5), scaled(make(40), 7.0))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.reward(make(9)), model.reward(make(9)))


def test_a_reward_with_gradients_leaves_none_in_the_statistics(make, first_column):
    class Differentiable(type(first_column)):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def reward(self, transitions):
            return self.weight * super().reward(transitions)

    model = StandardisedReward(Differentiable())
    model.update(make(5), make(40))
    assert not model.mean.requires_grad
    assert not model.std.requires_grad


@pytest.mark.parametrize("settings", [{"momentum": 0.0}, {"momentum": 1.5}, {"floor": 0.0}, {"floor": float("nan")}])
def test_impossible_settings_are_refused(settings, first_column):
    with pytest.raises(InputError, match="momentum must be in"):
        StandardisedReward(first_column, **settings)


def test_the_control_pays_but_never_learns(make, first_column):
    control = FrozenReward(first_column)
    assert isinstance(control, RewardModel)
    assert torch.equal(control.reward(make(5)), first_column.reward(make(5)))
    assert control.update(make(5), make(5)) == {}
    assert first_column.shown is None
