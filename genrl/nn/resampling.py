"""Of several candidates one, by its weight."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["resampled"]


def resampled(candidates: Tensor, log_weights: Tensor, number: int) -> Tensor:
    """One of each row's candidates, with a probability in proportion to its weight (Rubin 1987).

    Args:
        candidates: (rows * number, ...), those of a row side by side.
        log_weights: (rows * number,).
        number: of a row.

    Returns:
        (rows, ...).

    >>> resampled(torch.arange(4.0), torch.tensor([0.0, -torch.inf, -torch.inf, 0.0]), 2).tolist()
    [0.0, 3.0]
    """
    taken = torch.multinomial(log_weights.reshape(-1, number).softmax(1), 1)[:, 0]
    return candidates[taken + number * torch.arange(len(taken), device=taken.device)]
