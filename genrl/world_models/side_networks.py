"""What stands beside a sampler of steps: networks that say how well a step is known, and one that sees episodes end."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.nn import mlp
from genrl.world_models.ensemble_mlp import EnsembleMLP
from genrl.world_models.step_rows import INPUT_LIMIT

__all__ = ["SideNetworks"]

CRITICS = 5


class SideNetworks(nn.Module):
    """Critics, which foresee the mean of an outcome, and the log-odds that an outcome ends the episode.

    A sampler says what may follow, and is as sure far from its data as it is among them; of a sampler without a
    density there is not even that to ask. The critics are alike but for their first weights: where there are data they
    agree on the mean, whatever the noise about it, and elsewhere they do not (Sekar et al. 2020). Their disagreement is
    the root mean square over columns of their deviation. It judges the context and not the draw: which of two ways the
    sampler took is no reason to stop.

    Args:
        context: columns of what a step is given.
        outcome: columns of what follows.
        hidden: widths of each network.
        ends: whether there are terminations to be learned.

    >>> beside = SideNetworks(3, 2, hidden=(16,), ends=True)
    >>> beside.disagreement(torch.zeros(5, 3)).shape
    torch.Size([5])
    """

    def __init__(self, context: int, outcome: int, *, hidden: tuple[int, ...], ends: bool) -> None:
        super().__init__()
        self.critics = EnsembleMLP(CRITICS, [context, *hidden, outcome])
        self.end = mlp([context + outcome, *hidden, 1], activation="silu") if ends else None

    def disagreement(self, context: Tensor) -> Tensor:
        """(rows,), in deviations of the outcomes."""
        return self.critics(context).std(0, correction=0).square().mean(-1).sqrt()

    def termination_logits(self, context: Tensor, outcomes: Tensor) -> Tensor | None:
        """(...,) of contexts and outcomes (..., columns); None where no episode was seen to end."""
        if self.end is None:
            return None
        return self.end(torch.cat([context, outcomes.clamp(-INPUT_LIMIT, INPUT_LIMIT)], -1)).squeeze(-1)

    def loss(self, context: Tensor, outcomes: Tensor, ends: Tensor) -> Tensor:
        """The critics' mean squared error, and the cross-entropy of (rows,) terminations if they are learned."""
        error = (self.critics(context) - outcomes).square().mean()
        logits = self.termination_logits(context, outcomes)
        return error if logits is None else error + F.binary_cross_entropy_with_logits(logits, ends)
