"""Standardisation of inputs inside a network, so that nothing has to be kept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import InputError

__all__ = ["Standardise"]


class Standardise(nn.Module):
    """Picks columns and maps each to zero mean and unit deviation: clip((x[columns] - mean) / std).

    The statistics are fitted once and stored as buffers: a normaliser that moves under a trained
    network changes what the network computes.

    Args:
        in_features: columns of the raw input.
        columns: (out_features,) indices of those that pass.
        mean: (out_features,).
        std: (out_features,), positive.
        clip: standardised values are limited to [-clip, clip].

    >>> raw = torch.tensor([[0.0, 5.0], [2.0, 5.0]])
    >>> Standardise.fit(raw)(raw)  # the second column is constant and therefore dropped
    tensor([[-1.],
            [ 1.]])
    """

    columns: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, in_features: int, columns: Tensor, mean: Tensor, std: Tensor, *, clip: float = 10.0) -> None:
        super().__init__()
        self.in_features = in_features
        self.clip = clip
        self.register_buffer("columns", columns.long())
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())
        # An identity gather costs a copy of the batch on every forward pass.
        self._keeps_all = torch.equal(self.columns, torch.arange(in_features, device=self.columns.device))
        self._check_columns()

    @property
    def out_features(self) -> int:
        """Columns of the standardised output."""
        return len(self.columns)

    @classmethod
    def fit(
        cls,
        *samples: Tensor,
        weights: Sequence[float] | None = None,
        columns: Tensor | None = None,
        clip: float = 10.0,
    ) -> Standardise:
        """Statistics of several sets of rows, each set counting the same whatever its size.

        Args:
            *samples: (rows, in_features) each, raw.
            weights: of each set, positive, in place of the same; which columns pass does not depend on them.
            columns: candidates; all of them by default. Those constant over all samples are dropped.
            clip: as in the constructor.

        Raises:
            InputError: every column is constant.
        """
        in_features = samples[0].shape[1]
        candidates = torch.arange(in_features) if columns is None else columns.long()
        picked = [rows[:, candidates].double() for rows in samples]
        equal = torch.full((len(samples),), 1.0 / len(samples), dtype=torch.float64)
        mean, std = _statistics(picked, equal)
        varies = std > 1e-6 * (1.0 + mean.abs())
        if not varies.any():
            raise InputError(
                f"all of the {len(candidates)} columns are constant: there is nothing to tell apart by them"
            )
        if weights is not None:
            share = torch.tensor(weights, dtype=torch.float64)
            mean, std = _statistics(picked, share / share.sum())
        return cls(in_features, candidates[varies], mean[varies], std[varies], clip=clip)

    @classmethod
    def identity(cls, features: int) -> Standardise:
        """Lets everything pass unchanged."""
        return cls(features, torch.arange(features), torch.zeros(features), torch.ones(features), clip=float("inf"))

    def take(self, other: Standardise) -> None:
        """Go over to the statistics of `other`, of the same columns, here and in every network that shares this."""
        self.mean.copy_(other.mean)
        self.std.copy_(other.std)

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        self._check_columns()

    def _check_columns(self) -> None:
        shape = self.columns.shape
        if len(shape) != 1 or self.mean.shape != shape or self.std.shape != shape:
            raise InputError("columns, mean and std to standardize by must be vectors of one length")
        if not ((self.columns >= 0) & (self.columns < self.in_features)).all():
            raise InputError(f"the columns to standardize must lie in 0 .. {self.in_features - 1}")

    def forward(self, raw: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        picked = raw if self._keeps_all else raw[..., self.columns]
        return ((picked - self.mean) / self.std).clamp(-self.clip, self.clip)


def _statistics(samples: Sequence[Tensor], weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation, (columns,) each, of a mixture of the samples, (rows, columns) each."""
    mean = weights @ torch.stack([rows.mean(0) for rows in samples])
    variance = weights @ torch.stack([(rows - mean).square().mean(0) for rows in samples])
    return mean, variance.sqrt()
