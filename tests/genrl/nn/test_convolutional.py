import pytest
import torch
from torch import nn

from genrl.nn import fractionally_strided, halved, strided


@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 3), (1, 1), (28, 28)])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_the_way_there_and_back(size: tuple[int, int], times: int) -> None:
    sizes = halved(size, times)
    channels = [2, 3, 4, 5][: times + 1]
    small = strided(channels)(torch.zeros(6, 2, *size))
    assert small.shape == (6, channels[-1], *sizes[-1])
    assert fractionally_strided(channels[::-1], sizes[::-1])(small).shape == (6, 2, *size)


def test_every_side_is_halved() -> None:
    assert halved((9, 2), 3) == [(9, 2), (5, 1), (3, 1), (2, 1)]


def test_strides_and_activations() -> None:
    there = list(strided([1, 4, 8], activation="tanh"))
    assert [type(layer) for layer in there] == [nn.Conv2d, nn.Tanh, nn.Conv2d, nn.Tanh]
    back = list(fractionally_strided([8, 4, 1], [(2, 2), (4, 4), (8, 8)], activation="elu"))
    assert [type(layer) for layer in back] == [nn.ELU, nn.ConvTranspose2d, nn.ELU, nn.ConvTranspose2d]
    assert all(layer.stride == (2, 2) for layer in [*there[::2], *back[1::2]])


def test_every_pixel_is_reached() -> None:
    layer = fractionally_strided([1, 1], [(3, 3), (5, 6)])
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(1.0)
    one = torch.zeros(1, 1, 3, 3)
    one[0, 0, 0, 0] = 1.0
    assert (layer(torch.ones(1, 1, 3, 3)) > 1.0).all()
    assert layer(one)[0, 0, 4, 4] == 1.0  # nothing but the bias: the filter is local
