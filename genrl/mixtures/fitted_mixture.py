"""What the mixtures that are fitted in closed steps have in common: pairs, components, and how their fit ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from genrl.generative_model import GenerativeModel
from genrl.mixtures.sampling import pick

__all__ = ["FittedMixture"]


class FittedMixture(GenerativeModel, ABC):
    """A mixture of K components over all columns, those of a context first.

    Subclasses keep `means_` and `weights_`, and implement `_draw`, `_draw_given` and `predict_proba`.
    """

    means_: Tensor
    weights_: Tensor
    outcome_: Tensor

    @property
    def lower_bound_(self) -> float:
        """What the fit made large, as it was at the end."""
        return float(self.outcome_[0])

    @property
    def n_iter_(self) -> int:
        """Iterations of the climb that was kept."""
        return int(self.outcome_[1])

    @property
    def converged_(self) -> bool:
        """It settled within its iterations."""
        return bool(self.outcome_[2])

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + (d,)`, or `sample_shape + (rows, d)` with a context of so many rows."""
        self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = self.encode_context(context)
        if given is None:
            return self._draw(pick(self.weights_[None], shape)[..., 0]).float()
        return self._draw_given(given.to(self.means_), shape).float()

    def sample_joint(self, n: int) -> tuple[Tensor, Tensor]:
        """Draws of pairs from the joint distribution that a mixture is, whether or not anything stood beside x.

        Args:
            n: pairs.

        Returns:
            (n, d) rows, and beside them the component that each was drawn from, (n,). If the mixture was fitted with a
            context, its (n, c) rows instead; if with labels, (n,) labels.
        """
        self.require_built()
        known = self.context_features
        if self.classes is not None:
            shares = (self.weights_ @ self.means_[:, :known]).clamp(min=0)  # the mean of one-hot columns
            labels = torch.tensor(self.classes, device=self.device)[pick(shares[None], (n,))[:, 0]]
            return self.sample((), labels), labels
        components = pick(self.weights_[None], (n,))[:, 0]
        rows = self._draw(components).float()
        return (rows[:, known:], rows[:, :known]) if known else (rows, components)

    @abstractmethod
    def predict_proba(self, X: Any, context: Any = None) -> Tensor:
        """(rows, K) the posterior of each row's component."""

    def predict(self, X: Any, context: Any = None) -> Tensor:
        """(rows,) the most probable component."""
        return self.predict_proba(X, context).argmax(1)

    @abstractmethod
    def _draw(self, components: Tensor) -> Tensor:
        """(*shape, c + d), all columns, from components of any shape."""

    @abstractmethod
    def _draw_given(self, context: Tensor, shape: tuple[int, ...]) -> Tensor:
        """(*shape, rows, d), the later columns given the first ones, (rows, c)."""

    def _joined(self, x: Tensor, context: Tensor | None) -> Tensor:
        """All columns, (rows, c + d), of what is given."""
        return (x if context is None else torch.cat([context.to(x), x], 1)).to(self.means_)

    def _forget_outcome(self) -> None:
        self.register_buffer("outcome_", torch.tensor([-torch.inf, 0.0, 0.0], dtype=torch.float64))

    def _keep_outcome(self, lower_bound: float, iterations: int, converged: bool) -> None:
        self.outcome_ = self.outcome_.new_tensor([lower_bound, iterations, converged])
