"""The average of a network's weights over its training, which samples better than its last weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["MovingAverage"]


class MovingAverage:
    """An exponential moving average of a network's weights (Polyak & Juditsky 1992; Yazici et al. 2019, equation 3).

    The players of a game circle about its equilibrium, and the weights under a noisy loss about its minimum; their
    average lies nearer to it. Buffers are taken as they are.

    Args:
        network: as it is now, which is where the average starts.
        decay: of the weights before, for each `update`; 0 follows the network.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network = network
        self._decay = decay
        self._updates = 0
        self._weights = [weights.detach().clone() for weights in network.parameters()]

    @torch.no_grad()
    def update(self) -> None:
        """Draw the average towards the weights as they are now.

        The decay is smaller at first, (1 + updates) / (10 + updates) at most, so that the random weights at the
        beginning are soon forgotten; the paper's is constant.
        """
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates)) if self._decay else 0.0
        self._updates += 1
        for average, weights in zip(self._weights, self._network.parameters(), strict=True):
            average.lerp_(weights, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network has its average weights inside the `with` block, and its own again after it."""
        own = [weights.detach().clone() for weights in self._network.parameters()]
        self._write(self._weights)
        try:
            yield
        finally:
            self._write(own)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The average, and how many updates it has seen; what it holds are the tensors themselves, not copies."""
        weights = {str(number): weights for number, weights in enumerate(self._weights)}
        return {"updates": torch.tensor(self._updates), **weights}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            KeyError, RuntimeError: it is of another network.
        """
        self._updates = int(state["updates"])
        for number, weights in enumerate(self._weights):
            weights.copy_(state[str(number)])

    @torch.no_grad()
    def _write(self, values: list[torch.Tensor]) -> None:
        for weights, value in zip(self._network.parameters(), values, strict=True):
            weights.copy_(value)
