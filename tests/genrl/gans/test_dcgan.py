import warnings

import pytest
import torch
from learned import Learned
from torch import nn

from genrl.errors import InputError
from genrl.gans import DCGAN, AdversarialFitting
from genrl.gans.convolutional_networks import pyramid

SIZES = [(8, 8), (16, 16), (28, 28), (32, 32), (64, 64), (9, 13), (4, 4), (8, 20)]
WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d)


def built(size=(16, 16), channels=3, context=0, **settings):
    torch.manual_seed(0)
    return DCGAN(**{"channels": 4, "noise_features": 6, **settings}).build((channels, *size), context)


def kinds(network):
    """Its layers in order, without those that only change the shape."""
    leaves = [layer for layer in network.modules() if not list(layer.children())]
    return [type(layer).__name__ for layer in leaves if not isinstance(layer, (nn.Flatten, nn.Unflatten))]


@pytest.mark.parametrize("size", SIZES)
def test_layers_are_those_of_the_paper(size):
    """Radford et al. 2016, section 3: the guidelines, layer by layer."""
    model, levels = built(size), len(pyramid(size)) - 1
    between = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert kinds(model.generator) == [*(between * levels), "ConvTranspose2d", "Tanh"]
    first, inner = ["Conv2d", "LeakyReLU"], ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    assert kinds(model.discriminator) == [*first, *(inner * (levels - 1)), "Conv2d"]
    assert all(layer.negative_slope == 0.2 for layer in model.modules() if isinstance(layer, nn.LeakyReLU))


@pytest.mark.parametrize("size", SIZES)
def test_strides_take_the_place_of_pooling(size):
    model = built(size)
    inner = [layer.stride for layer in model.discriminator.layers if isinstance(layer, nn.Conv2d)]
    assert inner == [(2, 2)] * (len(pyramid(size)) - 1) + [(1, 1)]
    outer = [layer.stride for layer in model.generator.layers if isinstance(layer, nn.ConvTranspose2d)]
    assert outer == inner[::-1]


@pytest.mark.parametrize("size", SIZES)
def test_every_size_comes_out_as_it_went_in(size):
    model = built(size, context=2)
    x = model.sample(2, torch.eye(2))
    assert x.shape == (2, 2, 3, *size)
    assert model.discriminate(x.flatten(0, 1), torch.eye(2).repeat(2, 1)).shape == (4,)


def test_the_papers_own_size_has_the_papers_levels():
    assert pyramid((64, 64)) == [(64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]
    widths = [layer.out_channels for layer in built((64, 64)).generator.layers if isinstance(layer, nn.ConvTranspose2d)]
    assert widths == [32, 16, 8, 4, 3]


def test_weights_start_narrow_and_around_zero():
    model = built((32, 32), channels=1)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and layer.weight.numel() > 400:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.2)
            assert layer.weight.mean().item() == pytest.approx(0.0, abs=0.003)


def test_settings_are_the_papers():
    fitting = DCGAN().fitting
    assert (fitting.learning_rate, fitting.betas[0], fitting.batch_size) == (2e-4, 0.5, 128)


def test_samples_stay_within_the_ends_of_the_data():
    x = 10 + 5 * torch.rand(64, 1, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DCGAN(channels=4, fitting=AdversarialFitting(updates=3, batch_size=8)).fit(x)
    samples = model.sample(50)
    assert x.min() <= samples.min() < samples.max() <= x.max()


def test_statistics_of_a_batch_are_of_real_rows_alone_or_of_fake_rows_alone(monkeypatch):
    """Batch norm would otherwise tell the discriminator which rows of a batch are alike."""
    model, seen = built(), []
    keep = model.discriminator.forward
    monkeypatch.setattr(model.discriminator, "forward", lambda x, c=None: seen.append(x.detach()) or keep(x, c))
    real = torch.full((8, 768), 0.5)
    model._discriminator_loss(real, None)
    assert len(seen) == 2
    assert torch.equal(seen[0], real)
    assert not (seen[1] == 0.5).any()


@pytest.mark.parametrize("shape", [(2,), (8, 8), (1, 3, 8)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(InputError, match="DCGAN makes images: X must"):
        DCGAN().build(shape)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"channels": 0}, "channels"), ({"noise_features": 0}, "noise_features"), ({"objective": "x"}, "objective")],
)
def test_settings_out_of_range(settings, name):
    with pytest.raises(InputError, match=name):
        DCGAN(**settings)


@pytest.mark.slow
def test_a_classifier_of_digits_recognises_conditional_samples(seed: int, learned: Learned):
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    x, y = load_digits(return_X_y=True)
    judge = SVC(gamma=0.001).fit(x, y)
    torch.manual_seed(seed)
    fitting = AdversarialFitting(updates=600, batch_size=128, learning_rate=4e-4, betas=(0.5, 0.999))
    model = DCGAN(channels=16, fitting=fitting).fit(x.reshape(-1, 1, 8, 8), y)
    asked = torch.arange(10).repeat(100)
    samples = model.sample(context=asked).flatten(1).numpy()
    learned("digits recognised", (judge.predict(samples) == asked.numpy()).mean(), above=0.9, baseline=0.1)
    within = [samples[asked == k].std(0).mean() / x[y == k].std(0).mean() for k in range(10)]
    learned("least deviation / that of the data", min(within), above=0.5, baseline=0.0)  # of one picture of each
