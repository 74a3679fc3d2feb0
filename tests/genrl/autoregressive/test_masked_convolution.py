import pytest
import torch

from genrl.autoregressive.caches import EVERYWHERE, Cache
from genrl.autoregressive.masked_convolution import MaskedConvolution, groups

ONE = groups(1, 1)


def seen(convolution: MaskedConvolution, row: int, column: int, size: int = 5) -> list[tuple[int, int]]:
    """The pixels that influence the one at (row, column)."""
    x = torch.randn(1, convolution.weight.shape[1], size, size, requires_grad=True)
    convolution(x)[0, :, row, column].sum().backward()
    return [tuple(each) for each in x.grad.abs().sum((0, 1)).nonzero().tolist()]


@pytest.mark.parametrize(("mask_type", "own"), [("A", []), ("B", [(2, 2)])])
def test_a_square_is_seen_up_to_the_own_pixel(mask_type, own):
    before = [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert seen(MaskedConvolution.raster(ONE, ONE, 3, mask_type), 2, 2) == before + own


@pytest.mark.parametrize(("mask_type", "own"), [("A", []), ("B", [(2, 2)])])
def test_the_own_row_is_seen_up_to_the_own_pixel(mask_type, own):
    assert seen(MaskedConvolution.horizontal(ONE, ONE, 2, mask_type), 2, 2) == [(2, 0), (2, 1), *own]


def test_a_vertical_one_sees_whole_rows():
    assert seen(MaskedConvolution.vertical(1, 1, 5), 3, 2) == [
        (row, column) for row in (1, 2, 3) for column in range(5)
    ]


def test_a_kernel_may_be_higher_than_wide():
    assert seen(MaskedConvolution.raster(ONE, ONE, (5, 1), "A"), 3, 2) == [(1, 2), (2, 2)]
    assert seen(MaskedConvolution.vertical(1, 1, (3, 1)), 3, 2) == [(2, 2), (3, 2)]


def test_at_the_rim_there_are_zeros():
    convolution = MaskedConvolution.raster(ONE, ONE, 5, "B")
    assert seen(convolution, 0, 0) == [(0, 0)]
    assert seen(convolution, 0, 4) == [(0, 2), (0, 3), (0, 4)]


@pytest.mark.parametrize(("mask_type", "channels"), [("A", [[], [0], [0, 1]]), ("B", [[0], [0, 1], [0, 1, 2]])])
def test_channels_of_a_pixel_follow_one_another(mask_type, channels):
    convolution = MaskedConvolution.raster(groups(3, 3), groups(6, 3), 3, mask_type)
    for feature in range(6):
        x = torch.randn(1, 3, 5, 5, requires_grad=True)
        convolution(x)[0, feature, 2, 2].backward()
        assert x.grad[0, :, 2, 2].nonzero().flatten().tolist() == channels[feature // 2]
        assert (x.grad[0, :, 1, 2] != 0).all()


def test_features_are_shared_out():
    assert groups(5, 2).tolist() == [0, 0, 0, 1, 1]
    assert groups(2, 1, 2).tolist() == [0, 0, 0, 0]
    assert groups(4, 2, 2).tolist() == [0, 0, 1, 1, 0, 0, 1, 1]


CONVOLUTIONS = {
    "raster": lambda: MaskedConvolution.raster(groups(4, 2), groups(6, 2), 5, "B"),
    "type A": lambda: MaskedConvolution.raster(groups(4, 2), groups(6, 2), 3, "A"),
    "horizontal": lambda: MaskedConvolution.horizontal(groups(4, 2), groups(6, 2), 2, "B"),
    "one pixel": lambda: MaskedConvolution.raster(groups(4, 2), groups(6, 2), 1, "B"),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_a_cache_computes_one_place_as_the_whole(kind):
    torch.manual_seed(0)
    convolution, x = CONVOLUTIONS[kind](), torch.randn(3, 4, 4, 6)
    cache = Cache()
    cache(convolution, torch.randn(3, 4, 4, 6))  # what is still to come holds anything
    whole = EVERYWHERE(convolution, x)
    for row in range(4):
        for column in range(6):
            here = cache.at(row, column)(convolution, x[:, :, row, column])
            assert torch.allclose(here, whole[:, :, row, column], atol=1e-5)


def test_a_cache_computes_one_row_as_the_whole():
    torch.manual_seed(0)
    convolution, x = MaskedConvolution.vertical(4, 6, 3), torch.randn(3, 4, 4, 6)
    cache = Cache()
    assert torch.equal(cache(convolution, x), convolution(x))
    other = torch.randn_like(x)
    for row in range(4):
        here = cache.at_row(row, 6)(convolution, other[:, :, row : row + 1])
        assert torch.allclose(here[:, :, 0], convolution(other)[:, :, row], atol=1e-5)


def test_a_cache_crops_maps_of_every_kind():
    cache, whole = Cache(), torch.randn(2, 3, 4, 5)
    assert cache.crop(whole) is whole
    assert EVERYWHERE.crop(whole) is whole
    assert torch.equal(cache.at(1, 2).crop(whole), whole[:, :, 1, 2])
    assert torch.equal(cache.at(1, 2).crop(whole[:, :, :1, :1]), whole[:, :, 0, 0])
    assert torch.equal(cache.at_row(3, 5).crop(whole), whole[:, :, 3:])
