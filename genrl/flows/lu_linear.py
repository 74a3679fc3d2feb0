"""Invertible linear maps by LU decomposition; on images, the 1 x 1 convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genrl.flows.transform import Transform

__all__ = ["LULinear"]


class LULinear(Transform):
    """z = x P L U of the last axis (Kingma & Dhariwal 2018, section 3.2): every feature becomes a mixture of all.

    P is a fixed permutation, L has ones on its diagonal, and the diagonal of U keeps its signs, so that the determinant
    is a product of d numbers, none of which can become 0. Starts as a random rotation.

    Args:
        features: of the last axis.
    """

    order: Tensor
    order_back: Tensor
    signs: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(features, features, dtype=torch.float64))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        order = permutation.argmax(0)
        self.register_buffer("order", order)
        self.register_buffer("order_back", order.argsort())
        self.register_buffer("signs", upper.diagonal().sign().float())
        self.lower = nn.Parameter(lower.float())
        self.upper = nn.Parameter(upper.float())
        self.log_diagonal = nn.Parameter(upper.diagonal().abs().log().float())

    def factors(self) -> tuple[Tensor, Tensor]:
        """L and U, of which the other halves are not looked at."""
        eye = torch.eye(len(self.order), dtype=self.lower.dtype, device=self.lower.device)
        return self.lower.tril(-1) + eye, self.upper.triu(1) + (self.signs * self.log_diagonal.exp()).diag()

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From data to base."""
        lower, upper = self.factors()
        return x[..., self.order] @ (lower @ upper), self._log_det(x)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From base to data, by two triangular systems."""
        lower, upper = self.factors()
        rows = z.reshape(-1, z.shape[-1])
        rows = torch.linalg.solve_triangular(upper, rows, upper=True, left=False)
        rows = torch.linalg.solve_triangular(lower, rows, upper=False, left=False, unitriangular=True)
        return rows[:, self.order_back].reshape(z.shape), -self._log_det(z)

    def _log_det(self, x: Tensor) -> Tensor:
        return self.log_diagonal.sum() * x.shape[1:-1].numel()
