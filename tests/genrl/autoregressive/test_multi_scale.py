import math
from pathlib import Path

import pytest
import torch
from learned import Learned
from pixel_cases import all_images, random_images, small

from genrl.autoregressive import MultiScale, PixelCNN, PixelInputs, SequenceModel
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.training.gradient_fitting import GradientFitting

GRID = PixelInputs(context_shape=(1, 1, 2))
BESIDE = PixelInputs(context_shape=(1, 1, 2), context_beside=3)


def two(levels=None, inputs=GRID, **settings):
    coarse = small("row", levels=levels, **settings)
    return MultiScale(coarse=coarse, fine=small("gated_pixel_cnn", levels=levels, inputs=inputs, **settings))


def test_all_small_images_sum_to_one():
    model, images = two(levels=2).build((1, 2, 4)), all_images(2, (1, 2, 4))
    assert model.log_prob(images).exp().sum().item() == pytest.approx(1.0, abs=1e-4)


def test_given_a_context_all_small_images_sum_to_one():
    model, images = two(levels=2, inputs=BESIDE).build((1, 2, 4), 3), all_images(2, (1, 2, 4))
    for row in torch.eye(3):
        assert model.log_prob(images, row.expand(len(images), 3)).exp().sum().item() == pytest.approx(1.0, abs=1e-4)
    assert model.sample(5, torch.eye(3)).shape == (5, 3, 1, 2, 4)


def test_both_scales_follow_a_label(seed: int, learned: Learned):
    torch.manual_seed(seed)
    y = torch.arange(200) % 2
    x = y[:, None, None, None].expand(200, 1, 2, 4).float()
    fitting = GradientFitting(updates=40, batch_size=64, learning_rate=0.05)
    model = two(levels=2, inputs=PixelInputs(context_shape=(1, 1, 2), context_beside=2), fitting=fitting).fit(x, y)
    drawn = model.sample(50, torch.tensor([0, 1]))
    learned("mean of one label", drawn[:, 0].mean(), below=0.1, baseline=0.5)
    learned("mean of the other", drawn[:, 1].mean(), above=0.9, baseline=0.5)


@pytest.mark.slow
def test_what_is_fine_follows_what_is_coarse(seed: int, learned: Learned):
    x = random_images(300, 2, (1, 1, 2)).repeat_interleave(2, 2).repeat_interleave(2, 3)
    fitting = GradientFitting(updates=60, batch_size=64, learning_rate=0.02)
    model = two(fitting=fitting).fit(x)
    torch.manual_seed(seed)
    drawn = model.sample(200)
    coarse = drawn[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    learned("right pixels", (drawn == coarse).float().mean(), above=0.9, baseline=0.5)
    nats = -model.log_prob(x).mean().detach()
    learned("error of the likelihood", (nats - 2 * 0.693).abs(), below=0.3, baseline=6 * 0.693)  # two bits of eight


def test_both_models_are_saved(tmp_path: Path):
    x = random_images(40, 3, (1, 2, 4))
    model = two().fit(x)
    model.save(tmp_path)
    loaded = GenerativeModel.load(tmp_path)
    assert torch.equal(loaded.log_prob(x), model.log_prob(x))
    assert model.sample((2, 3)).shape == (2, 3, 1, 2, 4)


def test_wrong_parts_are_refused():
    with pytest.raises(InputError, match="context must have 2 columns"):
        two().build((1, 4, 4))
    with pytest.raises(InputError, match="context must have 2 columns"):
        two(levels=3).build((1, 2, 4), 2)
    with pytest.raises(InputError, match="factor"):
        MultiScale(coarse=small("row"), fine=small("row"), factor=1)
    with pytest.raises(InputError, match="X must hold images"):
        MultiScale(coarse=SequenceModel(), fine=SequenceModel()).build(4)


def test_the_second_model_is_by_default_like_the_first():
    x = random_images(40, 3, (1, 4, 4))
    x[:, :, ::2, ::2] = 0.0  # the coarse pixels show one level of three
    model = MultiScale(coarse=small("pixel_cnn", levels=None)).fit(x)
    assert isinstance(model.fine, PixelCNN)
    assert (model.fine.width, int(model.coarse.found_levels), int(model.fine.found_levels)) == (12, 3, 3)
    assert torch.isfinite(model.log_prob(random_images(5, 3, (1, 4, 4)))).all()
    assert model.build((1, 6, 6), 2).sample((), torch.eye(2)).shape == (2, 1, 6, 6)
    assert int(model.fit(random_images(40, 5, (1, 4, 4))).coarse.found_levels) == 5  # counted anew by each fit
    with pytest.raises(InputError, match="a SequenceModel cannot be told"):
        MultiScale(coarse=SequenceModel())


def test_bits_are_those_of_the_probabilities():
    model, x = two(levels=2).build((1, 2, 4)), random_images(20, 2, (1, 2, 4))
    expected = -model.log_prob(x).mean().item() / (8 * math.log(2))
    assert model.bits_per_dim(x) == pytest.approx(expected, rel=1e-5)


def test_the_mode_is_the_draw_without_a_choice():
    model = two(levels=2, inputs=BESIDE).build((1, 2, 4), 3)
    assert model.mode(torch.eye(3)).shape == (3, 1, 2, 4)
    assert torch.equal(model.mode(torch.eye(3)), model.mode(torch.eye(3)))
    none_known = torch.zeros(1, 2, 4, dtype=torch.bool)
    found = model.complete(torch.zeros(3, 1, 2, 4), none_known, torch.eye(3), temperature=0.0)
    assert torch.equal(found, model.mode(torch.eye(3)))
    assert two(levels=2).build((1, 2, 4)).mode().shape == (1, 2, 4)


@pytest.mark.parametrize("candidates", [1, 4])
def test_what_is_known_is_kept(candidates):
    model, x = two(levels=2).build((1, 2, 4)), random_images(30, 2, (1, 2, 4))
    mask = torch.rand(30, 1, 2, 4) < 0.5
    found = model.complete(x, mask, candidates=candidates)
    assert (found[mask] == x[mask]).all()
    assert ((found == 0) | (found == 1)).all()
    assert torch.equal(model.complete(x, torch.ones(1, 2, 4, dtype=torch.bool)), x)
    with pytest.raises(InputError, match="candidates"):
        model.complete(x, mask, candidates=0)


def test_completions_follow_the_conditional_probabilities():
    """Of four pixels the last is known, which is drawn after all others; against the sum over all images."""
    torch.manual_seed(0)
    images = all_images(2, (1, 2, 2))
    model = two(levels=2, inputs=PixelInputs(context_shape=(1, 1, 1))).build((1, 2, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
        chances = model.log_prob(images).exp()
    mask = torch.tensor([[[False, False], [False, True]]])
    known = images[:, 0, 1, 1] == 1
    expected = (chances[known] @ images[known].flatten(1)) / chances[known].sum()
    drawn = model.complete(torch.ones(2000, 1, 2, 2), mask, candidates=64).flatten(1).mean(0)
    torch.testing.assert_close(drawn, expected, atol=0.04, rtol=0.0)
