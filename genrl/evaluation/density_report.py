"""How well a density explains data: mean negative log-likelihood, and bits per dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from genrl.errors import InputError

__all__ = ["DensityReport", "ScoresSamples", "density_report"]


class ScoresSamples(Protocol):
    """Whatever knows the log-density of rows, in nats: models of this package, and scikit-learn's."""

    def score_samples(self, X: Any) -> Any:
        """(rows,)."""
        ...


@dataclass(frozen=True, kw_only=True)
class DensityReport:
    """Figures over the rows of one data set.

    Attributes:
        nll: mean of -log p(x), in nats.
        standard_error: of that mean; nan for a single row.
        bits_per_dim: what it takes to store one number of a row; see `density_report`.
        rows: how many were scored.
    """

    nll: float
    standard_error: float
    bits_per_dim: float
    rows: int


def density_report(model: ScoresSamples, X: Any, context: Any = None, *, levels: int = 1) -> DensityReport:
    """Score rows with a model.

    Bits per dimension are nll / (dimensions ln 2) + log2(levels). For data with K levels, brought to [0, 1) by
    (level + u) / K with u uniform on [0, 1), set `levels` to K: the result then bounds from above the bits per number
    that the discrete data take (Theis et al. 2016, section 3.1), and a uniform density gives log2 K. With `levels` 1 it
    is the differential entropy of data as they are, which depends on their units and may be below 0.

    Args:
        model: has `score_samples`.
        X: (rows, ...).
        context: as the model takes it; None without.
        levels: K of dequantised data.

    Raises:
        InputError: bad data, no density, or fewer than one level.
    """
    if levels < 1:
        raise InputError(f"levels must be 1 or more, not {levels}")
    # scikit-learn's densities know no context.
    given = {} if context is None else {"context": context}
    scores = np.asarray(model.score_samples(X, **given), dtype=np.float64)
    nll, rows = -float(scores.mean()), len(scores)
    dimensions = math.prod(np.shape(X)[1:])
    return DensityReport(
        nll=nll,
        standard_error=float(scores.std(ddof=1)) / math.sqrt(rows) if rows > 1 else math.nan,
        bits_per_dim=nll / (dimensions * math.log(2)) + math.log2(levels),
        rows=rows,
    )
