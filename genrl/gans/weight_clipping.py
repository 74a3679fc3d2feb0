"""The first way to keep a Wasserstein critic Lipschitz."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["clip_weights"]


@torch.no_grad()
def clip_weights(network: nn.Module, limit: float) -> None:
    """Move every parameter into [-limit, limit], in place (Arjovsky et al. 2017, algorithm 1, line 7).

    The network is then K-Lipschitz for some K that grows with `limit` and with its depth, so that its heights are a
    multiple of the distance, unknown but bounded.

    >>> layer = nn.Linear(1, 1)
    >>> _ = nn.init.constant_(layer.weight, -3.0)
    >>> clip_weights(layer, 0.5)
    >>> layer.weight.item()
    -0.5
    """
    for parameter in network.parameters():
        parameter.clamp_(-limit, limit)
