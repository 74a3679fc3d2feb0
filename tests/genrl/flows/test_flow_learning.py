"""What flows learn: closed forms where there are some, and where there are outliers."""

from collections.abc import Callable

import pytest
import torch
from learned import Learned
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from genrl.flows import (
    ContinuousFlow,
    Flow,
    Glow,
    InverseAutoregressiveFlow,
    MaskedAutoregressiveFlow,
    NeuralSplineFlow,
    RealNVP,
)
from genrl.training.gradient_fitting import GradientFitting

FITTING = GradientFitting(updates=120, learning_rate=1e-2)


def correlated() -> MultivariateNormal:
    covariance = torch.tensor([[1.0, 0.9, 0.3], [0.9, 2.0, 0.4], [0.3, 0.4, 0.5]])
    return MultivariateNormal(torch.tensor([3.0, -1.0, 10.0]), covariance)


@pytest.mark.parametrize(
    "flow",
    [
        RealNVP(transforms=4, hidden=(32,), fitting=FITTING),
        MaskedAutoregressiveFlow(transforms=2, hidden=(32,), fitting=FITTING),
        NeuralSplineFlow(transforms=2, hidden=(32,), fitting=FITTING),
        pytest.param(InverseAutoregressiveFlow(transforms=2, hidden=(32,), fitting=FITTING), marks=pytest.mark.slow),
        pytest.param(Glow(transforms=3, hidden=(32,), fitting=FITTING), marks=pytest.mark.slow),
        pytest.param(
            ContinuousFlow(steps=8, hidden=(64,), fitting=GradientFitting(updates=400, learning_rate=1e-2)),
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda flow: type(flow).__name__,
)
def test_a_correlated_gaussian_is_learned(flow: Flow, seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    truth = correlated()
    flow.fit(truth.sample((4000,)))
    held_out = truth.sample((2000,))
    with torch.no_grad():
        gap = (truth.log_prob(held_out) - flow.log_prob(held_out)).mean()
    independent = Normal(truth.mean, truth.stddev).log_prob(held_out).sum(1)  # what knows of no correlation
    learned("gap to the entropy", abs(gap), below=0.05, baseline=(truth.log_prob(held_out) - independent).mean())
    covariance = flow.sample(4000).T.cov()
    learned("error of the covariance", (covariance - truth.covariance_matrix).abs().max(), below=0.4, baseline=0.9)


def with_outliers() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(990, 2, generator=generator)
    rare = 12.0 + torch.randn(10, 2, generator=generator)
    return torch.cat([rows, rare]), rare


@pytest.mark.parametrize("base", ["normal", "student_t"])
def test_rare_modes_are_finite(make: Callable[..., Flow], base: str) -> None:
    torch.manual_seed(0)
    x, rare = with_outliers()
    flow = make(base=base).fit(x)
    with torch.no_grad():
        assert torch.isfinite(flow.log_prob(rare)).all()
        assert torch.isfinite(flow.log_prob(100 * rare)).all()


def test_outliers_are_less_extreme_from_a_heavy_tailed_base(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    x = torch.randn(1000, 2)
    fitting = GradientFitting(updates=100)
    far = torch.tensor([[40.0, -40.0]])
    worst = {}
    for base in ("normal", "student_t"):
        flow = RealNVP(transforms=3, hidden=(16,), base=base, fitting=fitting).fit(x)  # type: ignore[arg-type]
        worst[base] = float(-flow.log_prob(far).detach())
        gap = abs(-flow.log_prob(x).mean() - 2.84)
        learned(f"gap to the entropy, {base}", gap, below=0.3, baseline=1.0)
    learned("surprise by an outlier / that of a normal", worst["student_t"] / worst["normal"], below=0.2, baseline=1.0)


@pytest.mark.slow
def test_splines_learn_eight_gaussians(seed: int, learned: Learned) -> None:
    torch.manual_seed(seed)
    angles = torch.arange(8) * torch.pi / 4
    centres = 4 * torch.stack([angles.cos(), angles.sin()], 1)
    x = centres[torch.randint(8, (8000,))] + 0.2 * torch.randn(8000, 2)
    flow = NeuralSplineFlow(fitting=GradientFitting(updates=3000)).fit(x[:6000])
    entropy = float(torch.tensor(8.0 * 0.04 * 2 * torch.pi).log()) + 1
    held_out = -flow.log_prob(x[6000:]).mean()
    single = float(torch.tensor(2 * torch.pi * 8.04).log()) + 1  # one Gaussian of the same variance
    learned("negative log-likelihood", held_out, below=entropy + 0.2, baseline=single)
    samples = flow.sample(2000)
    near = torch.cdist(samples, centres).min(1)
    learned("samples near a centre", (near.values < 0.8).float().mean(), above=0.9, baseline=0.1)
    assert len(near.indices.unique()) == 8
