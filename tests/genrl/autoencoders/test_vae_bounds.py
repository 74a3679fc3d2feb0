"""The bounds against the integral that they bound, computed on a grid of codes."""

import pytest
import torch
from torch import Tensor

from genrl.autoencoders import VAE
from genrl.autoencoders.gaussians import log_standard_normal
from genrl.errors import InputError
from genrl.flows import RealNVP
from genrl.training.gradient_fitting import GradientFitting


def made(model: VAE, columns: int, context_features: int = 0) -> VAE:
    """With a decoder to which the code matters, and a flow, if there is one, that bends."""
    torch.manual_seed(0)
    model.build(columns, context_features)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("posterior"):
                parameter += 0.1 * torch.randn_like(parameter)
            elif name.startswith("likelihood.decoder"):
                parameter *= 2
    return model


def evidence(model: VAE, x: Tensor) -> Tensor:
    """(rows,) log p(x) of a model with one or two latents, by the sum over a grid of codes."""
    ticks = torch.linspace(-6, 6, 121)
    grid = torch.cartesian_prod(*[ticks] * model.latents).reshape(-1, model.latents)
    cell = model.latents * float((ticks[1] - ticks[0]).log())
    with torch.no_grad():
        found = model.likelihood(grid, None)
        joint = [found.log_prob(row.expand(len(grid), -1)) + log_standard_normal(grid) for row in x]
    return torch.stack(joint).logsumexp(1) + cell


KINDS = pytest.mark.parametrize("posterior", [None, "flow"])


def small(posterior: str | None, **more: object) -> VAE:
    flow = RealNVP(transforms=2, hidden=(8,)) if posterior else None
    settings = {"latents": 2, "hidden": (8,), "activation": "tanh", "posterior": flow} | more
    return VAE(**settings)  # type: ignore[arg-type]


@KINDS
@pytest.mark.parametrize("variance", ["column", "code"])
def test_bounds_lie_below_the_evidence_and_rise_to_it(posterior: str | None, variance: str) -> None:
    model = made(small(posterior, variance=variance), 3)
    x = model.sample(20)
    with torch.no_grad():
        exact = evidence(model, x)
        bounds = [model.log_prob(x)]
        for samples in (2, 16, 1500):
            draws = [model.importance_log_prob(x, samples) for _ in range(60 // samples + 1)]
            bounds.append(torch.stack(draws).mean(0))
    levels = [float(bound.mean()) for bound in bounds]
    assert levels[0] + 0.1 < levels[1] < levels[2] - 0.1
    assert levels[2] < levels[3] + 0.02
    assert levels[3] == pytest.approx(float(exact.mean()), abs=0.15)
    assert (bounds[0] < exact + 0.02).all()


def test_the_bounds_of_all_binary_rows_sum_to_less_than_one() -> None:
    model = made(small(None, decoder="bernoulli"), 4)
    rows = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4)
    with torch.no_grad():
        total = float(model.log_prob(rows).exp().sum())
        tighter = float(model.importance_log_prob(rows, 300).exp().sum())
    assert total < tighter
    assert tighter == pytest.approx(1.0, abs=0.02)


def test_the_bounds_of_all_rows_of_levels_sum_to_less_than_one() -> None:
    model = made(small(None, decoder="categorical", levels=3), 3)
    rows = torch.cartesian_prod(*[torch.arange(3.0)] * 3)
    with torch.no_grad():
        assert model.log_prob(rows).exp().sum() < 1.0
        assert float(model.importance_log_prob(rows, 1500).exp().sum()) == pytest.approx(1.0, abs=0.08)


@KINDS
@pytest.mark.parametrize("decoder", ["bernoulli", "gaussian", "categorical"])
def test_the_gradient_is_that_of_finite_differences(posterior: str | None, decoder: str) -> None:
    model = made(small(posterior, decoder=decoder, levels=2, samples=3), 2, 1).double()
    x = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    context = torch.tensor([[0.3], [-0.7]], dtype=torch.float64)
    model.zero_grad()
    model.log_prob(x, context).mean().backward()
    step, checked = 1e-6, 0
    for parameter in model.parameters():
        assert parameter.grad is not None
        with torch.no_grad():
            flat, place = parameter.view(-1), int(parameter.grad.abs().argmax())
            around = []
            for sign in (1, -1):
                flat[place] += sign * step
                around.append(float(model.log_prob(x, context).mean()))
                flat[place] -= sign * step
            expected = (around[0] - around[1]) / (2 * step)
        assert float(parameter.grad.view(-1)[place]) == pytest.approx(expected, rel=1e-4, abs=1e-7)
        checked += abs(expected) > 1e-4
    assert checked > 6


def test_the_loss_is_the_bound_at_beta_one() -> None:
    model = made(small(None), 3).eval()
    x = torch.randn(20, 3)
    with torch.no_grad():
        losses = torch.stack([model.loss(x)["loss"] for _ in range(100)])
        model.samples = 400
        expected = -float(model.log_prob(x).mean())
    assert float(losses.mean()) == pytest.approx(expected, abs=4 * float(losses.std()) / 100**0.5 + 0.02)


def test_beta_and_free_bits_change_the_loss_and_not_the_bound() -> None:
    x = torch.randn(20, 3)
    plain = made(small(None), 3).eval()
    found = {}
    for name, more in (("beta", {"beta": 3.0}), ("free", {"free_bits": 50.0})):
        other = made(small(None, **more), 3).eval()
        torch.manual_seed(1)
        found[name] = {key: float(value.detach()) for key, value in other.loss(x).items()}
        assert torch.equal(other.log_prob(x), plain.log_prob(x))
    beta, free = found["beta"], found["free"]
    assert beta["loss"] == pytest.approx(3 * beta["divergence"] - beta["reconstruction"], rel=1e-5)
    assert free["loss"] == pytest.approx(2 * 50.0 - free["reconstruction"], rel=1e-5)


def test_warm_up_raises_the_weight_of_the_divergence() -> None:
    x, weights = torch.randn(64, 3), []
    fitting = GradientFitting(updates=8, batch_size=64, validation=0)
    model = small(None, hidden=(), warm_up=0.5, fitting=fitting)

    def note(epoch: object) -> None:
        torch.manual_seed(0)
        parts = {key: float(value.detach()) for key, value in model.train().loss(x).items()}
        weights.append((parts["loss"] + parts["reconstruction"]) / parts["divergence"])

    model.fit(x, progress=note)
    assert weights == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1], abs=1e-3)


def test_without_samples_there_is_no_bound() -> None:
    with pytest.raises(InputError, match="samples must be 1 or more"):
        made(small(None), 2).importance_log_prob(torch.zeros(1, 2), 0)


@KINDS
def test_a_loss_of_many_draws_is_the_mean_of_losses_of_one(posterior: str | None) -> None:
    x = made(small(posterior), 3).sample(10)
    spread, level = {}, {}
    for draws in (1, 16):
        model = made(small(posterior, draws=draws), 3)
        torch.manual_seed(1)
        with torch.no_grad():
            losses = torch.stack([model.loss(x)["loss"] for _ in range(200)])
        spread[draws], level[draws] = float(losses.std()), float(losses.mean())
    assert spread[16] == pytest.approx(spread[1] / 4, rel=0.25)
    assert level[16] == pytest.approx(level[1], abs=4 * spread[1] / 200**0.5)
