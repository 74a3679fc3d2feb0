import warnings

import pytest
import torch
from learned import Learned

from genrl.errors import InputError
from genrl.gans import GAN, AdversarialFitting, ConditionalGAN
from genrl.gans.projection import ProjectionDiscriminator

SMALL = {"hidden": (32, 32), "discriminator_hidden": (32, 32)}


def small(updates=20, seed=0, **settings):
    torch.manual_seed(seed)
    fitting = AdversarialFitting(updates=updates, **settings.pop("fitting", {}))
    return ConditionalGAN(**{**SMALL, **settings}, fitting=fitting)


def crossed(n, seed=0):
    """Two lumps on a diagonal, on the other diagonal for the other label: no column alone knows the label."""
    generator = torch.Generator().manual_seed(seed)
    label, side = torch.randint(2, (2, n), generator=generator)
    first = 6.0 * side - 3
    x = torch.stack([first, first * (2 * label - 1)], 1) + torch.randn(n, 2, generator=generator)
    return x, label


def test_the_logit_is_a_line_in_the_context_whose_slope_the_features_give():
    torch.manual_seed(0)
    network = ProjectionDiscriminator(3, 4, (16, 8), "leaky_relu", spectral=False)
    x = torch.randn(5, 3)
    a, b = torch.randn(2, 5, 4)
    torch.testing.assert_close(network(x, 0.3 * a + 0.7 * b), 0.3 * network(x, a) + 0.7 * network(x, b))
    slope = torch.autograd.functional.jacobian(lambda c: network(x, c).sum(), a)
    torch.testing.assert_close(slope, network.features_of(x) @ network.directions.weight)
    alone = network.output(network.features_of(x)).squeeze(1)
    torch.testing.assert_close(network(x, torch.zeros(5, 4)), alone)


def test_a_discriminator_with_the_context_beside_the_row_is_no_such_line():
    torch.manual_seed(0)
    network = GAN(**SMALL).build(3, 4).discriminator
    x, (a, b) = torch.randn(5, 3), torch.randn(2, 5, 4)
    assert not torch.allclose(network(x, (a + b) / 2), (network(x, a) + network(x, b)) / 2, atol=1e-4)


def test_spectral_norm_bounds_every_layer():
    model = small(objective="hinge", penalty=None, spectral=True).build(2, 3).train()
    network = model.discriminator
    for layer in (network.features_of[0], network.features_of[2], network.output, network.directions):
        for _ in range(30):
            layer.weight  # noqa: B018 - each look is a step of the power iteration
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1.0, abs=0.05)


def test_a_fit_without_labels_is_refused_and_says_what_to_do():
    with pytest.raises(InputError, match=r"labels y, or given context=: use GAN"):
        small().fit(crossed(50)[0])


def test_samples_follow_a_label_that_only_pairs_of_columns_know(seed: int, learned: Learned):
    x, label = crossed(4000, seed)
    model = small(updates=400, seed=seed, hidden=(64, 64), discriminator_hidden=(64, 64)).fit(x, label)
    torch.manual_seed(seed)
    low, high = model.sample(1000, torch.tensor([0, 1])).unbind(1)
    learned("right samples of one label", low.prod(1).lt(0).float().mean(), above=0.9, baseline=0.5)
    learned("right samples of the other", high.prod(1).gt(0).float().mean(), above=0.9, baseline=0.5)
    shares = [samples[:, 0].gt(0).float().mean() for samples in (low, high)]
    learned("share of the rarest lump", min(min(share, 1 - share) for share in shares), above=0.15, baseline=0.0)


def test_the_discriminator_judges_rows_given_their_label(seed: int, learned: Learned):
    x, label = crossed(2000, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = small(updates=100, seed=seed, fitting={"generator_steps": 0}).fit(x, label)
    right, wrong = model.discriminate(x, label).sigmoid().mean(), model.discriminate(x, 1 - label).sigmoid().mean()
    learned("probability of the right label", right, above=0.6, baseline=0.5)
    learned("probability of the wrong label", wrong, below=0.4, baseline=0.5)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"discriminator_hidden": ()}, "discriminator_hidden needs one layer"),
        ({"hidden": (0,)}, "hidden"),
        ({"objective": "wasserstein", "penalty": None}, "bounded critic"),
    ],
)
def test_settings_out_of_range(settings, name):
    with pytest.raises(InputError, match=name):
        ConditionalGAN(**settings)
