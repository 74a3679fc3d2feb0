import math

import pytest
import torch
from learned import Learned
from torch import nn
from torch.distributions import MultivariateNormal

from genrl.errors import InputError, NotFiniteError
from genrl.gans.adversarial_fitting import AdversarialFitting, Player, fit_adversarially
from genrl.gans.losses import cross_entropy_discriminator
from genrl.nn import mlp


class Number(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))


class Duel:
    """max over d, min over g of (x - g) d - d^2 / 2: the best d is x - g, and the equilibrium g = x, d = 0."""

    def __init__(self, *, broken_after: int | None = None) -> None:
        self.generator, self.discriminator = Number(0.0), Number(0.0)
        self.moves: list[str] = []
        self.broken_after = broken_after

    def players(self) -> tuple[Player, Player]:
        return (
            Player(network=self.discriminator, loss=self.of_discriminator),
            Player(network=self.generator, loss=self.of_generator),
        )

    def of_discriminator(self, x, context):
        self.moves.append("d")
        g, d = self.generator.value, self.discriminator.value
        return {"loss": -((x.mean() - g) * d - d.square() / 2), "height": d}

    def of_generator(self, x, context):
        self.moves.append("g")
        broken = self.broken_after is not None and self.moves.count("g") > self.broken_after
        loss = (x.mean() - self.generator.value) * self.discriminator.value
        return {"loss": loss * math.nan if broken else loss}


X = torch.full((50, 1), 2.0)


def play(duel, *, progress=None, report=None, **settings):
    return fit_adversarially(
        *duel.players(), X, settings=AdversarialFitting(**settings), progress=progress, report=report
    )


def test_the_equilibrium_is_reached():
    duel = Duel()
    play(duel, updates=300, learning_rate=0.1, report_every=300)
    assert duel.generator.value.item() == pytest.approx(2.0, abs=0.02)
    assert duel.discriminator.value.item() == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    ("d", "g", "moves"), [(1, 1, "dg" * 3), (3, 1, "dddg" * 3), (1, 2, "dgg" * 3), (0, 2, "g" * 6)]
)
def test_each_side_takes_its_steps_in_turn(d, g, moves):
    duel = Duel()
    play(duel, updates=3, discriminator_steps=d, generator_steps=g)
    assert "".join(duel.moves) == moves


def test_each_side_moves_its_own_parameters_only():
    duel = Duel()
    duel.discriminator.value.data.fill_(1.0)
    play(duel, updates=5, discriminator_steps=0)
    assert duel.discriminator.value.item() == 1.0
    assert duel.generator.value.item() > 0
    duel = Duel()
    play(duel, updates=5, generator_steps=0)
    assert duel.generator.value.item() == 0.0
    assert duel.discriminator.value.item() > 0
    assert duel.generator.value.grad is None


def test_reports_have_the_means_of_both_sides_and_what_else_is_asked_for():
    told = []
    history = play(Duel(), updates=25, report_every=10, report=lambda: {"more": 7.0}, progress=told.append)
    assert [epoch.number for epoch in told] == [1, 2, 3]
    assert history.epochs == tuple(told)
    assert (history.kept, history.stopped, told[0].planned) == (3, "epochs", 3)
    assert told[0].train.keys() == {"loss", "discriminator_loss", "discriminator_height", "generator_loss", "more"}
    assert told[0].train["loss"] == told[0].train["discriminator_loss"]
    heights = [epoch.train["discriminator_height"] for epoch in told]
    assert 0 < heights[0] < heights[1] < heights[2] < 0.05  # 25 steps of about 2e-3 from 0


def test_a_mean_is_that_of_the_values_as_they_were():
    """A sum must not be the tensor that was reported first, which the next report would change."""
    heights, together = [], []
    play(Duel(), updates=3, report_every=1, progress=lambda e: heights.append(e.train["discriminator_height"]))
    play(Duel(), updates=3, report_every=3, progress=lambda e: together.append(e.train["discriminator_height"]))
    assert together[0] == pytest.approx(sum(heights) / 3)


def test_progress_can_end_it():
    history = play(Duel(), updates=100, report_every=10, progress=lambda epoch: epoch.number < 2)
    assert (len(history.epochs), history.stopped) == (2, "asked")


def test_a_loss_that_is_not_finite_leaves_the_weights_of_the_last_report():
    duel = Duel(broken_after=25)
    seen = []
    with pytest.raises(NotFiniteError, match=r"in round 2\d: the \w+'s loss is not finite; .*report 2 are kept"):
        play(duel, updates=100, report_every=10, progress=lambda _: seen.append(duel.generator.value.item()))
    assert duel.generator.value.item() == seen[-1] != 0
    duel = Duel(broken_after=0)
    with pytest.raises(NotFiniteError, match="weights are as they were"):
        play(duel, updates=10)
    assert duel.generator.value.item() == duel.discriminator.value.item() == 0.0


def test_an_exception_leaves_the_weights_of_the_last_report():
    duel = Duel()
    seen = []

    def interrupt(epoch):
        seen.append(duel.generator.value.item())
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(duel, updates=100, report_every=10, progress=interrupt)
    assert duel.generator.value.item() == seen[1]


def test_the_average_is_reported_and_kept_while_the_own_weights_go_on():
    def path(average):
        duel, at_reports = Duel(), []
        play(
            duel,
            updates=40,
            report_every=1,
            average=average,
            progress=lambda _: at_reports.append(duel.generator.value.item()),
        )
        assert duel.generator.value.item() == at_reports[-1]
        return at_reports

    own, averaged = path(0.0), path(0.9)
    expected = 0.0
    for number, (weight, found) in enumerate(zip(own, averaged, strict=True)):
        decay = min(0.9, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * weight
        assert found == pytest.approx(expected, rel=1e-4)


def test_what_follows_a_step_is_called_after_each():
    duel = Duel()
    discriminator, generator = duel.players()
    steps = []

    def limit(taken):
        steps.append(taken)
        duel.discriminator.value.data.clamp_(-0.002, 0.002)

    discriminator = Player(network=discriminator.network, loss=discriminator.loss, after_step=limit)
    fit_adversarially(discriminator, generator, X, settings=AdversarialFitting(updates=20))
    assert duel.discriminator.value.item() == pytest.approx(0.002)
    assert steps == list(range(1, 21))


def test_batches_follow_from_the_seed_and_keep_context_beside_its_row():
    x = torch.arange(30.0)[:, None]
    batches = []

    def loss(rows, context):
        torch.testing.assert_close(context, -rows)
        batches.append(rows.flatten().tolist())
        return {"loss": number.value.square()}

    number, state = Number(1.0), torch.get_rng_state()
    for seed in (0, 0, 1):
        player = Player(network=number, loss=loss)
        settings = AdversarialFitting(updates=2, batch_size=8, generator_steps=0, seed=seed)
        fit_adversarially(player, Player(network=Number(0.0), loss=loss), x, -x, settings=settings)
    assert batches[:2] == batches[2:4] != batches[4:]
    assert torch.equal(torch.get_rng_state(), state)


def test_networks_train_between_reports_and_rest_during_them():
    duel, modes = Duel(), []
    duel.generator.eval()
    original = duel.of_generator
    duel.of_generator = lambda x, context: modes.append(duel.generator.training) or original(x, context)
    play(duel, updates=2, report_every=1, progress=lambda _: modes.append(duel.generator.training))
    assert modes == [True, False, True, False]
    assert not duel.generator.training


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"updates": 0}, "updates"),
        ({"batch_size": 0}, "batch_size"),
        ({"report_every": 0}, "report_every"),
        ({"discriminator_steps": -1}, "discriminator_steps"),
        ({"discriminator_steps": 0, "generator_steps": 0}, "generator_steps"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"average": 1.0}, "average"),
        ({"betas": (1.0, 0.9)}, "betas"),
    ],
)
def test_settings_out_of_range(settings, name):
    with pytest.raises(InputError, match=name):
        AdversarialFitting(**settings)


def test_against_a_fixed_generator_the_discriminator_learns_the_share_of_the_real_density(seed: int, learned: Learned):
    """D tends to p / (p + q) (Goodfellow et al. 2014, proposition 1)."""
    real = MultivariateNormal(torch.tensor([1.0, 0.0]), torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    fake = MultivariateNormal(torch.zeros(2), 2 * torch.eye(2))
    torch.manual_seed(seed)
    network = mlp([2, 48, 48, 1], activation="silu", zero_output=True)
    x = real.sample((20_000,))

    def loss(rows, context):
        logits = network(torch.cat([rows, fake.sample((len(rows),))])).squeeze(1)
        return {"loss": cross_entropy_discriminator(logits, torch.arange(2.0).flip(0).repeat_interleave(len(rows)))}

    settings = AdversarialFitting(updates=400, generator_steps=0, learning_rate=5e-3, betas=(0.9, 0.999))
    fit_adversarially(Player(network=network, loss=loss), Player(network=Number(0.0), loss=loss), x, settings=settings)
    points = torch.cat([real.sample((2000,)), fake.sample((2000,))])
    p, q = real.log_prob(points).exp(), fake.log_prob(points).exp()
    error = (torch.sigmoid(network(points).squeeze(1)) - p / (p + q)).abs()
    learned("error", error.mean(), below=0.05, baseline=(0.5 - p / (p + q)).abs().mean())
