"""Losses of the transfers by hand, and what each must find."""

import math

import pytest
import torch
from learned import Learned
from torch import nn

from genrl.autoencoders import Autoencoder
from genrl.errors import InputError
from genrl.gans import (
    DCGAN,
    GAN,
    AdversarialFitting,
    ConditionalGAN,
    DomainTransferNetwork,
    InverseConditionalGAN,
    PairedTransferGAN,
    PoseGuidedGAN,
)
from genrl.generative_model import GenerativeModel
from genrl.training.gradient_fitting import GradientFitting

SMALL = {"hidden": (16,), "discriminator_hidden": (16,)}


def game(updates):
    return AdversarialFitting(updates=updates, batch_size=64, learning_rate=5e-3)


def silent(judge):
    """Logits of 0 for everything."""
    for parameter in judge.parameters():
        nn.init.zeros_(parameter)


def test_three_classes_that_cannot_be_told_apart_cost_log_3():
    model = DomainTransferNetwork(**SMALL, penalty_weight=0.0).build(2, 2)
    silent(model.discriminator)
    x, y = torch.randn(8, 2), torch.randn(8, 2)
    assert model._judged(x, y)["loss"].item() == pytest.approx(math.log(3))
    parts = model._made(x, y)
    expected = math.log(3) + 15 * parts["constancy"].item() + 15 * parts["identity"].item()
    assert parts["loss"].item() == pytest.approx(expected, rel=1e-5)
    made = model.transfer(x)  # units are 0 and 1 before a fit, and f is the identity
    torch.testing.assert_close(parts["constancy"], (made - x).square().mean())


def test_what_f_does_not_see_comes_from_the_target(seed: int, learned: Learned):
    """The first column is kept, the second follows from it in another way in each domain."""
    torch.manual_seed(seed)
    a, b = 4 * torch.rand(2000, 1), 4 * torch.rand(2000, 1)
    x, y = torch.cat([a, torch.zeros(2000, 1)], 1), torch.cat([b, 0.3 * (3 * b).sin()], 1)
    f = Autoencoder(1, hidden=(), fitting=GradientFitting(updates=300, learning_rate=0.02)).fit(torch.cat([x, y]))
    model = DomainTransferNetwork(features=f, hidden=(32, 32), fitting=game(300)).fit(x, y)
    made = model.transfer(x).detach()
    learned("error of what is kept", (made[:, 0] - a[:, 0]).abs().mean(), below=0.2, baseline=1.0)  # of the mean
    error = (made[:, 1] - 0.3 * (3 * a[:, 0]).sin()).abs().mean()
    learned("error of what follows", error, below=0.1, baseline=0.19)  # of zeros


def test_f_is_saved_and_not_trained(tmp_path):
    torch.manual_seed(0)
    x, y = torch.randn(50, 2), torch.randn(40, 2)
    f = Autoencoder(1, hidden=(4,), fitting=GradientFitting(updates=5)).fit(x)
    before = {name: value.clone() for name, value in f.state_dict().items()}
    model = DomainTransferNetwork(**SMALL, features=f, fitting=game(3)).fit(x, y)
    assert all(torch.equal(value, before[name]) for name, value in f.state_dict().items())
    model.save(tmp_path / "model")
    loaded = GenerativeModel.load(tmp_path / "model")
    assert torch.equal(loaded.transfer(x), model.transfer(x))
    with pytest.raises(InputError, match="features must be a fitted model with encode"):
        DomainTransferNetwork(features=Autoencoder(1))
    with pytest.raises(InputError, match="X has 3 numbers a row, y 2"):
        DomainTransferNetwork(**SMALL).fit(torch.randn(5, 3), y)


def test_the_judge_of_pairs_sees_one_right_pair_and_two_wrong_ones():
    model = PairedTransferGAN(**SMALL, penalty_weight=0.0).build(2, 3)
    silent(model.real_judge)
    silent(model.pair_judge)
    model.pair_judge.network[-1].bias.data.fill_(2.0)  # sure of all pairs
    losses = model._judged(torch.randn(6, 2), torch.randn(6, 3))
    assert losses["real"].item() == pytest.approx(math.log(2))
    yes, no = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert losses["pair"].item() == pytest.approx((yes + 2 * no) / 3)


def test_pairs_tell_what_distributions_do_not(seed: int, learned: Learned):
    """Of a uniform square, a quarter turn has the same distribution as no turn at all."""
    torch.manual_seed(seed)
    x = torch.rand(1000, 2)
    y = torch.stack([x[:, 1], 1 - x[:, 0]], 1)
    model = PairedTransferGAN(hidden=(16,), discriminator_hidden=(32, 32), fitting=game(400)).fit(x, y)
    learned("error", (model.transfer(x) - y).abs().mean(), below=0.08, baseline=0.33)  # without a turn


def test_the_second_stage_starts_from_the_first():
    torch.manual_seed(0)
    model = PoseGuidedGAN(**SMALL).build(2, 3)
    for parameter in model.refiner.network.parameters():
        nn.init.zeros_(parameter)
    coarse, refined = model._refined(torch.randn(5, 3))
    assert torch.equal(coarse, refined)
    with pytest.raises(InputError, match=r"pose must be \(5, 1\)"):
        model.repose(torch.randn(5, 2), torch.randn(5, 2))
    with pytest.raises(InputError, match="at least one column of pose"):
        PoseGuidedGAN(**SMALL).build(2, 2)


def test_the_coarse_network_stays_as_it_is_in_the_second_stage():
    model = PoseGuidedGAN(**SMALL).build(2, 3)
    loss = model._made(torch.randn(5, 2), torch.randn(5, 3))["loss"]
    gradients = torch.autograd.grad(loss, list(model.coarse.parameters()), allow_unused=True)
    assert gradients == (None,) * len(gradients)


def test_a_pose_is_needed_and_its_rows_are_counted():
    x = torch.randn(8, 2)
    with pytest.raises(InputError, match="context is missing: give the pose"):
        PoseGuidedGAN(**SMALL).fit(x, x)
    with pytest.raises(InputError, match="y must have the shape of X"):
        PoseGuidedGAN(**SMALL).fit(x, torch.randn(8, 3), context=torch.zeros(8, 1))


def test_encoders_find_noise_and_context_of_a_known_generator(seed: int, learned: Learned):
    """The generator is put in by hand: x = (noise + 5 label, noise)."""
    torch.manual_seed(seed)
    gan = GAN(noise_features=1, hidden=(4,), discriminator_hidden=(4,), fitting=game(1))
    model = InverseConditionalGAN(gan=gan, hidden=(16,), fitting=GradientFitting(updates=300, learning_rate=0.01))
    gan.fit = lambda x, context, progress: None
    gan.generate = lambda noise, context: torch.cat([noise + 5.0 * context[:, 1:], noise], 1)
    noise, labels = torch.randn(800, 1), torch.arange(800) % 2
    x = torch.cat([noise + 5.0 * labels[:, None], noise], 1)
    model.fit(x, labels)
    learned("error of the noise", (model.encode(x) - noise).abs().mean(), below=0.15, baseline=0.8)  # of zeros
    learned("labels found", (model.infer_context(x).argmax(1) == labels).float().mean(), above=0.95, baseline=0.5)
    edited = model.edit(x, 1 - labels)
    meant = torch.cat([noise + 5.0 * (1 - labels[:, None]), noise], 1)
    learned("error of the edit", (edited - meant).abs().mean(), below=0.15, baseline=(x - meant).abs().mean())


@pytest.mark.parametrize(
    "gan",
    [
        GAN(noise_features=2, hidden=(8,), discriminator_hidden=(8,), fitting=game(3)),
        ConditionalGAN(noise_features=2, hidden=(8,), discriminator_hidden=(8,), fitting=game(3)),
        DCGAN(noise_features=2, channels=2, fitting=game(3)),
    ],
    ids=lambda gan: type(gan).__name__,
)
def test_an_inverse_comes_back_from_disk_and_needs_a_context(tmp_path, gan):
    torch.manual_seed(0)
    x, labels = torch.randn(60, 1, 4, 4), torch.arange(60) % 3
    model = InverseConditionalGAN(gan=gan, hidden=(4,), fitting=GradientFitting(updates=3))
    with pytest.raises(InputError, match="fit it with labels"):
        model.fit(x)
    with pytest.raises(InputError, match="not been fitted"):
        InverseConditionalGAN(gan=gan).encode(x)
    told = []
    model.fit(x, labels, progress=told.append)
    assert [epoch.number for epoch in told] == list(range(1, len(told) + 1))
    assert "coverage" in told[0].train
    assert {"noise", "context"} < told[-1].train.keys()
    model.save(tmp_path / "model")
    loaded = GenerativeModel.load(tmp_path / "model")
    assert loaded.classes == (0, 1, 2)
    assert torch.equal(loaded.edit(x, labels), model.edit(x, labels))
    assert loaded.encode(x).shape == (60, 2)
    assert loaded.infer_context(x).shape == (60, 3)
    assert loaded.sample(4, labels).shape == (4, 60, 1, 4, 4)


def test_whoever_ends_the_first_stage_ends_the_fit():
    torch.manual_seed(0)
    told = []
    gan = GAN(noise_features=2, hidden=(8,), discriminator_hidden=(8,), fitting=game(300))
    model = InverseConditionalGAN(gan=gan, hidden=(4,))
    model.fit(torch.randn(60, 2), torch.arange(60) % 2, progress=lambda epoch: told.append(epoch) or False)
    assert len(told) == 1


def test_the_gradient_of_a_pose_goes_through_both_stages(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(60, 2)
    pose = torch.randn(60, 1)
    model = PoseGuidedGAN(**SMALL, coarse_fitting=GradientFitting(updates=20), fitting=game(20))
    model.fit(x, x + pose, context=pose).save(tmp_path / "model")
    loaded = GenerativeModel.load(tmp_path / "model")
    gradients = []
    for each in (model, loaded):
        wanted = pose.clone().requires_grad_()
        each.repose(x, wanted).sum().backward()
        gradients.append(wanted.grad)
    assert torch.allclose(*gradients, atol=1e-6)
    base, step = model.repose(x, pose), 1e-2
    slope = (model.repose(x, pose + step) - base).sum(1, keepdim=True) / step
    assert (gradients[0] - slope).abs().median() < 1e-3  # but where the step passes a kink of a ReLU
