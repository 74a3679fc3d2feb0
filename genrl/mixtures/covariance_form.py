"""What the covariance of a mixture's components must be able to do, whatever it looks like.

Each form estimates covariances from scatter matrices, factorises their inverse, and measures distances with it.
Sizes: K components, d columns, rows in batches of B.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor

from genrl.errors import InputError

__all__ = ["CovarianceForm", "collapsed"]


class CovarianceForm(ABC):
    """One form of the components' covariances.

    Rows and means come relative to an origin close to both, because what is summed here loses digits in proportion to
    their distance from it, counted in deviations.
    """

    @abstractmethod
    def moments(self, rows: Tensor, means: Tensor, responsibilities: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over (B, d) rows of r (x - m), and of r (x - m)(x - m)^T as much as this form needs; r is (B, K)."""

    @abstractmethod
    def estimate(self, scatter: Tensor, shift: Tensor, counts: Tensor, reg_covar: float) -> Tensor:
        """The most likely covariances.

        Args:
            scatter: summed over all rows, about means that were `shift` away from the new ones.
            shift: (K, d) new means minus those.
            counts: (K,) sums of the responsibilities.
            reg_covar: added to the variances.
        """

    @abstractmethod
    def factorise(self, covariances: Tensor) -> Tensor:
        """Factor F of the inverse, F F^T = covariance^-1, in the layout of this form.

        Raises:
            InputError: a covariance is not positive definite.
        """

    @abstractmethod
    def squares(self, means: Tensor, factors: Tensor) -> Callable[[Tensor], Tensor]:
        """The function that gives (B, K) squared distances |(x - m)^T F|^2 of (B, d) rows."""

    @abstractmethod
    def log_det(self, factors: Tensor, columns: int) -> Tensor:
        """(K,) or (), log |F|."""

    @abstractmethod
    def from_precisions(self, precisions: Tensor) -> Tensor:
        """The covariances whose inverses these are."""

    @abstractmethod
    def as_matrices(self, covariances: Tensor, components: int, columns: int) -> Tensor:
        """(K, d, d), whatever the form."""

    @abstractmethod
    def shape(self, components: int, columns: int) -> tuple[int, ...]:
        """Of the covariances."""

    @abstractmethod
    def num_parameters(self, components: int, columns: int) -> int:
        """Free numbers in the covariances."""


def collapsed() -> InputError:
    """What is raised where a covariance has no inverse."""
    return InputError(
        "a component has collapsed onto a few rows, so that its covariance has no inverse: "
        "use fewer components, a larger reg_covar, or another covariance_type"
    )
