from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genrl.autoencoders import VAE
from genrl.errors import InputError
from genrl.flows import PlanarFlow, RealNVP
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture
from genrl.protocols import Codec, Density, Sampler, Trainable
from genrl.training.gradient_fitting import GradientFitting

BRIEF = GradientFitting(updates=6, batch_size=64)
DECODERS = pytest.mark.parametrize(
    "settings",
    [
        {"decoder": "bernoulli"},
        {"decoder": "gaussian"},
        {"decoder": "gaussian", "variance": "code"},
        {"decoder": "categorical", "levels": 2},
        {"posterior": PlanarFlow(transforms=1, hidden=(4,))},
    ],
    ids=["bernoulli", "column", "code", "categorical", "planar"],
)
SHAPES = pytest.mark.parametrize("shape", [(3,), (2, 5, 6)])


def brief(**settings: object) -> VAE:
    return VAE(**({"latents": 3, "hidden": (6,), "samples": 2, "fitting": BRIEF} | settings))  # type: ignore[arg-type]


def bits(rows: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randint(2, (rows, *shape), generator=torch.Generator().manual_seed(0)).float()


@DECODERS
@SHAPES
def test_shapes(settings: dict[str, object], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = bits(40, shape)
    model = brief(**settings).fit(x)
    assert model.log_prob(x[:5]).shape == (5,)
    assert model.importance_log_prob(x[:5], 3).shape == (5,)
    assert model.sample((2, 3)).shape == (2, 3, *shape)
    assert model.encode(x[:5]).shape == (5, 3)
    assert model.decode(torch.zeros(4, 3)).shape == (4, *shape)
    assert model.posterior_predictive(x[:5]).shape == (5, *shape)
    assert model.posterior_predictive(x[:5], (2, 4)).shape == (2, 4, 5, *shape)
    assert model.posterior_predictive(x[:5], 0).shape == (0, 5, *shape)
    assert model.interpolate(x[:5], x[5:10], 4).shape == (4, 5, *shape)
    assert len(model.collapse_report(x).kl) == 3


@DECODERS
@SHAPES
def test_shapes_with_a_context(settings: dict[str, object], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, y = bits(40, shape), torch.arange(40) % 3
    model = brief(**settings).fit(x, y)
    assert model.sample((2,), torch.tensor([0, 2])).shape == (2, 2, *shape)
    assert model.posterior_predictive(x[:5], (2,), y[:5]).shape == (2, 5, *shape)
    assert model.interpolate(x[:5], x[5:10], 4, y[:5]).shape == (4, 5, *shape)
    assert model.importance_log_prob(x[:5], 3, y[:5]).shape == (5,)
    same, other = model.log_prob(x[:5], y[:5]), model.log_prob(x[:5], (y[:5] + 1) % 3)
    assert not torch.allclose(same, other)


def test_images_pass_convolutions() -> None:
    kinds = {type(module) for module in brief().build((1, 8, 8)).modules()}
    assert {nn.Conv2d, nn.ConvTranspose2d} <= kinds
    assert nn.Conv2d not in {type(module) for module in brief().build(64).modules()}


def test_samples_are_values_of_the_decoders_distribution() -> None:
    torch.manual_seed(0)
    coins = brief(decoder="bernoulli").build(4).sample(50)
    assert set(coins.unique().tolist()) == {0.0, 1.0}
    levels = brief(decoder="categorical", levels=5).build(4).sample(50)
    assert levels.dtype == torch.float32
    assert set(levels.unique().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}


def test_interpolation_runs_from_one_row_to_the_other() -> None:
    torch.manual_seed(0)
    model, (a, b) = brief().build(3), torch.randn(2, 4, 3)
    path = model.interpolate(a, b, 5)
    torch.testing.assert_close(path[0], model.decode(model.encode(a)))
    torch.testing.assert_close(path[-1], model.decode(model.encode(b)))
    torch.testing.assert_close(path[2], model.decode((model.encode(a) + model.encode(b)) / 2))


def test_abilities() -> None:
    for ability in (Codec, Density, Sampler, Trainable):
        assert isinstance(VAE(), ability)
    assert VAE().log_prob_kind == "lower_bound"


@pytest.mark.parametrize("posterior", [None, RealNVP(transforms=2, hidden=(4,))])
def test_saved_models_keep_bounds_and_samples(posterior: GenerativeModel | None, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, context = torch.randn(40, 3), torch.randn(40, 2)
    model = brief(posterior=posterior, beta=0.5, warm_up=0.2).fit(x, context=context)
    model.save(tmp_path / "vae")
    loaded = GenerativeModel.load(tmp_path / "vae")
    assert isinstance(loaded, VAE)
    assert (type(loaded.posterior), loaded.beta) == (type(posterior), 0.5)
    assert torch.equal(loaded.log_prob(x, context), model.log_prob(x, context))
    samples = []
    for each in (model, loaded):
        torch.manual_seed(1)
        samples.append(each.sample(3, context))
    assert torch.equal(*samples)


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(1, 3),
        torch.full((50, 3), 7.0),
        torch.cat([torch.randn(60, 2, generator=torch.Generator().manual_seed(0)), torch.full((60, 1), -5.0)], 1),
        torch.cat([torch.zeros(64, 3), torch.full((1, 3), 1e6)]),
    ],
    ids=["one row", "constant", "a constant column", "an outlier"],
)
@DECODERS
def test_awkward_data_gives_no_nan(settings: dict[str, object], x: Tensor) -> None:
    torch.manual_seed(0)
    if "levels" in settings or settings.get("decoder") == "bernoulli":
        x = (x > 0).float()
    fitting = GradientFitting(updates=8, batch_size=16)
    model = brief(**settings, fitting=fitting).fit(x)
    assert np.isfinite(model.score_samples(x)).all()
    assert torch.isfinite(model.sample(20)).all()
    assert torch.isfinite(model.encode(x)).all()


def test_batches_of_one() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 1, 4, 4)
    model = brief(fitting=GradientFitting(updates=12, batch_size=1, validation=0)).fit(x)
    assert np.isfinite(model.score_samples(x[:1])).all()


def test_the_bound_is_in_the_units_of_the_rows() -> None:
    x = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    scores = []
    for factor in (1.0, 100.0):
        torch.manual_seed(0)
        scores.append(brief().fit(factor * x + 3).score_samples(factor * x + 3))
    assert scores[0] - scores[1] == pytest.approx(2 * np.log(100.0), abs=1e-2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latents": 0}, "latents must be 1 or more, not 0"),
        ({"hidden": (4, 0)}, "hidden must be 1 or more"),
        ({"samples": 0}, "samples must be 1 or more"),
        ({"levels": 1}, "levels must be 2 or more"),
        ({"beta": -1.0}, "beta must be 0 or more"),
        ({"free_bits": float("nan")}, "free_bits must be 0 or more"),
        ({"warm_up": -0.5}, "warm_up must be 0 or more"),
        ({"decoder": "poisson"}, "decoder must be one of bernoulli, gaussian, categorical, not 'poisson'"),
        ({"variance": "row"}, "variance must be one of column, code"),
        ({"posterior": GaussianMixture()}, "posterior must be a flow of genrl.flows, or None, not a GaussianMixture"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        brief(**settings)


def test_bad_rows_are_named() -> None:
    with pytest.raises(InputError, match=r"within 0 .. 1 for decoder='bernoulli'"):
        brief(decoder="bernoulli").fit(torch.full((5, 2), 2.0))
    model = brief(decoder="bernoulli").fit(torch.zeros(5, 2))
    with pytest.raises(InputError, match=r"within 0 .. 1"):
        model.log_prob(torch.full((1, 2), 2.0))
    with pytest.raises(InputError, match=r"z must have the shape \(rows, 3\)"):
        model.decode(torch.zeros(2, 2))
    with pytest.raises(InputError, match="steps be 2 or more, not 1"):
        model.interpolate(torch.zeros(1, 2), torch.zeros(1, 2), 1)
    with pytest.raises(InputError, match="two rows or more"):
        model.collapse_report(torch.zeros(1, 2))
