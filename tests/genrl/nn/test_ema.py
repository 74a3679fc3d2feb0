import torch
from torch import nn

from genrl.nn import MovingAverage


def line(weight: float) -> nn.Linear:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, weight)
    return layer


def test_the_average_of_two_updates_by_hand() -> None:
    layer = line(1.0)
    average = MovingAverage(layer, 0.999)
    nn.init.constant_(layer.weight, 2.0)
    average.update()  # the decay starts at 1 / 10
    average.update()  # and goes on with 2 / 11
    with average.applied():
        torch.testing.assert_close(layer.weight.item(), 2 / 11 * (0.1 * 1 + 0.9 * 2) + 9 / 11 * 2)
    assert layer.weight.item() == 2.0


def test_the_decay_grows_to_the_one_asked_for() -> None:
    layer = line(0.0)
    average = MovingAverage(layer, 0.5)
    for _ in range(100):
        average.update()
    nn.init.constant_(layer.weight, 1.0)
    average.update()
    with average.applied():
        assert layer.weight.item() == 0.5


def test_no_decay_follows_the_network() -> None:
    layer = line(1.0)
    average = MovingAverage(layer, 0.0)
    nn.init.constant_(layer.weight, 3.0)
    average.update()
    with average.applied():
        assert layer.weight.item() == 3.0


def test_own_weights_come_back_after_an_error() -> None:
    layer = line(1.0)
    average = MovingAverage(layer, 0.9)
    nn.init.constant_(layer.weight, 4.0)
    try:
        with average.applied():
            assert layer.weight.item() == 1.0
            raise RuntimeError
    except RuntimeError:
        pass
    assert layer.weight.item() == 4.0
