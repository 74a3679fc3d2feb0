"""What an encoder says of a batch of codes: q(z given x), Gaussian, or Gaussian with its noise bent by a flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from genrl.autoencoders.gaussians import balanced_noise, kl_divergence, log_normal, log_standard_normal, reparameterise
from genrl.protocols import ReparameterisedSampler

__all__ = ["DiagonalPosterior", "FlowPosterior", "Posterior"]

MOMENT_DRAWS = 64


class Posterior(Protocol):
    """q(z given x) for each row of a batch."""

    def draw(self) -> tuple[Tensor, Tensor]:
        """Codes (rows, latents), with gradients, and their log-densities (rows,) in nats."""
        ...

    def fixed_draws(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """So many draws, the same each time they are asked for."""
        ...

    def divergence(self, z: Tensor, log_q: Tensor) -> Tensor:
        """(rows, groups) KL(q || standard normal) in nats, of each group of units for which it is known apart."""
        ...

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each unit, (rows, latents) each."""
        ...


@dataclass(frozen=True)
class DiagonalPosterior:
    """Independent Gaussians.

    Attributes:
        mean: (rows, latents).
        log_std: (rows, latents).
    """

    mean: Tensor
    log_std: Tensor

    def draw(self) -> tuple[Tensor, Tensor]:
        """By reparameterisation."""
        return self._drawn(torch.randn_like(self.mean))

    def fixed_draws(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """With noise that all rows share, so that what is said of a row does not depend on its neighbours."""
        for noise in balanced_noise(count, self.mean.shape[1]).to(self.mean):
            yield self._drawn(noise)

    def divergence(self, z: Tensor, log_q: Tensor) -> Tensor:
        """(rows, latents) in closed form; draws are not looked at."""
        return kl_divergence(self.mean, self.log_std)

    def moments(self) -> tuple[Tensor, Tensor]:
        """As they are."""
        return self.mean, self.log_std.exp()

    def _drawn(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        z = reparameterise(self.mean, self.log_std, noise)
        return z, log_normal(z, self.mean, self.log_std).sum(1)


@dataclass(frozen=True)
class FlowPosterior:
    """Z = mean + deviation u, where u is drawn by a flow given features of x.

    Attributes:
        mean: (rows, latents).
        log_std: (rows, latents).
        flow: of (latents,) given the features.
        features: (rows, any).
    """

    mean: Tensor
    log_std: Tensor
    flow: ReparameterisedSampler
    features: Tensor

    def draw(self) -> tuple[Tensor, Tensor]:
        """By reparameterisation."""
        noise, log_density = self.flow.rsample_with_log_prob((), self.features)
        return reparameterise(self.mean, self.log_std, noise), log_density - self.log_std.sum(1)

    def fixed_draws(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """With noise of fixed seeds, different for each place in the batch: the flow draws it for all rows at once."""
        device = self.mean.device
        for seed in range(count):
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                torch.manual_seed(seed)
                drawn = self.draw()
            yield drawn

    def divergence(self, z: Tensor, log_q: Tensor) -> Tensor:
        """(rows, 1) of all units together, estimated from one draw."""
        return (log_q - log_standard_normal(z))[:, None]

    def moments(self) -> tuple[Tensor, Tensor]:
        """Estimated from a few draws."""
        draws = torch.stack([z for z, _ in self.fixed_draws(MOMENT_DRAWS)])
        return draws.mean(0), draws.std(0)
