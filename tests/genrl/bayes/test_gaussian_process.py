"""The Gaussian process against scikit-learn's, against finite differences, and against what made the rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from learned import Learned
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from genrl.bayes import GaussianProcess
from genrl.bayes.gaussian_process import Kernel, negative_log_evidence
from genrl.errors import InputError

LOGARITHMS = np.array([0.3, -0.2, 0.5, -1.0, -14.0, -0.5, 0.2, -1.5])  # lengths, weights, scale, noise


def rows(count: int, *, noise: float = 0.1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The first column matters, by a wave; the second by a line; the third not at all."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 3, generator=generator)
    clean = torch.stack([torch.sin(2 * inputs[:, 0]) + 0.5 * inputs[:, 1], inputs[:, 1]], 1)
    return inputs, clean + noise * torch.randn(count, 2, generator=generator)


def test_the_evidence_is_that_of_scikit_learn() -> None:
    inputs, outputs = (tensor.double() for tensor in rows(60))
    # Weights of almost nothing: scikit-learn has no line with a weight for each column.
    logarithms = np.array([0.3, -0.2, 0.5, -40.0, -40.0, -40.0, 0.2, -1.5])
    theirs = GaussianProcessRegressor(
        ConstantKernel(math.exp(0.2)) * RBF(np.exp([0.3, -0.2, 0.5])) + WhiteKernel(math.exp(-1.5)), optimizer=None
    ).fit(inputs.numpy(), outputs[:, 0].numpy())
    mine, _ = negative_log_evidence(logarithms, inputs, outputs[:, 0])
    assert mine == pytest.approx(-theirs.log_marginal_likelihood_value_, rel=1e-6)


def test_the_gradient_is_that_of_finite_differences() -> None:
    inputs, outputs = (tensor.double() for tensor in rows(40))
    _, gradient = negative_log_evidence(LOGARITHMS, inputs, outputs[:, 0])
    measured = approx_fprime(LOGARITHMS, lambda at: negative_log_evidence(at, inputs, outputs[:, 0])[0], 1e-6)
    np.testing.assert_allclose(gradient, measured, atol=1e-4)


def test_the_covariance_by_hand() -> None:
    kernel = Kernel.from_logarithms(torch.tensor(LOGARITHMS))
    x, y = torch.tensor([[1.0, 0.0, -1.0]]).double(), torch.tensor([[0.5, 2.0, 0.0]]).double()
    squares = sum((a - b) ** 2 / math.exp(2 * c) for a, b, c in zip(x[0], y[0], LOGARITHMS[:3], strict=True))
    line = sum(math.exp(c) * a * b for a, b, c in zip(x[0], y[0], LOGARITHMS[3:6], strict=True))
    assert float(kernel(x, y)) == pytest.approx(math.exp(0.2) * math.exp(-float(squares) / 2) + float(line))


def test_the_prediction_is_the_solution_of_its_linear_system() -> None:
    inputs, outputs = (tensor.double() for tensor in rows(80))
    process = GaussianProcess().fit(inputs, outputs, seed=0)
    (kernel, _), unseen = process.kernels_, inputs[:5] + 0.1
    centre, unit = inputs.mean(0), inputs.std(0)
    known, asked = (inputs - centre) / unit, (unseen - centre) / unit
    covariance = (kernel(known, known) + kernel.noise * torch.eye(80)).numpy()
    target = ((outputs[:, 0] - outputs[:, 0].mean()) / outputs[:, 0].std()).numpy()
    mean = kernel(asked, known).numpy() @ np.linalg.solve(covariance, target)
    expected = mean * outputs[:, 0].std().item() + outputs[:, 0].mean().item()
    np.testing.assert_allclose(process.predict(unseen)[:, 0].numpy(), expected, atol=1e-4)


def test_it_finds_what_matters_and_how_noisy_it_is(seed: int, learned: Learned) -> None:
    inputs, outputs = rows(300, noise=0.2, seed=seed)
    process = GaussianProcess().fit(inputs, outputs, seed=seed)
    wave, line = process.kernels_
    learned("length that matters", wave.lengths[0], below=2.0, baseline=wave.lengths[2])
    learned("length that matters / of the other", wave.lengths[0] / wave.lengths[2], below=0.3, baseline=1.0)
    learned(
        "weights of the others / of the line", line.weights[[0, 2]].max() / line.weights[1], below=0.05, baseline=1.0
    )
    learned("error of the noise", (process.noise_ - 0.2).abs().max(), below=0.05, baseline=0.8)  # of 1 in all


def test_it_errs_by_less_than_the_noise_of_its_rows(seed: int, learned: Learned) -> None:
    inputs, outputs = rows(300, noise=0.3, seed=seed)
    unseen, clean = rows(500, noise=0.0, seed=99)
    error = (GaussianProcess().fit(inputs, outputs, seed=seed).predict(unseen) - clean).square().mean().sqrt()
    learned("error", error, below=0.15, baseline=0.3)  # the noise of the rows


def test_more_rows_than_it_may_use(seed: int, learned: Learned) -> None:
    inputs, outputs = rows(500, seed=seed)
    unseen, clean = rows(200, noise=0.0, seed=99)
    process = GaussianProcess(rows=200, kernel_rows=100).fit(inputs, outputs, seed=seed)
    error = (process.predict(unseen) - clean).square().mean().sqrt()
    learned("error", error, below=0.2, baseline=clean.std())
    again = GaussianProcess(rows=200, kernel_rows=100).fit(inputs, outputs, seed=seed)
    torch.testing.assert_close(again.predict(unseen), process.predict(unseen))


def test_constant_columns_and_exact_outputs() -> None:
    inputs, outputs = rows(100, noise=0.0)
    inputs[:, 2], outputs[:, 1] = 3.0, 7.0
    process = GaussianProcess().fit(inputs, outputs, seed=0)
    predicted = process.predict(inputs)
    assert predicted.isfinite().all()
    torch.testing.assert_close(predicted[:, 1], torch.full((100,), 7.0).double(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["rows", "kernel_rows", "iterations"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        GaussianProcess(**{name: 0})


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (torch.ones(5, 2), torch.ones(4, 1), "rows"),
        (torch.ones(5), torch.ones(5, 1), "rows"),
        (torch.ones(1, 2), torch.ones(1, 1), "two or more"),
        (torch.full((5, 2), math.nan), torch.ones(5, 1), "NaN"),
    ],
)
def test_rows_that_it_cannot_learn_from(inputs: torch.Tensor, outputs: torch.Tensor, said: str) -> None:
    with pytest.raises(InputError, match=said):
        GaussianProcess().fit(inputs, outputs, seed=0)


def test_what_it_cannot_predict() -> None:
    process = GaussianProcess()
    with pytest.raises(InputError, match="before fit"):
        process.predict(torch.ones(2, 3))
    process.fit(*rows(20), seed=0)
    with pytest.raises(InputError, match=r"\(n, 3\)"):
        process.predict(torch.ones(2, 4))


def test_progress_counts_to_the_iterations_of_all_outputs_and_changes_nothing():
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    y = torch.stack([x[:, 0].sin(), x[:, 1]], 1)
    counts = []
    shown = GaussianProcess(iterations=5).fit(x, y, seed=0, progress=lambda *count: counts.append(count))
    assert counts == sorted(counts)
    assert {planned for _, planned in counts} == {10}
    assert 5 < counts[-1][0] <= 10
    assert torch.equal(shown.predict(x), GaussianProcess(iterations=5).fit(x, y, seed=0).predict(x))
