from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from learned import Learned
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.score import ScoreModel, VarianceExploding, VariancePreserving
from genrl.training.gradient_fitting import GradientFitting

MEAN = torch.tensor([5.0, -300.0])
COVARIANCE = torch.tensor([[1.0, 80.0], [80.0, 10_000.0]])  # correlation 0.8, deviations 1 and 100

EXPLODING = VarianceExploding()


def model(updates: int = 300, seed: int = 0, **settings) -> ScoreModel:
    torch.manual_seed(seed)
    return ScoreModel(
        hidden=(32,), fitting=GradientFitting(updates=updates, learning_rate=0.01, average=0.99), **settings
    )


def rows(number: int, seed: int = 0) -> Tensor:
    torch.manual_seed(7 + 100 * seed)
    return MultivariateNormal(MEAN, COVARIANCE).sample((number,))


def fitted(noise: VarianceExploding | VariancePreserving = EXPLODING, seed: int = 0) -> ScoreModel:
    """To a Gaussian in awkward units; tests share it."""
    return once_fitted(noise, seed)


@cache
def once_fitted(noise: VarianceExploding | VariancePreserving, seed: int) -> ScoreModel:
    with torch.enable_grad():
        return model(noise=noise, seed=seed).fit(rows(4000, seed))


@pytest.mark.parametrize("noise", [EXPLODING, VariancePreserving()], ids=["exploding", "preserving"])
@pytest.mark.parametrize("level", [0.5, 1.0, 3.0])
def test_the_score_of_a_gaussian_is_learned_in_its_own_units(noise, level: float, seed: int, learned: Learned) -> None:
    added = (level * torch.tensor([1.0, 100.0])).square().diag()
    noisy = MultivariateNormal(MEAN, COVARIANCE + added)
    torch.manual_seed(1)
    x = noisy.sample((2000,))
    truth = -(x - MEAN) @ torch.linalg.inv(COVARIANCE + added)
    found = fitted(noise, seed=seed).score_function(x, level).detach()
    units = torch.tensor([1.0, 100.0])
    error = ((found - truth) * units).square().sum() / (truth * units).square().sum()
    learned("relative error", error.sqrt(), below=0.15, baseline=1.0)


def test_rows_may_have_noise_of_their_own_level() -> None:
    x, levels = rows(3), torch.tensor([0.1, 1.0, 5.0])
    together = fitted().score_function(x, levels)
    for number, level in enumerate(levels):
        torch.testing.assert_close(together[number], fitted().score_function(x[number : number + 1], level)[0])


def test_log_prob_is_that_of_the_gaussian_and_estimates_are_unbiased(seed: int, learned: Learned) -> None:
    x = rows(50)
    truth = MultivariateNormal(MEAN, COVARIANCE).log_prob(x)
    with torch.no_grad():
        exact = fitted(seed=seed).log_prob(x)
        torch.manual_seed(seed)
        estimates = fitted(seed=seed).estimate_log_prob(x, probes=64)
        one = fitted(seed=seed).estimate_log_prob(x)
    independent = Normal(MEAN, COVARIANCE.diag().sqrt()).log_prob(x).sum(1)  # what knows of no correlation
    learned("error", (exact - truth).abs().mean(), below=0.15, baseline=(independent - truth).abs().mean())
    ratio = (estimates - exact).abs().mean() / (one - exact).abs().mean()
    learned("error of 64 probes / of one", ratio, below=1 / 3, baseline=1.0)
    learned("bias", abs(float((estimates - exact).mean())), below=0.1, baseline=(one - exact).abs().mean())


@pytest.mark.parametrize(
    ("sampler", "evaluations"),
    [("heun", 40), ("euler_maruyama", 300), ("predictor_corrector", 400), ("annealed_langevin", 1500)],
)
def test_every_sampler_draws_rows_like_the_data(
    sampler, evaluations: int, monkeypatch: pytest.MonkeyPatch, seed: int, learned: Learned
) -> None:
    model = fitted(seed=seed)
    monkeypatch.setattr(model, "sampler", sampler)
    monkeypatch.setattr(model, "evaluations", evaluations)
    torch.manual_seed(seed)
    x = (model.sample(3000) - MEAN) / torch.tensor([1.0, 100.0])
    learned("error of the mean", x.mean(0).abs().max(), below=0.2, baseline=1.0)
    error = (torch.cov(x.T) - torch.tensor([[1.0, 0.8], [0.8, 1.0]])).abs().max()
    learned("error of the covariance", error, below=0.3, baseline=0.8)  # of independent columns


def test_denoising_errors_are_of_each_row_and_bound_the_loss(seed: int, learned: Learned) -> None:
    trained = fitted(seed=seed)
    with torch.no_grad():
        errors = trained.denoising_errors(torch.cat([rows(500), rows(500) * 3]), None, 0.3)
        loss = float(trained.loss(rows(4000))["loss"])
        levels = VarianceExploding().noise_level(torch.rand(4000))
        untrained = float(model(seed=seed).build(2).loss(torch.randn(4000, 2) * 3)["loss"])
        learned("loss", loss, below=0.1, baseline=untrained)
        assert float(trained.denoising_errors(rows(4000), None, levels).mean()) > 0.1
    assert errors.shape == (1000,)
    learned("error of the data / of what is far", errors[:500].mean() / errors[500:].mean(), below=0.8, baseline=1.0)


def test_missing_numbers_are_drawn_given_the_known_ones_which_stay_exactly(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    x = torch.cat([torch.full((1500, 1), 6.3), torch.full((1500, 1), torch.nan)], 1)
    full = fitted(seed=seed).complete(x, torch.tensor([True, False]))
    assert torch.equal(full[:, 0], x[:, 0])
    # regression of the second column on the first: slope 80, deviation sqrt(10000 - 80 * 80) = 60
    learned("error of the mean", (full[:, 1].mean() - (-300 + 80 * 1.3)).abs(), below=25.0, baseline=80 * 1.3)
    learned(
        "error of the deviation", (full[:, 1].std() - 60.0).abs(), below=18.0, baseline=40.0
    )  # 100 if unconditional
    everything = fitted().complete(rows(3), torch.ones(3, 2, dtype=torch.bool), evaluations=5)
    assert torch.equal(everything, rows(3))


def test_a_guide_in_the_units_of_the_rows_shifts_samples_as_the_product_of_gaussians_does(
    monkeypatch: pytest.MonkeyPatch, seed: int, learned: Learned
) -> None:
    model = fitted(seed=seed)
    monkeypatch.setattr(model, "sampler", "annealed_langevin")
    monkeypatch.setattr(model, "evaluations", 1000)
    torch.manual_seed(seed)
    x = model.sample(1000, guide=lambda x: -0.5 * (x[:, 0] - 7.0).square())
    # N(5, 1) times N(7, 1) is N(6, 1/2); the other column follows with slope 80
    learned("error of the mean", (x[:, 0].mean() - 6.0).abs(), below=0.2, baseline=1.0)
    learned("error of the variance", (x[:, 0].var() - 0.5).abs(), below=0.2, baseline=0.5)
    learned("error of the other mean", (x[:, 1].mean() + 220.0).abs(), below=12.0, baseline=80.0)


def test_guidance_exaggerates_the_context_and_none_is_none(
    monkeypatch: pytest.MonkeyPatch, seed: int, learned: Learned
) -> None:
    torch.manual_seed(seed)
    y = torch.randint(2, (3000,))
    fitted = model(context_dropout=0.3, seed=seed).fit(torch.randn(3000, 1) + 2.0 * y[:, None], y=y)
    means = []
    for fitted.guidance in (0.0, 1.0, 3.0):
        torch.manual_seed(seed)
        means.append(float(fitted.sample(1000, context=torch.tensor([1])).mean()))
    learned("error without a context", abs(means[0] - 1.0), below=0.3, baseline=1.0)
    learned("error with it", abs(means[1] - 2.0), below=0.35, baseline=1.0)
    learned("mean when it is exaggerated", means[2], above=2.3, baseline=2.0)


def test_one_level_is_learned_and_sampled_by_langevin_dynamics(seed: int, learned: Learned) -> None:
    one = VarianceExploding(least=0.5, most=0.5)
    fitted = model(noise=one, sampler="annealed_langevin", evaluations=400, seed=seed).fit(rows(2000, seed))
    torch.manual_seed(seed)
    x = (fitted.sample(2000) - MEAN) / torch.tensor([1.0, 100.0])
    error = (torch.cov(x.T).diagonal() / 1.25 - 1).abs().max()
    learned("relative error of the variances", error, below=0.35, baseline=1.0)
    with pytest.raises(InputError, match="one noise level has no way"):
        fitted.log_prob(rows(2))
    with pytest.raises(InputError, match="annealed_langevin"):
        model(noise=one)


def test_rows_of_any_shape() -> None:
    x = torch.randn(200, 1, 2, 3) + torch.arange(6.0).reshape(1, 2, 3)
    learned = model(updates=20).fit(x)
    assert learned.sample((2, 4)).shape == (2, 4, 1, 2, 3)
    assert learned.score_function(x, 1.0).shape == x.shape
    assert learned.log_prob(x[:5]).shape == (5,)
    mask = torch.zeros(1, 2, 3, dtype=torch.bool)
    mask[0, 0] = True
    full = learned.complete(x, mask, evaluations=10)
    assert torch.equal(full[:, :, 0], x[:, :, 0])
    assert not torch.equal(full[:, :, 1], x[:, :, 1])


def test_the_noise_process_survives_on_disk(tmp_path: Path) -> None:
    for noise in (VarianceExploding(least=0.02), VariancePreserving(beta_most=15.0)):
        learned = model(noise=noise).build(2)
        learned.save(tmp_path / "model")
        loaded = GenerativeModel.load(tmp_path / "model")
        assert isinstance(loaded, ScoreModel)
        assert loaded.noise == noise
        assert np.array_equal(loaded.score_samples(rows(3)), learned.score_samples(rows(3)))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"evaluations": 0}, "evaluations"),
        ({"sampler": "guess"}, "sampler 'guess'"),
        ({"guidance": float("nan")}, "guidance"),
        ({"guidance": 2.0, "context_dropout": 0.0}, "context_dropout"),
        ({"context_dropout": 1.0}, "context_dropout"),
        ({"hidden": ()}, "hidden"),
        ({"hidden": (8, 0)}, "hidden"),
    ],
)
def test_settings_out_of_range(settings, name: str) -> None:
    with pytest.raises(InputError, match=name):
        ScoreModel(**settings)


def test_wrong_questions_are_refused() -> None:
    x = rows(3)
    with pytest.raises(InputError, match="noise_level"):
        fitted().score_function(x, 0.0)
    with pytest.raises(InputError, match="noise_level"):
        fitted().denoising_errors(x, None, torch.ones(2))
    with pytest.raises(InputError, match="known"):
        fitted().complete(x, torch.ones(3))
    with pytest.raises(InputError, match="known"):
        fitted().complete(x, torch.ones(3, dtype=torch.bool))
    with pytest.raises(InputError, match="probes"):
        fitted().estimate_log_prob(x, probes=0)
    with pytest.raises(InputError, match="x must have the shape"):
        fitted().score_function(x[:, :1], 1.0)
