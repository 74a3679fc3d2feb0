"""What noisy rows may have come from, as far as the other rows of a batch can tell."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["expected_rows"]


def expected_rows(
    rows: Tensor, noisy: Tensor, level: Tensor, context: Tensor | None = None, known: Tensor | None = None
) -> Tensor:
    """E[row given noisy row], with the rows of a batch for the distribution of rows (Xu et al. 2023, equation 6).

    As a target it says what denoising learns anyway, the mean over all rows that a noisy one may have come from, but is
    far less noisy itself than the row that it did come from, wherever the noise is wider than rows lie apart. In many
    columns no other row is likely, and it is that row. Departure from the paper: the batch itself stands for the
    distribution, not a second, larger one.

    Args:
        rows: (rows, features).
        noisy: (rows, features), each with Gaussian noise added.
        level: (rows, 1) deviations of the noise.
        context: (rows, columns); rows with another context are no candidates.
        known: (rows, 1), 0 for rows whose context is not told, of which all are candidates; None if all are told.

    Returns:
        (rows, features).

    >>> rows = torch.tensor([[-1.0], [1.0]])
    >>> expected_rows(rows, torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [1.0]])).tolist()
    [[0.0], [0.0]]
    """
    # By differences: a product of matrices would round off what lies closer than the lowest levels.
    distances = torch.cdist(noisy, rows, compute_mode="donot_use_mm_for_euclid_dist")
    closeness = -0.5 * (distances / level).square()
    if context is not None:
        alike = torch.unique(context, dim=0, return_inverse=True)[1]
        candidates = alike[:, None] == alike
        if known is not None:
            candidates = candidates | (known == 0)
        closeness = closeness.where(candidates, -torch.inf)
    return closeness.softmax(1) @ rows
