"""Codebook collapse: codes that a quantised autoencoder has come to do without."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.autoencoders.vector_quantizer import perplexity

__all__ = ["CodebookReport", "codebook_report", "warn_of_collapse"]

LEAST_SHARE = 0.1  # of the perplexity that was possible


@dataclass(frozen=True, kw_only=True)
class CodebookReport:
    """How often each code was chosen.

    Attributes:
        counts: choices of each code.
    """

    counts: tuple[int, ...]

    @property
    def perplexity(self) -> float:
        """As many equally frequent codes would be as hard to foretell."""
        return float(perplexity(torch.tensor(self.counts, dtype=torch.float64)))

    @property
    def used(self) -> int:
        """Codes that were chosen at all."""
        return sum(count > 0 for count in self.counts)

    @property
    def collapsed(self) -> bool:
        """The perplexity is less than a tenth of what so many choices among so many codes could have had."""
        return self.perplexity < LEAST_SHARE * min(len(self.counts), sum(self.counts))

    @property
    def words(self) -> str:
        """The same in one sentence."""
        use = f"{self.used} of {len(self.counts)} codes are in use (perplexity {self.perplexity:.1f})"
        if self.collapsed:
            return (
                f"The codebook has collapsed: only {use}; a greater restart_below, a smaller learning rate, another "
                "commitment or a smaller codebook can help, unless the data have no more to tell."
            )
        return f"The codebook has not collapsed: {use}."


def codebook_report(codes: Tensor, size: int) -> CodebookReport:
    """What codes of any shape tell about the use of a codebook of that size.

    >>> codebook_report(torch.tensor([[0, 2], [2, 0]]), 3).words
    'The codebook has not collapsed: 2 of 3 codes are in use (perplexity 2.0).'
    """
    return CodebookReport(counts=tuple(torch.bincount(codes.flatten(), minlength=size).tolist()))


def warn_of_collapse(report: CodebookReport, stacklevel: int = 4) -> None:
    """A warning, in the words of the report, if there is a collapse to warn of."""
    if report.collapsed:
        warnings.warn(report.words, stacklevel=stacklevel)
