"""Posterior collapse: units of a code that a decoder has learned to do without."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from genrl.autoencoders.gaussians import kl_divergence

__all__ = ["CollapseReport", "collapse_report"]

LEAST_VARIANCE = 0.01  # of an active unit (Burda et al. 2016)
LEAST_STD = 1e-6


@dataclass(frozen=True, kw_only=True)
class CollapseReport:
    """How much each unit of a code tells about the rows.

    Attributes:
        variances: of the posterior mean of each unit, over the rows.
        kl: of each unit from the prior, the mean over the rows, in nats.
    """

    variances: tuple[float, ...]
    kl: tuple[float, ...]

    @property
    def active_units(self) -> int:
        """Units whose posterior mean has a variance above 0.01 over the rows (Burda et al. 2016)."""
        return sum(variance > LEAST_VARIANCE for variance in self.variances)

    @property
    def collapsed(self) -> bool:
        """No unit is active: the model ignores its code."""
        return self.active_units == 0

    @property
    def words(self) -> str:
        """The same in one sentence."""
        active, units, nats = self.active_units, len(self.variances), f"{sum(self.kl):.2f} nats"
        if self.collapsed:
            return (
                f"The latents have collapsed: none of the {units} units tells anything about x (KL {nats} in all); "
                "warm_up, free_bits, a smaller beta or a weaker decoder can bring them back."
            )
        if active < units:
            return f"{active} of {units} units are active (KL {nats} in all), {units - active} collapsed."
        return f"No latent has collapsed: all {units} units are active (KL {nats} in all)."


def collapse_report(means: Tensor, stds: Tensor) -> CollapseReport:
    """What posterior means and deviations, (rows, latents) each, tell about the use of the code.

    A unit's divergence is that of a Gaussian with its moments; where the posterior is no Gaussian, at most its own.

    >>> import torch
    >>> means = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    >>> collapse_report(means, torch.tensor([0.1, 1.0]).expand(2, 2)).words
    '1 of 2 units are active (KL 2.31 nats in all), 1 collapsed.'
    """
    return CollapseReport(
        variances=tuple(means.var(0, correction=0).tolist()),
        kl=tuple(kl_divergence(means, stds.clamp(min=LEAST_STD).log()).mean(0).tolist()),
    )
