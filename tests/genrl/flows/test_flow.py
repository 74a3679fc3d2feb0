import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from learned import Learned
from torch import Tensor

from genrl.errors import InputError
from genrl.flows import Flow, NeuralSplineFlow, RealNVP
from genrl.flows.flow import BLOCK, warn_of_integers
from genrl.generative_model import GenerativeModel
from genrl.protocols import Density, Sampler, Trainable
from genrl.training.gradient_fitting import GradientFitting

Make = Callable[..., Flow]
Shaken = Callable[..., Flow]
KINDS = pytest.mark.parametrize("context_features", [0, 3])
SHAPES = pytest.mark.parametrize("features", [1, 4])


def context_of(rows: int, columns: int) -> Tensor | None:
    return torch.randn(rows, columns) if columns else None


@SHAPES
@KINDS
def test_log_det_is_that_of_autograd(make: Make, shaken: Shaken, features: int, context_features: int) -> None:
    flow = shaken(make(), features, context_features)
    x, context = torch.randn(4, features) * 3 + 1, context_of(4, context_features)

    def one(row: Tensor, number: int) -> Tensor:
        return flow.transform(row[None], None if context is None else context[number : number + 1])[0][0]

    jacobians = [torch.autograd.functional.jacobian(lambda row, i=i: one(row, i), row) for i, row in enumerate(x)]
    expected = torch.linalg.slogdet(torch.stack(jacobians))[1]
    torch.testing.assert_close(flow.transform(x, context)[1], expected, atol=1e-4, rtol=1e-4)


@SHAPES
@KINDS
def test_both_directions_invert_each_other(make: Make, shaken: Shaken, features: int, context_features: int) -> None:
    flow = shaken(make(), features, context_features)
    context = context_of(300, context_features)
    with torch.no_grad():
        units = 1.0 + torch.arange(features)
        x = torch.randn(300, features) * units + 2.0
        z, log_det = flow.transform(x, context)
        back, log_det_back = flow.inverse(z, context)
        assert ((back - x) / units).abs().max() < 1e-4
        assert (log_det + log_det_back).abs().max() < 1e-3  # where a spline is steep its slope changes within rounding
        noise = torch.randn(300, features)
        again = flow.transform(flow.inverse(noise, context)[0], context)[0]
        assert (again - noise).abs().max() < 1e-4


def test_integers_are_warned_of_where_a_density_has_no_bound(make: Make) -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.randn(300, 1), torch.randint(4, (300, 1)), torch.ones(300, 1)], 1)
    with pytest.warns(UserWarning, match=r"1 of 3 columns of X hold integers alone.*dequantise.*torch\.rand"):
        make().fit(x)


def test_neither_noise_nor_a_constant_nor_any_integers_are_warned_of() -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.randint(4, (300, 1)) + torch.rand(300, 1), torch.ones(300, 1)], 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_integers(x)
        warn_of_integers(torch.tensor([[1.0, 40.0], [3.0, 7.0], [8.0, -9.0]]))  # no number of these comes twice


@pytest.mark.parametrize("base", ["normal", "student_t"])
def test_density_integrates_to_one(make: Make, shaken: Shaken, base: str) -> None:
    flow = shaken(make(base=base), 2)
    side = torch.linspace(-20, 24, 177) if base == "normal" else torch.linspace(-40, 44, 241)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        if hasattr(flow, "steps"):
            flow.steps = 3
        densities = flow.log_prob(grid).double().exp()
    assert float(densities.sum() * (side[1] - side[0]) ** 2) == pytest.approx(1.0, abs=0.02)


def test_fitted_density_integrates_to_one_and_sees_the_shift(make: Make, seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    x = torch.randn(400, 2) @ torch.tensor([[1.0, 0.8], [0.0, 0.6]]) + torch.tensor([50.0, -20.0])
    flow = make().fit(x)
    side = torch.linspace(-6, 6, 121)
    with torch.no_grad():
        densities = flow.log_prob(torch.cartesian_prod(side + 50, side - 20)).double().exp()
    assert float(densities.sum() * 0.01) == pytest.approx(1.0, abs=0.01)
    error = (flow.sample(500).mean(0) - torch.tensor([50.0, -20.0])).abs().max()
    learned("error of the means", error, below=5.0, baseline=50.0)  # in units that do not see the shift


def test_density_of_samples_is_the_one_asked_for(make: Make, shaken: Shaken) -> None:
    flow = shaken(make(), 3, 2)
    samples, densities = flow.rsample_with_log_prob((4,), torch.randn(5, 2))
    assert samples.shape == (4, 5, 3)
    assert densities.shape == (4, 5)
    torch.manual_seed(1)
    context = torch.randn(5, 2)
    samples, densities = flow.rsample_with_log_prob((), context)
    torch.testing.assert_close(flow.log_prob(samples, context), densities, atol=1e-3, rtol=1e-3)


def test_shapes_of_samples(make: Make, shaken: Shaken) -> None:
    flow = shaken(make(), 3)
    assert flow.sample().shape == (3,)
    assert flow.sample(4).shape == (4, 3)
    assert flow.sample((0,)).shape == (0, 3)
    assert flow.sample((4, 2)).shape == (4, 2, 3)
    given = shaken(make(), 3, 2)
    assert given.sample((), torch.randn(6, 2)).shape == (6, 3)
    assert given.sample((4, 2), torch.randn(6, 2)).shape == (4, 2, 6, 3)
    assert not given.sample(2, torch.randn(6, 2)).requires_grad


@KINDS
def test_the_mode_is_as_likely_as_what_the_bases_becomes_or_likelier(
    make: Make, shaken: Shaken, context_features: int
) -> None:
    flow = shaken(make(), 3, context_features)
    context = context_of(6, context_features)
    state = torch.get_rng_state()
    with torch.no_grad():
        found = flow.mode(context)
        assert torch.equal(flow.mode(context), found)
        assert found.shape == ((6, 3) if context_features else (3,))
        middle, _ = flow.inverse(torch.zeros(6, 3), context)
        gained = flow.log_prob(found.expand(6, 3), context) - flow.log_prob(middle, context)
    assert (gained > -1e-3).all()
    assert torch.equal(torch.get_rng_state(), state)


def test_the_mode_of_two_lies_at_one_of_them(seed: int, learned: Learned) -> None:
    """What the base's most likely point becomes is not."""
    torch.manual_seed(seed)
    fitting = GradientFitting(updates=200, learning_rate=1e-2)
    x = 0.1 * torch.randn(600, 1) + torch.tensor([-1.0, 1.0]).repeat(300)[:, None]
    flow = NeuralSplineFlow(transforms=2, hidden=(16,), fitting=fitting).fit(x)
    with torch.no_grad():
        found, middle = flow.mode(), flow.inverse(torch.zeros(1, 1))[0]
        learned(
            "log density above the middle's",
            flow.log_prob(found[None]) - flow.log_prob(middle),
            above=1.0,
            baseline=0.0,
        )
    learned("distance to the nearer one", abs(abs(float(found)) - 1.0), below=0.2, baseline=1.0)


def test_gradients_reach_the_parameters_through_samples(make: Make, shaken: Shaken) -> None:
    flow = shaken(make(), 2)
    flow.rsample(50).square().mean().backward()
    gradients = [parameter.grad for parameter in flow.parameters() if parameter.grad is not None]
    assert any(gradient.abs().max() > 0 for gradient in gradients)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_far_inputs_have_finite_densities_and_gradients(make: Make, shaken: Shaken) -> None:
    flow = shaken(make(), 3)
    x = torch.tensor([[1e6, -1e6, 1e6], [0.0, 1e6, 0.0], [-1e8, 0.0, 1.0]], requires_grad=True)
    density = flow.log_prob(x)
    density.sum().backward()
    assert torch.isfinite(density).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


AWKWARD = {
    "one row": torch.zeros(1, 3),
    "constant": torch.full((50, 3), 7.0),
    "duplicates": torch.tensor([[1.5, 2.5, 3.5], [2.5, 2.5, -1.5]]).repeat(30, 1),
    "a constant column": torch.cat(
        [torch.randn(60, 2, generator=torch.Generator().manual_seed(0)), torch.full((60, 1), -5.0)], 1
    ),
    "an outlier": torch.cat([torch.zeros(64, 3), torch.full((1, 3), 1e6)]),
    "far": 1e6 + torch.randn(30, 3, generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("batch_size", [1, 64])
def test_awkward_data_gives_no_nan(make: Make, name: str, batch_size: int) -> None:
    torch.manual_seed(0)
    flow, x = make(fitting=GradientFitting(updates=6, batch_size=batch_size)), AWKWARD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a fit that met a NaN would end early, with a warning
        flow.fit(x)
    assert np.isfinite(flow.score_samples(x)).all()
    assert np.isfinite(flow.score_samples(x[:1])).all()
    assert torch.isfinite(flow.sample(20)).all()


def test_a_context_that_matters_is_used(make: Make, seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    labels = torch.randint(2, (400,))
    x = torch.randn(400, 2) + 4.0 * labels[:, None]
    flow = make(fitting=GradientFitting(updates=50, learning_rate=3e-2, validation=0.0)).fit(x, labels)
    low, high = flow.sample((200,), torch.tensor([0, 1])).mean((0, 2))
    learned("difference of means", high - low, above=2.0, baseline=0.0)
    here = torch.full((1, 2), 4.0)
    more = flow.log_prob(here, torch.tensor([1])) - flow.log_prob(here, torch.tensor([0]))
    learned("probability of the right label", more.sigmoid(), above=0.8, baseline=0.5)


def test_a_context_that_was_never_seen_to_vary_changes_nothing(make: Make) -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 2)
    flow = make(fitting=GradientFitting(updates=1, learning_rate=1e-12)).fit(x, context=torch.randn(200, 2))
    first, second = torch.randn(5, 2), torch.randn(5, 2)
    torch.testing.assert_close(flow.log_prob(x[:5], first), flow.log_prob(x[:5], second), atol=1e-5, rtol=0)


def test_saved_flows_keep_densities_and_samples(make: Make, shaken: Shaken, tmp_path: Path) -> None:
    flow = shaken(make(base="student_t"), 3, 2)
    flow.save(tmp_path / "flow")
    loaded = GenerativeModel.load(tmp_path / "flow")
    assert isinstance(loaded, type(flow))
    assert loaded.hyperparameters() == flow.hyperparameters()
    x, context = torch.randn(10, 3), torch.randn(10, 2)
    assert torch.equal(loaded.log_prob(x, context), flow.log_prob(x, context))
    torch.manual_seed(3)
    samples = flow.sample(2, context)
    torch.manual_seed(3)
    assert torch.equal(loaded.sample(2, context), samples)


def test_the_same_seed_gives_the_same_fit(make: Make) -> None:
    x = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    densities = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        densities.append(make(fitting=GradientFitting(updates=8, seed=seed)).fit(x).log_prob(x))
    assert torch.equal(densities[0], densities[1])
    assert not torch.equal(densities[0], densities[2])


def test_blocks_change_nothing(make: Make, shaken: Shaken) -> None:
    flow = shaken(make(), 2, 2)
    if hasattr(flow, "steps"):
        flow.steps = 2
    x, context = torch.randn(BLOCK + 10, 2), torch.randn(BLOCK + 10, 2)
    with torch.no_grad():
        whole = flow.log_prob(x, context)
        torch.testing.assert_close(whole[-20:], flow.log_prob(x[-20:], context[-20:]), atol=1e-4, rtol=1e-4)
        assert flow.sample(BLOCK + 1, context[:1]).shape == (BLOCK + 1, 1, 2)


def test_double_precision_is_taken(make: Make) -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    flow = make().fit(x, context=x[:, :1])
    assert np.isfinite(flow.score_samples(x, x[:, :1])).all()


def test_abilities(make: Make) -> None:
    flow = make()
    assert isinstance(flow, Density)
    assert isinstance(flow, Sampler)
    assert isinstance(flow, Trainable)
    assert flow.log_prob_kind == "exact"


def test_rows_of_any_shape_are_flattened() -> None:
    torch.manual_seed(0)
    x = torch.randn(100, 2, 3)
    flow = RealNVP(transforms=2, fitting=GradientFitting(updates=5)).fit(x)
    z, log_det = flow.transform(x)
    assert z.shape == (100, 6)
    assert log_det.shape == (100,)
    assert flow.inverse(z)[0].shape == x.shape
    assert flow.sample((2, 5)).shape == (2, 5, 2, 3)


def test_flows_that_change_nothing_are_their_base() -> None:
    x = torch.randn(20, 3)
    spline, robust = NeuralSplineFlow().build(3), RealNVP(base="student_t").build(3)
    for flow in (spline, robust):
        for parameter in flow.parameters():
            torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(spline.log_prob(x), torch.distributions.Normal(0, 1).log_prob(x).sum(1))
    torch.testing.assert_close(robust.log_prob(x), torch.distributions.StudentT(5.0).log_prob(x).sum(1))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: RealNVP(transforms=0), "transforms"),
        (lambda: RealNVP(hidden=(0,)), "hidden"),
        (lambda: RealNVP(base="cauchy"), "base"),  # type: ignore[arg-type]
        (lambda: NeuralSplineFlow(bins=1), "bins"),
        (lambda: NeuralSplineFlow(box=0.0), "box"),
        (lambda: RealNVP().sample(3), "fit"),
        (lambda: RealNVP().build(2).log_prob(torch.zeros(3, 4)), "x must"),
        (lambda: RealNVP().build(2).inverse(torch.zeros(3, 4)), "z must"),
        (lambda: RealNVP().build(2).sample(3, torch.zeros(2, 2)), "context"),
        (lambda: RealNVP().build(2, 3).sample(3), "context"),
        (lambda: RealNVP().fit([[1.0, float("nan")]]), "X must"),
    ],
)
def test_errors_name_the_argument(call: Callable[[], object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        call()
