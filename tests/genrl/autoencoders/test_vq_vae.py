"""Vector-quantised autoencoders: codes there and back, the bound, priors of every kind, and what they learn."""

import math
from pathlib import Path

import pytest
import torch
from learned import Learned
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor

from genrl.autoencoders import VAE, VQVAE, HierarchicalVQVAE
from genrl.autoencoders.autoregressive_codes import AutoregressiveCodes
from genrl.errors import InputError
from genrl.evaluation import sliced_wasserstein
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture, MixtureDensityNetwork
from genrl.protocols import Codec, Density, Sampler, Trainable
from genrl.training.gradient_fitting import GradientFitting

BRIEF = GradientFitting(updates=6, batch_size=64)
SETTLING = GradientFitting(updates=300, batch_size=128, learning_rate=5e-3, validation=0)

Quantised = VQVAE | HierarchicalVQVAE


def images(rows: int = 60) -> Tensor:
    return torch.rand(rows, 2, 5, 6, generator=torch.Generator().manual_seed(0))


def digits() -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(load_digits().images / 16).float()[:, None]
    return x[:1400], x[1400:]


def error(model: Quantised, x: Tensor) -> float:
    with torch.no_grad():
        return float((model.decode(model.encode(x)) - x).square().mean())


def test_codes_of_images_lie_on_a_grid_and_come_back() -> None:
    torch.manual_seed(0)
    model = VQVAE(8, code_width=3, hidden=(4, 8), fitting=BRIEF).fit(images())
    codes = model.codes(images())
    assert (codes.shape, codes.dtype) == ((60, 2, 2), torch.int64)
    assert torch.equal(model.decode_codes(codes), model.decode(model.encode(images())))
    assert model.encode(images()).shape == (60, 12)
    assert model.sample((2, 3)).shape == (2, 3, 2, 5, 6)
    assert model.decode_codes(model.sample_codes(7)).shape == (7, 2, 5, 6)


def test_codes_of_two_levels_come_back() -> None:
    torch.manual_seed(0)
    model = HierarchicalVQVAE(8, code_width=3, hidden=(4,), top_hidden=(8,), fitting=BRIEF).fit(images())
    top, bottom = model.codes(images())
    assert (top.shape, bottom.shape) == ((60, 2, 2), (60, 3, 3))
    assert torch.allclose(model.decode_codes((top, bottom)), model.decode(model.encode(images())))
    rows = HierarchicalVQVAE(8, positions=(1, 3), hidden=(8,), fitting=BRIEF).fit(torch.randn(60, 5))
    assert [codes.shape for codes in rows.codes(torch.randn(4, 5))] == [(4, 1), (4, 3)]
    assert rows.decode_codes(rows.sample_codes(7)).shape == (7, 5)


def test_what_the_bottom_says_depends_on_the_top() -> None:
    torch.manual_seed(0)
    model = HierarchicalVQVAE(8, positions=(1, 2), hidden=(8,), fitting=BRIEF).fit(torch.randn(60, 3))
    features = model.networks.features(torch.randn(1, 3), None)
    tops = model.top_quantizer.look_up(torch.tensor([[0], [1]]))
    vectors = [model.networks.bottom_vectors(features, model.networks.spread(top[None])) for top in tops]
    assert not torch.allclose(*vectors)
    above = model.codes(torch.randn(50, 3)).top
    assert model._above(above, None).shape == (50, 8)
    assert model.bottom_codes_prior.model.context_features == 8


@pytest.mark.parametrize("kind", [VQVAE, HierarchicalVQVAE])
def test_the_codebook_moves_in_the_loss_alone(kind: type[Quantised]) -> None:
    torch.manual_seed(0)
    x = torch.randn(80, 3)
    model = kind(8, hidden=(8,), fitting=BRIEF).fit(x)
    assert model.training
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.codes(x), model.decode(model.encode(x)), model.log_prob(x), model.sample(5)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    model.loss(x)
    assert any("codebook" in name and not torch.equal(before[name], t) for name, t in model.state_dict().items())


@pytest.mark.parametrize("kind", [VQVAE, HierarchicalVQVAE])
def test_codes_survive_the_disk(kind: type[Quantised], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = kind(8, code_width=3, hidden=(4,), fitting=BRIEF).fit(images())
    model.save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model")
    first, second = model.codes(images()), loaded.codes(images())
    for one, other in zip(*(((c,) if isinstance(c, Tensor) else c) for c in (first, second)), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(loaded.decode(loaded.encode(images())), model.decode(model.encode(images())))


def test_the_bound_by_hand() -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 2)
    model = VQVAE(8, positions=2, hidden=(8,), fitting=BRIEF).fit(x)
    codes = model.codes(x)
    residuals = (x - model.decode_codes(codes)).detach()
    assert torch.allclose(model.noise.std, residuals.square().mean(0).sqrt(), rtol=1e-4)
    # With the deviations that fit best, the mean log-density of the noise is minus its entropy.
    entropy = float(model.noise.std.log().sum()) + math.log(2 * math.pi * math.e)
    assert model.own_prior is not None
    prior = model.own_prior.log_prob(codes.float()).mean().detach()
    assert model.log_prob(x).mean().item() == pytest.approx(float(prior) - entropy, abs=1e-4)


def test_the_bound_is_below_the_sum_over_all_codes() -> None:
    torch.manual_seed(0)
    x = torch.randn(300, 2)
    model = VQVAE(4, positions=2, hidden=(8,), fitting=BRIEF).fit(x)
    codes = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    with torch.no_grad():
        prior = model.codes_prior.log_prob(codes, None)
        residuals = x[:, None] - model.decode_codes(codes)[None]
        given = model.noise.log_prob(residuals.flatten(0, 1)).reshape(300, 16)
        exact = (given + prior).logsumexp(1)
        assert (model.log_prob(x) <= exact + 1e-5).all()
    assert float(prior.exp().sum()) == pytest.approx(1.0, abs=1e-5)


def test_any_model_that_can_be_sampled_is_a_prior(tmp_path: Path) -> None:
    torch.manual_seed(0)
    mixture = GaussianMixture(2)
    model = VQVAE(8, hidden=(4, 8), prior=mixture, fitting=BRIEF).fit(images())
    with pytest.raises(InputError, match="GaussianMixture has no mode"):
        model.mode()
    assert mixture.event_shape == (4,)  # it takes no images, and gets the grid line by line
    codes = model.sample_codes(200)
    assert codes.shape == (200, 2, 2)
    assert 0 <= int(codes.min()) <= int(codes.max()) <= 7
    model.save(tmp_path / "model")
    assert torch.isfinite(VQVAE.load(tmp_path / "model").sample(3)).all()
    with pytest.raises(InputError, match="probability of each code, which a GaussianMixture does not know"):
        model.log_prob(images())


def test_a_prior_that_takes_images_gets_the_grid() -> None:
    torch.manual_seed(0)
    prior = VAE(2, decoder="categorical", levels=8, hidden=(4,), fitting=BRIEF)
    model = VQVAE(8, hidden=(4, 8), prior=prior, fitting=BRIEF).fit(images())
    assert prior.event_shape == (1, 2, 2)
    assert torch.isfinite(model.log_prob(images())).all()  # a model of integers: it knows the probability of a code


def test_its_own_prior_is_fitted_as_the_settings_say_by_then() -> None:
    one, two = VQVAE(8, positions=2, hidden=(8,)), HierarchicalVQVAE(8, positions=(1, 2), hidden=(8,))
    for model in (one, two):
        model.fitting = BRIEF
        model.fit(torch.randn(40, 3))
    assert one.own_prior is not None
    assert two.own_top_prior is not None
    assert two.own_bottom_prior is not None
    assert one.own_prior.fitting == two.own_top_prior.fitting == two.own_bottom_prior.fitting == BRIEF


def test_priors_of_two_levels() -> None:
    torch.manual_seed(0)
    top, bottom = GaussianMixture(2), MixtureDensityNetwork(2, hidden=(8,), fitting=BRIEF)
    model = HierarchicalVQVAE(
        8, code_width=2, hidden=(4,), top_hidden=(4,), top_prior=top, bottom_prior=bottom, fitting=BRIEF
    ).fit(images(), torch.arange(60) % 3)
    assert (top.event_shape, top.context_features) == ((4,), 3)
    assert (bottom.event_shape, bottom.context_features) == ((9,), 4 * 2 + 3)
    assert model.sample((2,), torch.tensor([0, 2])).shape == (2, 2, 2, 5, 6)


def test_its_own_prior_is_told_the_context(seed: int, learned: Learned) -> None:
    """Two classes have the same shape of rows at different places: the decoder is told where, the code is not."""
    torch.manual_seed(seed)
    y = torch.randint(2, (600,))
    x = torch.where(y[:, None] == 0, -1.0, 1.0) * torch.rand(600, 1) + 5.0 * y[:, None]
    model = VQVAE(8, positions=1, hidden=(16,), fitting=SETTLING).fit(x, y)
    samples = model.sample((300,), torch.tensor([0, 1]))[..., 0]
    error = (samples.mean(0) - torch.tensor([-0.5, 5.5])).abs().max()
    learned("error of the means", error, below=0.15, baseline=0.5)  # of a prior without a context


def test_digits_are_restored_better_than_by_as_many_principal_components(seed: int, learned: Learned) -> None:
    """Four codes of 64 are 24 bits; four principal components are real numbers."""
    torch.manual_seed(seed)
    train, test = digits()
    model = VQVAE(64, hidden=(64,), positions=4, fitting=SETTLING).fit(train.flatten(1))
    pca = PCA(4).fit(train.flatten(1))
    restored = pca.inverse_transform(pca.transform(test.flatten(1)))
    of_components = float((torch.from_numpy(restored) - test.flatten(1)).square().mean())
    ratio = error(model, test.flatten(1)) / of_components
    learned("error / that of principal components", ratio, below=0.8, baseline=1.0)


def test_samples_are_nearer_to_digits_than_codes_at_random(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    train, test = (part.flatten(1) for part in digits())
    model = VQVAE(64, positions=4, hidden=(64,), fitting=SETTLING).fit(train)
    drawn = model.decode_codes(model.sample_codes(397)).detach()
    at_random = model.decode_codes(torch.randint(64, (397, 4))).detach()
    ratio = sliced_wasserstein(drawn, test) / sliced_wasserstein(at_random, test)
    learned("distance / that of codes at random", ratio, below=0.7, baseline=1.0)


@pytest.mark.slow
def test_two_levels_restore_digits_better_than_one(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    train, test = digits()
    one = VQVAE(32, hidden=(32, 32), fitting=SETTLING).fit(train)
    two = HierarchicalVQVAE(32, hidden=(32,), top_hidden=(32,), fitting=SETTLING).fit(train)
    learned("error / that of one level", error(two, test) / error(one, test), below=0.7, baseline=1.0)


@pytest.mark.parametrize("kind", [VQVAE, HierarchicalVQVAE])
def test_abilities(kind: type[GenerativeModel]) -> None:
    for ability in (Codec, Sampler, Trainable, Density):
        assert isinstance(kind(), ability)


def test_bad_arguments_are_named() -> None:
    for kind in (VQVAE, HierarchicalVQVAE):
        with pytest.raises(InputError, match="codebook_size must be 1 or more"):
            kind(0)
        with pytest.raises(InputError, match="decay must be within 0"):
            kind(decay=1.0)
        with pytest.raises(InputError, match="commitment must be 0 or more"):
            kind(commitment=-1.0)
    with pytest.raises(InputError, match="prior must be a model that can be sampled"):
        VQVAE(prior=GenerativeModel())
    shared = AutoregressiveCodes(256)
    with pytest.raises(InputError, match="bottom_prior must be another model"):
        HierarchicalVQVAE(top_prior=shared, bottom_prior=shared)


def test_codes_that_are_none_are_refused() -> None:
    torch.manual_seed(0)
    model = VQVAE(8, positions=2, hidden=(8,), fitting=BRIEF).fit(torch.randn(40, 3))
    with pytest.raises(InputError, match=r"codes must have the shape \(rows, 2\)"):
        model.decode_codes(torch.zeros(4, 3))
    with pytest.raises(InputError, match=r"codes must hold the integers 0 .. 7"):
        model.decode_codes(torch.full((4, 2), 8))
    with pytest.raises(InputError, match=r"z must have the shape \(rows, 16\)"):
        model.decode(torch.zeros(4, 3))
    two = HierarchicalVQVAE(8, positions=(1, 2), hidden=(8,), fitting=BRIEF).fit(torch.randn(40, 3))
    with pytest.raises(InputError, match="the bottom codes must hold the integers"):
        two.decode_codes((torch.zeros(4, 1), torch.full((4, 2), -1)))
    with pytest.raises(InputError, match="they must belong together"):
        two.decode_codes((torch.zeros(4, 1), torch.zeros(3, 2)))
