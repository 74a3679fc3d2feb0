"""The gradients that both networks get are those of the zero-sum game, computed here from its definition."""

import math

import pytest
import torch

from genrl.gans.games import GAMES
from genrl.nn import mlp


def players():
    torch.manual_seed(0)
    generator, discriminator = mlp([3, 8, 2]), mlp([2, 8, 1])
    return generator.double(), discriminator.double(), torch.randn(40, 2).double(), torch.randn(40, 3).double()


def value(generator, discriminator, real, noise):
    """E log D(x) + E log(1 - D(G(z))), written out (Goodfellow et al. 2014, equation 1)."""
    of_real = torch.sigmoid(discriminator(real))
    of_fake = torch.sigmoid(discriminator(generator(noise)))
    return of_real.log().mean() + (1 - of_fake).log().mean()


def losses(game, generator, discriminator, real, noise):
    fake = generator(noise)
    logits = discriminator(torch.cat([real, fake])).squeeze(1)
    targets = torch.cat([torch.ones(len(real)), torch.zeros(len(fake))]).double()
    return game.discriminator(logits, targets), game.generator(logits[len(real) :])


def test_the_discriminator_climbs_the_value_of_the_game():
    generator, discriminator, real, noise = players()
    parameters = list(discriminator.parameters())
    truth = torch.autograd.grad(value(generator, discriminator, real, noise), parameters)
    loss, _ = losses(GAMES["minimax"], generator, discriminator, real, noise)
    for ours, theirs in zip(torch.autograd.grad(loss, parameters), truth, strict=True):
        torch.testing.assert_close(ours, -theirs / 2)  # the batch of both sides is averaged, the game sums them


def test_the_generator_descends_the_value_of_the_game():
    generator, discriminator, real, noise = players()
    parameters = list(generator.parameters())
    truth = torch.autograd.grad(value(generator, discriminator, real, noise), parameters)
    _, loss = losses(GAMES["minimax"], generator, discriminator, real, noise)
    for ours, theirs in zip(torch.autograd.grad(loss, parameters), truth, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_value_is_minus_two_log_two_where_both_sides_are_equal():
    zeros = torch.zeros(10)
    game = GAMES["minimax"]
    # E log D of the real rows is minus their loss; E log(1 - D) of the others is the generator's loss.
    worth = -game.discriminator(zeros, torch.ones(10)) + game.generator(zeros)
    assert worth.item() == pytest.approx(-2 * math.log(2))


def test_the_minimax_gradient_of_the_generators_weights_vanishes_where_the_discriminator_is_sure():
    generator, discriminator, real, noise = players()
    with torch.no_grad():
        discriminator[-1].bias.fill_(-25.0)  # sure that everything is fake
    norms = {}
    for name in ("minimax", "non_saturating", "hinge"):
        _, loss = losses(GAMES[name], generator, discriminator, real, noise)
        gradients = torch.autograd.grad(loss, list(generator.parameters()))
        norms[name] = sum(gradient.square().sum().item() for gradient in gradients) ** 0.5
    assert norms["minimax"] < 1e-9
    assert norms["non_saturating"] > 1e-2
    assert norms["non_saturating"] == pytest.approx(norms["hinge"], rel=1e-6)


@pytest.mark.parametrize("name", GAMES)
def test_in_every_game_the_generator_undoes_what_the_discriminator_does(name):
    logits = torch.tensor([-0.5, 0.2], requires_grad=True)
    (up,) = torch.autograd.grad(GAMES[name].generator(logits), logits)
    (down,) = torch.autograd.grad(GAMES[name].discriminator(logits, torch.zeros(2)), logits)
    assert (up < 0).all()
    assert (down > 0).all()
