"""Standardisation of inputs inside a network, so that nothing has to be kept beside it."""

from __future__ import annotations

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
        self._keeps_all = columns.tolist() == list(range(in_features))

    @property
    def out_features(self) -> int:
        """Columns of the standardised output."""
        return len(self.columns)

    @classmethod
    def fit(cls, *samples: Tensor, columns: Tensor | None = None, clip: float = 10.0) -> Standardise:
        """Statistics of several sets of rows, each set counting the same whatever its size.

        Args:
            *samples: (rows, in_features) each, raw.
            columns: candidates; all of them by default. Those constant over all samples are dropped.
            clip: as in the constructor.

        Raises:
            InputError: every column is constant.
        """
        in_features = samples[0].shape[1]
        candidates = torch.arange(in_features) if columns is None else columns.long()
        picked = [rows[:, candidates].double() for rows in samples]
        mean = torch.stack([rows.mean(0) for rows in picked]).mean(0)
        variance = torch.stack([(rows - mean).square().mean(0) for rows in picked]).mean(0)
        std = variance.sqrt()
        varies = std > 1e-6 * (1.0 + mean.abs())
        if not varies.any():
            raise InputError(
                f"all of the {len(candidates)} columns are constant: there is nothing to tell apart by them"
            )
        return cls(in_features, candidates[varies], mean[varies], std[varies], clip=clip)

    @classmethod
    def identity(cls, features: int) -> Standardise:
        """Lets everything pass unchanged."""
        return cls(features, torch.arange(features), torch.zeros(features), torch.ones(features), clip=float("inf"))

    def with_extra_column(self) -> Standardise:
        """The same for inputs with one more column, at the end, which passes unchanged."""
        return Standardise(
            self.in_features + 1,
            torch.cat([self.columns, self.columns.new_tensor([self.in_features])]),
            torch.cat([self.mean, self.mean.new_zeros(1)]),
            torch.cat([self.std, self.std.new_ones(1)]),
            clip=self.clip,
        )

    def forward(self, raw: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        picked = raw if self._keeps_all else raw[..., self.columns]
        return ((picked - self.mean) / self.std).clamp(-self.clip, self.clip)
