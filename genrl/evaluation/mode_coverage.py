"""Which modes of a distribution a model has found, from its samples alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genrl.errors import InputError
from genrl.row_checks import as_rows

__all__ = ["ModeCoverage", "mode_coverage"]

NEAR = 3.0
"""Deviations from a mode within which a sample is of high quality; in the plane 98.9% of a mode's own draws are."""


@dataclass(frozen=True, kw_only=True)
class ModeCoverage:
    """How many modes were found; its text is a sentence.

    Attributes:
        modes: there are.
        found: of them.
        high_quality: share of the samples within three deviations of a mode.
    """

    modes: int
    found: int
    high_quality: float

    def __str__(self) -> str:
        found = f"all {self.modes}" if self.found == self.modes else f"{self.found} of {self.modes}"
        return f"{found} modes found, {self.high_quality:.1%} of the samples within {NEAR:g} deviations of a mode"


def mode_coverage(samples: Any, means: Tensor, deviation: float, *, least_share: float = 0.1) -> ModeCoverage:
    """Count the modes that samples reach (as in Srivastava et al. 2017, section 4.1).

    There a mode is found if a single sample is of high quality and nearest to it, which is what a `least_share` of 0
    asks for. Here it must have a tenth of the samples that it would have if all modes had equally many: a stray sample
    finds nothing.

    Args:
        samples: (n, ...).
        means: (modes, ...), where the modes lie.
        deviation: of each mode along every axis.
        least_share: of the samples that are a mode's due, n / modes, to be found.

    Raises:
        InputError: bad samples, modes of another shape, or a number that is out of its range.

    >>> from genrl.evaluation import toy_modes, toy_samples
    >>> modes = toy_modes("8gaussians")
    >>> print(mode_coverage(toy_samples("8gaussians", 4000), modes.means, modes.deviation))
    all 8 modes found, 99.0% of the samples within 3 deviations of a mode
    >>> print(mode_coverage(modes.means[:2], modes.means, modes.deviation))
    2 of 8 modes found, 100.0% of the samples within 3 deviations of a mode
    """
    if not deviation > 0:
        raise InputError(f"deviation must be above 0, not {deviation}")
    if not 0 <= least_share <= 1:
        raise InputError(f"least_share must be within 0 .. 1, not {least_share}")
    places = as_rows(means, "means").cpu()
    rows = as_rows(samples, "samples", event_shape=tuple(places.shape[1:])).cpu()
    distances, nearest = torch.cdist(rows.flatten(1).double(), places.flatten(1).double()).min(1)
    near = distances <= NEAR * deviation
    counts = torch.bincount(nearest[near], minlength=len(places))
    due = least_share * len(rows) / len(places)
    found = int(((counts >= 1) & (counts >= due)).sum())
    return ModeCoverage(modes=len(places), found=found, high_quality=float(near.double().mean()))
