from pathlib import Path

import numpy as np
import pytest
import torch
from learned import Learned
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor, nn

from genrl.autoencoders import Autoencoder
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture, MixtureDensityNetwork
from genrl.protocols import Codec, Density, Sampler, Trainable
from genrl.training.gradient_fitting import GradientFitting

BRIEF = GradientFitting(updates=6, batch_size=64)


def images(rows: int = 60) -> Tensor:
    return torch.rand(rows, 1, 5, 6, generator=torch.Generator().manual_seed(0))


def test_a_linear_one_fills_the_plane_of_the_principal_components(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    spectrum = torch.tensor([4.0, 3.0, 2.0, 0.5, 0.4, 0.3])
    x = torch.randn(1000, 6) * spectrum @ torch.linalg.qr(torch.randn(6, 6))[0] + 5.0
    fitting = GradientFitting(updates=400, batch_size=500, learning_rate=0.03, validation=0)
    model = Autoencoder(3, hidden=(), fitting=fitting).fit(x)
    layer = model.decoder.layers[-1]  # type: ignore[index]
    assert isinstance(layer, nn.Linear)
    angles = subspace_angles(layer.weight.detach().double().numpy(), PCA(3).fit(x.numpy()).components_.T)
    learned("greatest angle", angles.max(), below=0.03, baseline=1.0)


def test_a_deep_one_restores_digits_better_than_as_many_principal_components(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    x = torch.from_numpy(load_digits().data).float()
    train, test = x[:1400], x[1400:]
    fitting = GradientFitting(updates=400, batch_size=128, learning_rate=5e-3, validation=0)
    model = Autoencoder(4, hidden=(64,), fitting=fitting).fit(train)
    with torch.no_grad():
        error = float((model.decode(model.encode(test)) - test).square().mean())
    pca = PCA(4).fit(train)
    of_components = float(np.square(pca.inverse_transform(pca.transform(test)) - test.numpy()).mean())
    learned("error / that of principal components", error / of_components, below=0.85, baseline=1.0)


def test_the_rows_may_be_given_again_as_what_is_to_be_restored() -> None:
    fits = []
    for targets in [(), (images(),), (images().numpy(),)]:
        torch.manual_seed(0)
        fits.append(Autoencoder(3, hidden=(4,), fitting=BRIEF).fit(images(), *targets))
    codes = [model.encode(images()) for model in fits]
    assert torch.equal(codes[0], codes[1])
    assert torch.equal(codes[0], codes[2])
    assert fits[1].context_features == 0
    for wrong in (images() + 1, images()[:, :, 1:]):
        with pytest.raises(InputError, match="y must be X itself, or labels"):
            Autoencoder(3).fit(images(), wrong)


def test_a_density_of_codes_is_a_stage_of_the_fit() -> None:
    torch.manual_seed(0)
    density = MixtureDensityNetwork(2, hidden=(8,), fitting=BRIEF)
    x, told = torch.randn(60, 3), []
    Autoencoder(2, hidden=(8,), code_density=density, fitting=BRIEF).fit(x, context=x[:, :1], progress=told.append)
    assert [epoch.number for epoch in told] == list(range(1, 13))


def test_images_are_coded_by_convolutions() -> None:
    torch.manual_seed(0)
    model = Autoencoder(3, hidden=(4, 8), fitting=BRIEF).fit(images())
    kinds = {type(module) for module in model.modules()}
    assert {nn.Conv2d, nn.ConvTranspose2d} <= kinds
    codes = model.encode(images())
    assert codes.shape == (60, 3)
    assert model.decode(codes).shape == (60, 1, 5, 6)
    assert model.sample((2, 3)).shape == (2, 3, 1, 5, 6)
    given = Autoencoder(3, hidden=(4,), fitting=BRIEF).fit(images(), torch.arange(60) % 3)
    assert given.sample((2,), torch.tensor([0, 2])).shape == (2, 2, 1, 5, 6)


@pytest.mark.parametrize("density", [GaussianMixture(2), MixtureDensityNetwork(2, hidden=(8,), fitting=BRIEF)])
def test_codes_are_drawn_from_the_density_given(density: GenerativeModel, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(300, 2) + 8.0 * torch.randint(2, (300, 1))
    model = Autoencoder(2, hidden=(), code_density=density, fitting=BRIEF).fit(x)
    assert model.codes is density
    assert density.event_shape == (2,)
    model.save(tmp_path / "model")
    loaded = Autoencoder.load(tmp_path / "model")
    samples = []
    for each in (model, loaded):
        torch.manual_seed(1)
        samples.append(each.sample(20))
    assert torch.equal(*samples)


def test_two_clusters_need_more_than_one_gaussian_of_codes(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    x = torch.randn(600, 1) + 12.0 * torch.randint(2, (600, 1))
    fitting = GradientFitting(updates=100, learning_rate=0.05, validation=0)
    empty = {}
    for name, density in (("gaussian", None), ("mixture", GaussianMixture(2, random_state=seed))):
        samples = Autoencoder(1, hidden=(), code_density=density, fitting=fitting).fit(x).sample(1000)
        empty[name] = float(((samples > 4) & (samples < 8)).float().mean())
    learned("samples between the clusters of a Gaussian", empty["gaussian"], above=0.15, baseline=0.0)
    learned("samples between the clusters of a mixture", empty["mixture"], below=0.05, baseline=empty["gaussian"])


def test_abilities() -> None:
    model = Autoencoder()
    assert isinstance(model, Codec)
    assert isinstance(model, Sampler)
    assert isinstance(model, Trainable)
    assert not isinstance(model, Density)


@pytest.mark.parametrize("x", [torch.zeros(1, 3), torch.full((40, 3), 7.0), torch.arange(60.0).reshape(20, 3)])
def test_awkward_data_gives_no_nan(x: Tensor) -> None:
    torch.manual_seed(0)
    model = Autoencoder(4, hidden=(8,), fitting=BRIEF).fit(x)
    assert torch.isfinite(model.decode(model.encode(x))).all()
    assert torch.isfinite(model.sample(10)).all()


def test_bad_arguments_are_named() -> None:
    with pytest.raises(InputError, match="latents must be 1 or more"):
        Autoencoder(0)
    with pytest.raises(InputError, match="hidden must be 1 or more"):
        Autoencoder(2, hidden=(8, 0))
    with pytest.raises(InputError, match="code_density must be a model that can be sampled"):
        Autoencoder(2, code_density=GenerativeModel())
    model = Autoencoder(2, hidden=(), fitting=BRIEF)
    with pytest.raises(InputError, match="has not been fitted"):
        model.decode(torch.zeros(1, 2))
    model.fit(torch.randn(20, 3))
    with pytest.raises(InputError, match=r"z must have the shape \(rows, 2\)"):
        model.decode(torch.zeros(1, 3))
    with pytest.raises(InputError, match=r"x must have the shape \(rows, 3\)"):
        model.encode(torch.zeros(1, 2))
