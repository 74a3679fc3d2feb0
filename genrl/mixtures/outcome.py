"""How the best climb of a mixture's fit ended, kept where it is saved with the model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ClimbOutcome"]


class ClimbOutcome(nn.Module):
    """Gives a mixture scikit-learn's three attributes of a fit, from one buffer of its state."""

    outcome_: Tensor

    @property
    def lower_bound_(self) -> float:
        """What the fit made large, as it was at the end."""
        return float(self.outcome_[0])

    @property
    def n_iter_(self) -> int:
        """Iterations of the climb that was kept."""
        return int(self.outcome_[1])

    @property
    def converged_(self) -> bool:
        """It settled within its iterations."""
        return bool(self.outcome_[2])

    def _forget_outcome(self) -> None:
        self.register_buffer("outcome_", torch.tensor([-torch.inf, 0.0, 0.0], dtype=torch.float64))

    def _keep_outcome(self, lower_bound: float, iterations: int, converged: bool) -> None:
        self.outcome_ = torch.tensor([lower_bound, iterations, converged], dtype=torch.float64)
