import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from learned import Learned

from genrl.errors import InputError, NotFiniteError
from genrl.evaluation import mode_coverage, sliced_wasserstein, toy_modes, toy_samples
from genrl.gans import GAN, AdversarialFitting
from genrl.gans.games import GAMES
from genrl.gans.penalties import PENALTIES
from genrl.generative_model import GenerativeModel

SMALL = {"hidden": (32, 32), "discriminator_hidden": (32, 32), "noise_features": 2}


def gan(*, updates=20, fitting=None, seed=0, **settings):
    torch.manual_seed(seed)
    return GAN(**{**SMALL, **settings}, fitting=AdversarialFitting(**{"updates": updates, **(fitting or {})}))


def two_lumps(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    side = 2.0 * torch.randint(2, (n, 1), generator=generator) - 1
    return 5.0 + 100.0 * (3.0 * side + torch.randn(n, 1, generator=generator))


def modes_found(name):
    modes = toy_modes(name)

    def count(model):
        found = mode_coverage(model.sample(500), modes.means, modes.deviation)
        return {"modes_found": float(found.found), "high_quality": found.high_quality}

    return count


@pytest.mark.parametrize("objective", GAMES)
@pytest.mark.parametrize("penalty", [None, *PENALTIES])
def test_every_game_goes_with_every_penalty(objective, penalty):
    bounded = {"weight_clip": 0.05} if objective == "wasserstein" and penalty is None else {}
    model = gan(updates=3, objective=objective, penalty=penalty, **bounded)
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(two_lumps(200), progress=told.append)
    assert ("discriminator_penalty" in told[0].train) == (penalty is not None)
    assert all(math.isfinite(value) for value in told[0].train.values())
    assert torch.isfinite(model.sample(5)).all()


def test_a_distribution_on_a_line_is_learned_in_its_own_units(seed: int, learned: Learned):
    model = gan(updates=300, seed=seed).fit(two_lumps(2000))
    torch.manual_seed(seed)
    samples = model.sample(2000)
    # The baseline is a generator of a single point.
    learned("error of the mean", (samples.mean() - 5.0).abs(), below=60, baseline=316)
    learned("error of the deviation", (samples.std() / 316 - 1).abs(), below=0.15, baseline=1.0)
    learned("distance", sliced_wasserstein(samples, two_lumps(2000, 99)), below=90, baseline=316)


def test_clipping_holds_every_weight_of_the_discriminator():
    model = gan(updates=10, objective="wasserstein", penalty=None, weight_clip=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(two_lumps(100))
    assert max(parameter.abs().max().item() for parameter in model.discriminator.parameters()) == pytest.approx(0.02)
    assert max(parameter.abs().max().item() for parameter in model.generator.parameters()) > 0.02


def test_spectral_norm_bounds_the_slope_of_the_discriminator():
    model = gan(objective="hinge", penalty=None, spectral=True).build(2).train()
    for layer in (0, 2, 4):
        for _ in range(20):
            model.discriminator.network[layer].weight  # noqa: B018 - each look is a step of the power iteration
        norm = torch.linalg.matrix_norm(model.discriminator.network[layer].weight, 2)
        assert norm.item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.filterwarnings("ignore:the samples reach")
def test_the_discriminator_can_be_asked_in_the_units_of_the_data():
    model = gan(updates=1).fit(two_lumps(500))
    x = two_lumps(4, 1)
    logits = model.discriminate(x)
    assert logits.shape == (4,)
    inside = (x - model.units.mean) / model.units.deviation
    torch.testing.assert_close(logits, model.discriminator.network(inside).squeeze(1))
    with pytest.raises(InputError, match="x must have the shape"):
        model.discriminate(torch.zeros(3, 2))


@pytest.mark.filterwarnings("ignore:the samples reach")
def test_a_constant_column_is_sampled_exactly_and_not_judged(tmp_path):
    x = torch.cat([two_lumps(200), torch.full((200, 1), 0.1)], 1)
    model = gan(updates=2).fit(x)
    model.save(tmp_path / "model")
    loaded = GAN.load(tmp_path / "model")
    assert (loaded.sample(50)[:, -1] == x[0, -1]).all()
    other = torch.cat([x[:5, :-1], torch.full((5, 1), 9.0)], 1)
    assert torch.equal(loaded.discriminate(other), model.discriminate(x[:5]))


def test_asking_the_discriminator_changes_nothing():
    """Spectral norm goes on with its power iteration whenever it is in training mode."""
    model = gan(spectral=True).build(2)
    x = torch.randn(5, 2)
    assert torch.equal(model.discriminate(x), model.discriminate(x))
    assert not model.generator.training


def test_noise_stands_for_rows_and_passes_gradients():
    model = gan().build((2, 3), 1)
    noise, context = torch.randn(4, 2, requires_grad=True), torch.randn(4, 1)
    rows = model.generate(noise, context)
    assert rows.shape == (4, 2, 3)
    assert torch.equal(rows, model.generate(noise, context))
    rows.sum().backward()
    assert (noise.grad != 0).any(1).all()
    with pytest.raises(InputError, match="noise must have the shape"):
        model.generate(torch.randn(4, 3), context)
    with pytest.raises(InputError, match="give context="):
        model.generate(noise)


def test_a_density_is_refused_and_the_reason_is_named():
    model = gan().build(2)
    assert not hasattr(model, "log_prob")
    with pytest.raises(InputError, match="generator has no inverse"):
        model.score_samples(np.zeros((3, 2)))


def test_samples_survive_saving(tmp_path: Path):
    x, labels = two_lumps(300), (two_lumps(300) > 5).long().flatten()
    model = gan(updates=5, spectral=True, objective="hinge", penalty=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y=labels)
    model.save(tmp_path)
    loaded = GenerativeModel.load(tmp_path)
    noise, given = torch.randn(6, 2), torch.tensor([0, 1] * 3)
    torch.testing.assert_close(loaded.generate(noise, given), model.generate(noise, given))
    torch.testing.assert_close(loaded.discriminate(x[:6], given), model.discriminate(x[:6], given))


def test_conditional_samples_follow_the_label(seed: int, learned: Learned):
    x = two_lumps(2000, seed)
    model = gan(updates=250, seed=seed).fit(x, y=(x > 5).long().flatten() + 4)
    torch.manual_seed(seed)
    low, high = model.sample(500, torch.tensor([4, 5])).unbind(1)
    learned("error of the lower mean", (low.mean() + 295).abs(), below=60, baseline=300)
    learned("error of the higher mean", (high.mean() - 305).abs(), below=60, baseline=300)
    right = min((low < 5).float().mean(), (high > 5).float().mean())
    learned("samples on the right side", right, above=0.9, baseline=0.5)


@pytest.mark.filterwarnings("ignore:the samples reach")
def test_the_discriminator_judges_rows_given_their_context(seed: int, learned: Learned):
    """Rows that are real under one label are fake under the other, which only the pair can tell."""
    x = two_lumps(1000, seed)
    labels = (x > 5).long().flatten()
    model = gan(updates=100, seed=seed, fitting={"generator_steps": 0}).fit(x, y=labels)
    right = torch.sigmoid(model.discriminate(x, labels)).mean()
    wrong = torch.sigmoid(model.discriminate(x, 1 - labels)).mean()
    learned("probability of the right label", right, above=0.6, baseline=0.5)
    learned("probability of the wrong label", wrong, below=0.4, baseline=0.5)


def test_a_collapse_is_counted_while_it_happens_and_said_in_words(seed: int, learned: Learned):
    """A generator that alone moves runs to where the discriminator is highest: a point."""
    told = []
    model = gan(updates=60, seed=seed, fitting={"discriminator_steps": 0, "report_every": 20, "learning_rate": 1e-2})
    with pytest.warns(UserWarning, match=r"reach \d+% of the data only: the generator has collapsed"):
        model.fit(toy_samples("8gaussians", 1000), metrics=modes_found("8gaussians"), progress=told.append)
    assert [epoch.number for epoch in told] == [1, 2, 3]
    assert told[-1].train["modes_found"] <= 2
    learned("coverage", told[-1].train["coverage"], below=0.4, baseline=1.0)
    assert model._metrics is None


def test_a_generator_that_reaches_the_data_is_not_warned_about(seed: int, learned: Learned):
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gan(updates=200, seed=seed).fit(two_lumps(1000, seed), progress=told.append)
    learned("coverage", told[-1].train["coverage"], above=0.6, baseline=0.1)


@pytest.mark.filterwarnings("ignore:the samples reach")
def test_metrics_sample_from_the_weights_that_are_kept():
    seen = []

    def look(model):
        seen.append(model.generate(torch.ones(1, 2)).item())
        return {}

    model = gan(updates=30, fitting={"report_every": 15, "average": 0.9}).fit(two_lumps(200), metrics=look)
    assert model.generate(torch.ones(1, 2)).item() == seen[-1] != seen[0]


@pytest.mark.filterwarnings("ignore:the samples reach")
def test_a_loss_that_turns_nan_leaves_the_weights_of_the_last_report(monkeypatch):
    model, kept = gan(updates=100, fitting={"report_every": 10}), []
    good = model._generator_loss

    def bad(x, context):
        return {"loss": good(x, context)["loss"] * math.nan}

    def remember(epoch):
        kept.append({name: value.clone() for name, value in model.state_dict().items()})
        if epoch.number == 2:
            player[0] = bad

    player = [good]
    monkeypatch.setattr(model, "_generator_loss", lambda x, context: player[0](x, context))
    with pytest.raises(NotFiniteError, match="the generator's loss is not finite"):
        model.fit(two_lumps(200), progress=remember)
    assert len(kept) == 2
    assert all(torch.equal(value, kept[-1][name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"objective": "relativistic"}, "objective.*hinge"),
        ({"penalty": "r3"}, "penalty.*r1_r2"),
        ({"penalty_weight": -1.0}, "penalty_weight"),
        ({"penalty_weight": math.nan}, "penalty_weight"),
        ({"weight_clip": 0.0}, "weight_clip"),
        ({"weight_clip": 0.1, "spectral": True}, "weight_clip and spectral"),
        ({"objective": "wasserstein", "penalty": None}, "bounded critic"),
        ({"noise_features": 0}, "noise_features"),
        ({"hidden": (0,)}, "hidden"),
        ({"discriminator_hidden": (8, 0)}, "discriminator_hidden"),
    ],
)
def test_settings_out_of_range(settings, name):
    with pytest.raises(InputError, match=name):
        GAN(**settings)


@pytest.mark.slow
def test_eight_gaussians_are_all_found(seed: int, learned: Learned):
    modes = toy_modes("8gaussians")
    torch.manual_seed(seed)
    model = GAN().fit(toy_samples("8gaussians", 10_000))
    found = mode_coverage(model.sample(4000), modes.means, modes.deviation)
    assert found.found == 8
    learned("samples of high quality", found.high_quality, above=0.9, baseline=0.1)
