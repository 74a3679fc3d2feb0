"""Pixels that are told as distances from the pixel above."""

import pytest
import torch
from pixel_cases import QUICK, all_images, random_images

from genrl.autoregressive import GatedPixelCNN, PixelInputs
from genrl.errors import InputError


def relative(levels: int = 8, relative: bool = True) -> GatedPixelCNN:
    torch.manual_seed(0)
    return GatedPixelCNN(width=8, layers=2, levels=levels, output="logistics", relative=relative, fitting=QUICK)


@pytest.mark.parametrize("shape", [(1, 2, 2), (2, 2, 1)])
def test_all_small_images_sum_to_one(shape: tuple[int, int, int]) -> None:
    model = relative(levels=3).build(shape)
    assert model.log_prob(all_images(3, shape)).exp().sum().item() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 4, 3), (3, 5, 1)])
def test_cached_samples_are_those_of_full_passes(shape: tuple[int, int, int]) -> None:
    model = relative().fit(random_images(64, 8, shape))
    torch.manual_seed(0)
    cached = model.sample(20)
    torch.manual_seed(0)
    assert torch.equal(cached, model.sample_by_full_passes(20))


def test_before_it_has_learned_anything_a_pixel_is_near_the_one_above() -> None:
    model = relative(levels=64).build((1, 2, 1))
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.zero_()
        for first in (8.0, 40.0):
            after = torch.stack([torch.full((64,), first), torch.arange(64.0)], 1).reshape(64, 1, 2, 1)
            inside = model.log_prob(after)[1:-1]  # the first and the last level have the tails
            assert inside.argmax().item() + 1 == first


def test_levels_without_an_order_are_refused() -> None:
    with pytest.raises(InputError, match="relative pixels are grey"):
        GatedPixelCNN(levels=4, relative=True)
    with pytest.raises(InputError, match="relative pixels are grey"):
        GatedPixelCNN(levels=4, output="logistics", relative=True, inputs=PixelInputs(embedding=2))
