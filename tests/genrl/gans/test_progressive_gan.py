import pytest
import torch
from learned import Learned
from torch.nn import functional as F

from genrl.errors import InputError
from genrl.gans import AdversarialFitting, ProgressiveGAN
from genrl.gans.equalised import _Times
from genrl.gans.normalisations import PixelNorm


def built(size=(16, 16), context=0, **settings):
    torch.manual_seed(0)
    return ProgressiveGAN(**{"channels": 6, "noise_features": 5, **settings}).build((1, *size), context)


def at(model, depth):
    for network in (model.generator, model.discriminator):
        network.depth.fill_(depth)
    return model


def digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return torch.from_numpy(x).float().reshape(-1, 1, 8, 8), y


@pytest.mark.parametrize("level", [0, 1])
def test_before_a_level_has_faded_in_the_image_is_the_smaller_network_s(level):
    model, noise = built(), torch.randn(3, 5)
    smaller = at(model, level).generate(noise)
    side = 4 * 2**level
    torch.testing.assert_close(F.interpolate(F.avg_pool2d(smaller, 16 // side), scale_factor=16 // side), smaller)
    torch.testing.assert_close(at(model, level + 1e-6).generate(noise), smaller, atol=1e-4, rtol=1e-4)
    fully = at(model, level + 1).generate(noise)
    halfway = at(model, level + 0.5).generate(noise)
    torch.testing.assert_close(halfway, (smaller + fully) / 2)
    assert not torch.allclose(fully, smaller, atol=0.01)


def test_the_same_network_without_its_last_level_makes_the_same_smaller_image():
    """Which is what `fade 0` means: weights of a level that is not seen change nothing."""
    model, noise = built(), torch.randn(3, 5)
    before = at(model, 1.0).generate(noise)
    for part in (model.generator.blocks[2], model.generator.to_image[2]):
        for parameter in part.parameters():
            torch.nn.init.normal_(parameter)
    assert torch.equal(model.generate(noise), before)
    assert not torch.equal(at(model, 1.5).generate(noise), before)


def test_a_fully_grown_level_no_longer_hears_the_one_before():
    model, noise = built(), torch.randn(3, 5)
    before = at(model, 1.0).generate(noise)
    torch.nn.init.normal_(model.generator.to_image[0].parametrizations.weight.original)
    assert torch.equal(model.generate(noise), before)


@pytest.mark.parametrize("level", [0, 1])
def test_the_discriminator_fades_in_the_same_way(level):
    model, x = built(), torch.randn(4, 1, 16, 16)
    seen = at(model, level).discriminate(x)
    blurred = F.interpolate(F.avg_pool2d(x, 2 ** (2 - level)), scale_factor=2 ** (2 - level))
    torch.testing.assert_close(model.discriminate(blurred), seen)
    torch.testing.assert_close(at(model, level + 1e-6).discriminate(x), seen, atol=1e-4, rtol=1e-4)
    finer = at(model, level + 1).discriminate(x)
    assert not torch.allclose(model.discriminate(blurred), finer)


def test_a_context_is_judged_by_an_inner_product():
    model, x = built(context=3), torch.randn(4, 1, 16, 16).flatten(1)
    a, b = torch.randn(2, 4, 3)
    judge = model.discriminator
    torch.testing.assert_close(judge(x, (a + b) / 2), (judge(x, a) + judge(x, b)) / 2)
    assert not torch.allclose(judge(x, a), judge(x, b))


def test_layers_are_those_of_the_paper():
    """Equalised learning rate everywhere, pixel norm in the generator alone."""
    model = built()
    weighted = [m for m in model.modules() if "Conv" in type(m).__name__ or "Linear" in type(m).__name__]
    assert weighted
    assert all(isinstance(layer.parametrizations.weight[0], _Times) for layer in weighted)
    assert sum(isinstance(layer, PixelNorm) for layer in model.generator.modules()) == 7  # each layer, and the noise
    assert not any(isinstance(layer, PixelNorm) for layer in model.discriminator.modules())


def test_digits_grow_from_four_pixels_to_eight():
    x, _ = digits()
    depths, sharp = [], []
    torch.manual_seed(0)

    def note(report):
        depths.append(model.depth)
        samples = model.sample(64)
        blurred = F.interpolate(F.avg_pool2d(samples, 2), scale_factor=2)
        sharp.append(((samples - blurred).square().mean() / samples.var()).item())

    fitting = AdversarialFitting(updates=30, batch_size=32, report_every=5)
    model = ProgressiveGAN(channels=8, noise_features=8, fitting=fitting)
    with pytest.warns(UserWarning, match="the samples reach"):
        model.fit(x, progress=note)
    assert depths == pytest.approx([0, 0, 0.5, 1, 1, 1])
    assert sharp[:2] == pytest.approx([0, 0], abs=1e-9)  # nothing finer than 4 x 4 is there yet
    assert all(share > 0 for share in sharp[2:])


def test_a_model_is_fully_grown_when_it_is_built_and_when_it_is_loaded(tmp_path):
    model = built()
    assert model.depth == 2
    at(model, 0.5).save(tmp_path)
    assert ProgressiveGAN.load(tmp_path).depth == 0.5


@pytest.mark.parametrize("shape", [(2,), (1, 4, 4), (1, 9, 8), (1, 8, 15)])
def test_what_cannot_be_halved_is_refused(shape):
    with pytest.raises(InputError, match=r"ProgressiveGAN makes images: X must.*even sides of 8"):
        ProgressiveGAN().build(shape)


@pytest.mark.slow
def test_a_classifier_of_digits_recognises_conditional_samples(seed: int, learned: Learned):
    from sklearn.svm import SVC

    x, y = digits()
    judge = SVC(gamma=0.001).fit(x.flatten(1).numpy(), y)
    torch.manual_seed(seed)
    fitting = AdversarialFitting(updates=600, batch_size=64, learning_rate=1e-2)
    model = ProgressiveGAN(channels=16, fitting=fitting).fit(x, y)
    asked = torch.arange(10).repeat(100)
    recognised = (judge.predict(model.sample(context=asked).flatten(1).numpy()) == asked.numpy()).mean()
    learned("digits recognised", recognised, above=0.9, baseline=0.1)
