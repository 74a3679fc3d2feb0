"""How noise destroys data, little by little: the processes that a score model learns to run backwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor

from genrl.errors import InputError

__all__ = ["NoiseProcess", "VarianceExploding", "VariancePreserving", "level_range"]


class NoiseProcess(Protocol):
    """A diffusion dx = drift(x, t) dt + diffusion(t) dw, from a row of data at t = 0 to noise at t = 1.

    At time t a row x_0 has become Gaussian, of mean `mean(t) x_0` and deviation `std(t)` in every column. Divided by
    mean(t) it is the row plus noise: the deviation of that noise is the *noise level*, by which the networks and
    samplers of this package know the time, whatever the process.
    """

    @property
    def earliest(self) -> float:
        """Time of the lowest noise level that is learned."""
        ...

    def mean(self, time: Tensor) -> Tensor:
        """The share of a row that is left."""
        ...

    def std(self, time: Tensor) -> Tensor:
        """The deviation of the noise that has come."""
        ...

    def drift(self, x: Tensor, time: Tensor) -> Tensor:
        """Where x goes, apart from noise."""
        ...

    def diffusion(self, time: Tensor) -> Tensor:
        """The strength of the noise that comes."""
        ...

    def noise_level(self, time: Tensor) -> Tensor:
        """std(t) / mean(t), which rises with time."""
        ...


@dataclass(frozen=True, kw_only=True)
class VarianceExploding:
    """Noise is added and nothing taken away; its level rises geometrically (Song et al. 2021, equations 9 and 30).

    The process begins with noise of the least level. Where both levels are equal there is one level only, the denoising
    score matching of Vincent 2011.

    >>> import torch
    >>> VarianceExploding(least=0.1, most=10.0).std(torch.tensor([0.0, 0.5, 1.0]))
    tensor([ 0.1000,  1.0000, 10.0000])
    """

    least: float = 0.01
    """The lowest noise level, in deviations of the data: what is learned is the data with so much noise."""
    most: float = 10.0
    """The highest, which should drown the data."""

    earliest: ClassVar[float] = 0.0
    """Time of the lowest level."""

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most < math.inf:
            raise InputError(f"least and most must be levels above 0 in this order, not {self.least} and {self.most}")

    def mean(self, time: Tensor) -> Tensor:
        """One."""
        return time.new_ones(time.shape)

    def std(self, time: Tensor) -> Tensor:
        """The noise level."""
        return self.noise_level(time)

    def drift(self, x: Tensor, time: Tensor) -> Tensor:
        """Zero."""
        return x.new_zeros(x.shape)

    def diffusion(self, time: Tensor) -> Tensor:
        """The root of the slope of the variance."""
        return self.noise_level(time) * math.sqrt(2 * math.log(self.most / self.least))

    def noise_level(self, time: Tensor) -> Tensor:
        """Geometric from least to most."""
        return self.least * (time * math.log(self.most / self.least)).exp()


@dataclass(frozen=True, kw_only=True)
class VariancePreserving:
    """The row shrinks as noise is added, so that the variance of standardised data stays 1.

    Song et al. 2021, equations 11 and 32, the limit of the many steps of Ho et al. 2020; beta(t) is linear.

    >>> import torch
    >>> noise, time = VariancePreserving(), torch.linspace(0.0, 1.0, 5)
    >>> bool((noise.mean(time).square() + noise.std(time).square() - 1).abs().max() < 1e-6)
    True
    """

    beta_least: float = 0.1
    """Rate of the destruction at first."""
    beta_most: float = 20.0
    """Rate at last."""
    earliest: float = 1e-3
    """Time of the lowest noise level that is learned; at 0 there would be none."""

    def __post_init__(self) -> None:
        if not 0 < self.beta_least <= self.beta_most < math.inf:
            raise InputError(
                f"beta_least and beta_most must be above 0, in this order, not {self.beta_least} and {self.beta_most}"
            )
        if not 0 < self.earliest < 1:
            raise InputError(f"earliest must be between 0 and 1, not {self.earliest}")

    def mean(self, time: Tensor) -> Tensor:
        """Exp of minus half the destruction until then."""
        return (-0.5 * self._destruction(time)).exp()

    def std(self, time: Tensor) -> Tensor:
        """What is missing to a variance of 1."""
        return (-(-self._destruction(time)).expm1()).sqrt()

    def drift(self, x: Tensor, time: Tensor) -> Tensor:
        """Towards zero."""
        return -0.5 * self._beta(time) * x

    def diffusion(self, time: Tensor) -> Tensor:
        """The root of the rate."""
        return self._beta(time).sqrt()

    def noise_level(self, time: Tensor) -> Tensor:
        """The deviation of the noise where the row had kept its size."""
        return self._destruction(time).expm1().sqrt()

    def _beta(self, time: Tensor) -> Tensor:
        return self.beta_least + time * (self.beta_most - self.beta_least)

    def _destruction(self, time: Tensor) -> Tensor:
        """The integral of beta from 0 to the time."""
        return time * (self.beta_least + 0.5 * time * (self.beta_most - self.beta_least))


def level_range(noise: NoiseProcess, like: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest and the highest noise level, on the device and in the precision of `like`."""
    return noise.noise_level(like.new_tensor(noise.earliest)), noise.noise_level(like.new_ones(()))
