"""Smooth functions from few noisy rows: a Gaussian process for each output, its kernel chosen by the evidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy  # imports scipy.optimize when it is first used
import torch
from numpy.typing import NDArray
from torch import Tensor

from genrl.errors import InputError

__all__ = ["GaussianProcess", "Kernel", "negative_log_evidence"]

LEAST_NOISE = math.exp(-6)  # variance, of standardised outputs: what single precision can still invert
FLOOR = 1e-6  # added to the deviation of a column, which may be constant


@dataclass(frozen=True)
class Kernel:
    """A squared exponential with a length for each column, and a line: s² exp(-½ Σ (x - y)² / l²) + Σ w x y.

    Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, equations 5.1 and 4.2. A column that does not
    matter gets a great length and a small weight.

    Attributes:
        lengths: l, (d,), in standard deviations of the column.
        weights: w, (d,).
        scale: s², () the variance of what the line leaves over.
        noise: variance of the rows' own noise, ().
    """

    lengths: Tensor
    weights: Tensor
    scale: Tensor
    noise: Tensor

    @classmethod
    def from_logarithms(cls, values: Tensor) -> Kernel:
        """From the logarithms of all of them, (2d + 2,), in the order of the fields."""
        columns = (len(values) - 2) // 2
        positive = values.exp()
        return cls(positive[:columns], positive[columns : 2 * columns], positive[-2], positive[-1])

    def smooth(self, left: Tensor, right: Tensor) -> Tensor:
        """The squared exponential between rows, (n, d) and (m, d): (n, m)."""
        a, b = left / self.lengths, right / self.lengths
        exponent = a @ b.T - a.square().sum(1)[:, None] / 2 - b.square().sum(1) / 2
        return self.scale * exponent.clamp_(max=0.0).exp_()

    def with_line(self, smooth: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """`smooth`, (n, m), and the line's covariance between the same rows."""
        return torch.addmm(smooth, left * self.weights, right.T)

    def __call__(self, left: Tensor, right: Tensor) -> Tensor:
        """Covariance of the function between rows, (n, d) and (m, d): (n, m), without the noise."""
        return self.with_line(self.smooth(left, right), left, right)


def negative_log_evidence(
    logarithms: NDArray[np.float64], inputs: Tensor, outputs: Tensor
) -> tuple[float, NDArray[np.float64]]:
    """-log p(outputs | inputs, kernel) in nats, and its gradient; Rasmussen & Williams, equations 2.30 and 5.9.

    The gradient needs the inverse once, and products of matrices for the rest, however many columns there are.

    Args:
        logarithms: of the kernel's values, (2d + 2,).
        inputs: (n, d), about standardised.
        outputs: (n,), about standardised.
    """
    kernel = Kernel.from_logarithms(torch.as_tensor(logarithms, dtype=inputs.dtype))
    smooth = kernel.smooth(inputs, inputs)
    covariance = kernel.with_line(smooth, inputs, inputs)
    covariance.diagonal().add_(kernel.noise)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed:  # further than the line search should have gone
        return math.inf, np.zeros_like(logarithms)
    inverse = torch.cholesky_inverse(factor)
    explained = inverse @ outputs
    value = outputs @ explained / 2 + factor.diagonal().log().sum() + len(outputs) * math.log(2 * math.pi) / 2
    slope = torch.outer(explained, explained).sub_(inverse)  # twice that of the evidence by each covariance
    smooth *= slope
    lengths = (smooth.sum(1) @ inputs.square() - (inputs * (smooth @ inputs)).sum(0)) / kernel.lengths.square()
    weights = kernel.weights * (inputs * (slope @ inputs)).sum(0) / 2
    scale, noise = smooth.sum() / 2, kernel.noise * slope.trace() / 2
    gradient = torch.cat([lengths, weights, scale[None], noise[None]])
    return float(value), -gradient.double().numpy()


class GaussianProcess:
    """Regression that finds out which columns matter, and how noisy the outputs are, and overfits to neither.

    Where rows are few, it errs less than a network; its cost is cubic in their number, so that the kernels are chosen
    on some of them. The kernels are chosen in single precision, predictions are made in float64.

    Args:
        rows: that predictions are made from, at most; drawn at random if there are more.
        kernel_rows: that the kernels are chosen on, at most.
        iterations: of L-BFGS for the kernel of each output.

    Attributes:
        kernels_: for each output, of standardised inputs and outputs.
        noise_: (outputs,) standard deviation of the noise, in the outputs' units.

    Raises:
        InputError: a number is below 1.

    >>> import torch
    >>> from genrl.bayes import GaussianProcess
    >>> x = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    >>> y = torch.sin(6 * x[:, :1]) + 0.1 * torch.randn(200, 1, generator=torch.Generator().manual_seed(1))
    >>> process = GaussianProcess().fit(x, y, seed=0)
    >>> process.predict(x).shape
    torch.Size([200, 1])
    >>> bool((process.predict(x) - torch.sin(6 * x[:, :1])).abs().mean() < 0.05)
    True
    """

    kernels_: list[Kernel]
    noise_: Tensor

    def __init__(self, *, rows: int = 4000, kernel_rows: int = 2000, iterations: int = 25) -> None:
        for name, value in (("rows", rows), ("kernel_rows", kernel_rows), ("iterations", iterations)):
            if value < 1:
                raise InputError(f"{name} must be 1 or more, not {value}")
        self.rows = rows
        self.kernel_rows = kernel_rows
        self.iterations = iterations

    def fit(
        self, inputs: Tensor, outputs: Tensor, *, seed: int, progress: Callable[[int, int], object] | None = None
    ) -> Self:
        """Choose the kernels and learn the rows.

        Args:
            inputs: (n, d).
            outputs: (n, k), of noise that does not depend on the inputs.
            seed: of the rows that are drawn if there are too many.
            progress: called after each iteration of L-BFGS with the number done for all outputs together, and how many
                there are at most.

        Raises:
            InputError: there are fewer than two rows, not as many of both, or numbers that are not finite.
        """
        self._check(inputs, outputs)
        order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
        inputs, outputs = inputs.double()[order], outputs.double()[order]
        self._centre, self._unit = inputs.mean(0), inputs.std(0) + FLOOR
        self._output_centre, self._output_unit = outputs.mean(0), outputs.std(0) + FLOOR
        inputs = (inputs - self._centre) / self._unit
        outputs = (outputs - self._output_centre) / self._output_unit
        few, kept = slice(self.kernel_rows), slice(self.rows)
        planned = self.iterations * outputs.shape[1]
        self.kernels_ = []
        for number, column in enumerate(outputs[few].T):
            reporter = None if progress is None else _Reporter(progress, number * self.iterations, planned)
            self.kernels_.append(self._choose(inputs[few].float(), column.float(), reporter))
        self._inputs = inputs[kept]
        solved = [self._solve(kernel, column) for kernel, column in zip(self.kernels_, outputs[kept].T, strict=True)]
        self._explained = torch.stack(solved)
        self.noise_ = torch.stack([kernel.noise for kernel in self.kernels_]).sqrt() * self._output_unit
        return self

    def predict(self, inputs: Tensor) -> Tensor:
        """Mean of each output, (n, k) float64; Rasmussen & Williams, equation 2.25.

        Raises:
            InputError: it has not learned yet, or not from as many columns.
        """
        if not hasattr(self, "_inputs"):
            raise InputError("a Gaussian process predicts nothing before fit()")
        if inputs.ndim != 2 or inputs.shape[1] != self._inputs.shape[1]:
            raise InputError(f"the inputs must be (n, {self._inputs.shape[1]}), not {tuple(inputs.shape)}")
        queries = (inputs.double() - self._centre) / self._unit
        parts = [
            kernel(queries, self._inputs) @ explained
            for kernel, explained in zip(self.kernels_, self._explained, strict=True)
        ]
        return torch.stack(parts, 1) * self._output_unit + self._output_centre

    def _choose(self, inputs: Tensor, outputs: Tensor, after_iteration: Callable[..., None] | None = None) -> Kernel:
        """The kernel under which the rows are likeliest."""
        columns = inputs.shape[1]
        start = np.array([*[1.5] * columns, *[-4.0] * columns, 0.0, -1.0])
        bounds = [*[(-3.0, 7.0)] * columns, *[(-14.0, 3.0)] * columns, (-6.0, 4.0), (math.log(LEAST_NOISE), 1.0)]
        found = scipy.optimize.minimize(
            negative_log_evidence,
            start,
            (inputs, outputs),
            method="L-BFGS-B",
            jac=True,
            bounds=bounds,
            options={"maxiter": self.iterations},
            callback=after_iteration,
        )
        return Kernel.from_logarithms(torch.as_tensor(found.x))

    def _solve(self, kernel: Kernel, outputs: Tensor) -> Tensor:
        covariance = kernel(self._inputs, self._inputs)
        covariance.diagonal().add_(kernel.noise)
        return torch.cholesky_solve(outputs[:, None], torch.linalg.cholesky(covariance))[:, 0]

    @staticmethod
    def _check(inputs: Tensor, outputs: Tensor) -> None:
        if inputs.ndim != 2 or outputs.ndim != 2 or len(inputs) != len(outputs) or len(inputs) < 2:
            raise InputError(
                "a Gaussian process learns from two or more rows of inputs (n, d) and outputs (n, k), not from "
                f"{tuple(inputs.shape)} and {tuple(outputs.shape)}"
            )
        if not (inputs.isfinite().all() and outputs.isfinite().all()):
            raise InputError("inputs or outputs hold NaN or infinity: leave those rows out")


class _Reporter:
    """Counts the iterations for one output, which come after `before` of the outputs before it."""

    def __init__(self, progress: Callable[[int, int], object], before: int, planned: int) -> None:
        self._progress = progress
        self._done = before
        self._planned = planned

    def __call__(self, logarithms: NDArray[np.float64]) -> None:
        self._done += 1
        self._progress(self._done, self._planned)
