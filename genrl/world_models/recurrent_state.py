"""The recurrent state-space model: a state that is partly remembered and partly drawn (Hafner et al. 2019)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genrl.nn import ACTIVATIONS, Activation, mlp

__all__ = ["Gaussian", "RecurrentStateSpace"]

Gaussian = tuple[Tensor, Tensor]
"""Mean and standard deviation."""

LEAST_STD = 0.1


class RecurrentStateSpace(nn.Module):
    """h_t = GRU(h_{t-1}, z_{t-1}, a_{t-1}); z_t is drawn from p(z_t | h_t), or from q(z_t | h_t, e_t) if seen.

    Args:
        actions: columns of an action.
        embedding: columns of an embedded observation.
        remembered: width of h.
        drawn: columns of z.
        hidden: width of the networks between.
        activation: in them.

    >>> cell = RecurrentStateSpace(2, 8, remembered=16, drawn=4, hidden=16)
    >>> h = cell.remember(torch.zeros(5, 16), torch.zeros(5, 4), torch.zeros(5, 2))
    >>> cell.prior(h)[0].shape, cell.posterior(h, torch.zeros(5, 8))[1].shape
    (torch.Size([5, 4]), torch.Size([5, 4]))
    """

    def __init__(
        self,
        actions: int,
        embedding: int,
        *,
        remembered: int,
        drawn: int,
        hidden: int,
        activation: Activation = "silu",
    ) -> None:
        super().__init__()
        self.remembered = remembered
        self.drawn = drawn
        self.inputs = nn.Sequential(nn.Linear(drawn + actions, hidden), ACTIVATIONS[activation]())
        self.memory = nn.GRUCell(hidden, remembered)
        self.prior_network = mlp([remembered, hidden, 2 * drawn], activation=activation)
        self.posterior_network = mlp([remembered + embedding, hidden, 2 * drawn], activation=activation)

    def remember(self, h: Tensor, z: Tensor, actions: Tensor) -> Tensor:
        """(rows, remembered) after another action."""
        return self.memory(self.inputs(torch.cat([z, actions], 1)), h)

    def prior(self, h: Tensor) -> Gaussian:
        """Of z before anything is seen, (rows, drawn) each."""
        return _gaussian(self.prior_network(h))

    def posterior(self, h: Tensor, embedding: Tensor) -> Gaussian:
        """Of z where the observation is seen, (rows, drawn) each."""
        return _gaussian(self.posterior_network(torch.cat([h, embedding], 1)))


def _gaussian(raw: Tensor) -> Gaussian:
    mean, std = raw.chunk(2, -1)
    return mean, F.softplus(std) + LEAST_STD
