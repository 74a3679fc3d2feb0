import warnings

import pytest
import torch
from learned import Learned

from genrl.errors import InputError
from genrl.gans import AdversarialFitting, StyleGAN


def built(size=(16, 16), context=0, **settings):
    torch.manual_seed(0)
    small = {"channels": 6, "noise_features": 5, "style_features": 7, "mapping_layers": 2}
    return StyleGAN(**{**small, **settings}).build((1, *size), context)


def moments(features):
    return torch.stack([features.mean((2, 3)), features.std((2, 3), correction=0)])


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_swap_of_styles_changes_its_level_and_leaves_the_coarser_ones(level):
    model = built()
    network, noises = model.generator, model.generator.noises(4)
    first, second = model.styles(torch.randn(4, 5)), model.styles(torch.randn(4, 5))
    before = network.features(first, noises)
    after = network.features(model.mixed(first, second, level=level), noises)
    for coarser in range(level):
        assert torch.equal(before[coarser], after[coarser])
    assert (moments(before[level]) - moments(after[level])).abs().mean() > 0.05


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_statistics_of_a_level_are_those_that_its_style_says(level):
    """Whatever the coarser levels draw: mean and deviation of each channel are the style's shift and scale."""
    model = built()
    network, noises = model.generator, model.generator.noises(4)
    styles = model.mixed(model.styles(torch.randn(4, 5)), model.styles(torch.randn(4, 5)), level=level)
    scale, shift = network.layers[2 * level + 1].affine(styles[:, 2 * level + 1]).chunk(2, 1)
    mean, deviation = moments(network.features(styles, noises)[level])
    torch.testing.assert_close(mean, shift, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(deviation, scale.abs(), atol=1e-4, rtol=1e-4)


def test_mixing_takes_each_level_whole():
    model = built()
    first, second = torch.zeros(2, 6, 7), torch.ones(2, 6, 7)
    assert [model.mixed(first, second, level=level)[0, :, 0].tolist() for level in (0, 1, 3)] == [
        [1, 1, 1, 1, 1, 1],
        [0, 0, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0],
    ]
    with pytest.raises(InputError, match=r"level must be within 0 \.\. 3"):
        model.mixed(first, second, level=4)


def test_noise_inputs_move_details_and_no_statistics():
    model = built()
    network, styles = model.generator, model.styles(torch.randn(4, 5))
    quiet = [network.features(styles, network.noises(4)) for _ in range(2)]
    assert all(torch.equal(one, other) for one, other in zip(*quiet, strict=True))  # scaled by 0 at first
    for layer in network.layers:
        torch.nn.init.constant_(layer.noise_scale, 0.5)
    one, other = (network.features(styles, network.noises(4)) for _ in range(2))
    for level in range(3):
        assert not torch.allclose(one[level], other[level], atol=0.1)
        torch.testing.assert_close(moments(one[level]), moments(other[level]), atol=1e-4, rtol=1e-4)


def test_styles_are_mixed_while_training_and_only_then():
    model = built(mixing=1.0)
    network, noise, seen = model.generator, torch.randn(4, 5), []
    keep = network.synthesise
    network.synthesise = lambda styles, noises: seen.append(styles) or keep(styles, noises)
    network.eval()(noise)
    network.train()(noise)
    asked, mixed = seen
    assert torch.equal(asked, network.styles(noise))
    same = [torch.equal(mixed[:, layer], asked[:, layer]) for layer in range(6)]
    crossing = same.index(False)
    assert crossing >= 1
    assert same == [True] * crossing + [False] * (6 - crossing)


def test_the_mapping_knows_a_direction_not_a_length():
    model, noise = built(), torch.randn(3, 5)
    torch.testing.assert_close(model.styles(noise), model.styles(7 * noise), atol=1e-4, rtol=1e-4)


def test_styles_come_back_as_images_in_the_units_of_the_data():
    x = 10 + 5 * torch.rand(60, 1, 8, 8)
    fitting = AdversarialFitting(updates=4, batch_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = StyleGAN(channels=4, style_features=6, noise_features=5, fitting=fitting).fit(x, torch.arange(60) % 2)
    noise, labels = torch.randn(7, 5), torch.arange(7) % 2
    styles = model.styles(noise, labels)
    torch.manual_seed(1)
    images = model.synthesise(styles)
    torch.manual_seed(1)
    torch.testing.assert_close(model.generate(noise, labels), images)
    assert images.shape == (7, 1, 8, 8)
    assert model.depth == 1
    with pytest.raises(InputError, match="styles must have the shape"):
        model.synthesise(styles[:, :3])
    with pytest.raises(InputError, match="noise must have the shape"):
        model.styles(torch.randn(7, 4), labels)


def test_it_grows_as_the_progressive_network_does():
    model, noise = built(), torch.randn(3, 5)
    images = []
    for depth in (0.0, 1e-6, 1.0):
        model.generator.depth.fill_(depth)
        images.append(model.generate(noise))
    torch.testing.assert_close(images[0], images[1], atol=1e-4, rtol=1e-4)
    assert torch.equal(images[0][:, :, ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3), images[0])
    assert not torch.allclose(images[1], images[2], atol=0.01)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"mixing": 1.5}, "mixing"), ({"mapping_layers": 0}, "mapping_layers"), ({"style_features": 0}, "style_features")],
)
def test_settings_out_of_range(settings, name):
    with pytest.raises(InputError, match=name):
        StyleGAN(**settings)


@pytest.mark.slow
def test_a_classifier_of_digits_recognises_conditional_samples(seed: int, learned: Learned):
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    x, y = load_digits(return_X_y=True)
    judge = SVC(gamma=0.001).fit(x, y)
    torch.manual_seed(seed)
    fitting = AdversarialFitting(updates=600, batch_size=64, learning_rate=1e-2)
    model = StyleGAN(channels=16, fitting=fitting).fit(x.reshape(-1, 1, 8, 8), y)
    asked = torch.arange(10).repeat(100)
    recognised = (judge.predict(model.sample(context=asked).flatten(1).numpy()) == asked.numpy()).mean()
    learned("digits recognised", recognised, above=0.7, baseline=0.1)
