"""Gaussians given a class."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import torch
from torch import Tensor

from genrl.bayes.class_conditional import classes_of
from genrl.bayes.gaussians import FORMS, ClassCovariance, ClassMoments, GaussianCovarianceType, merge
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress

__all__ = ["GaussianConditional"]

BLOCK = 1024  # rows whose temporaries stay in the processor's cache


class GaussianConditional(GenerativeModel):
    """A Gaussian for each class, or, fitted without labels, a single one.

    Its parameters are the most likely ones, in closed form; rows can also come in parts (`partial_fit`), with the same
    outcome. Columns that are constant, or copies of others, do no harm as long as `reg_covar` is above 0.

    Computes in float64.

    Args:
        covariance_type: a "full" matrix for each class (quadratic discriminants), a "diag"onal one (naive Bayes), or
            one that is "tied", the same for all classes (linear discriminants).
        reg_covar: added to the variances.

    Attributes:
        counts_: (C,) rows of each class; C is 1 without labels.
        means_: (C, d).

    Raises:
        InputError: a hyperparameter is out of its range.

    >>> import torch
    >>> from genrl.bayes import GaussianConditional
    >>> x = [[0.0, 1.0], [2.0, 1.0], [10.0, 5.0], [14.0, 5.0]]
    >>> gaussians = GaussianConditional(covariance_type="diag").fit(x, [0, 0, 1, 1])
    >>> gaussians.means_.tolist()
    [[1.0, 1.0], [12.0, 5.0]]
    >>> gaussians.sample(100, context=[1]).shape
    torch.Size([100, 1, 2])
    >>> gaussians.class_log_prob(torch.tensor([[1.0, 1.0]])).argmax(1)
    tensor([0])
    >>> gaussians.log_prob(torch.tensor([[1.0, 1.0]]), [0]).shape
    torch.Size([1])
    >>> gaussians.partial_fit([[4.0, 1.0]], [0]).means_[0].tolist()
    [2.0, 1.0]
    """

    architecture = "one Gaussian a class"
    log_prob_kind: Literal["exact"] = "exact"

    counts_: Tensor
    means_: Tensor
    scatter_: Tensor
    roots_: Tensor
    factors_: Tensor

    def __init__(self, *, covariance_type: GaussianCovarianceType = "full", reg_covar: float = 1e-6) -> None:
        super().__init__()
        if covariance_type not in FORMS:
            raise InputError(f"covariance_type must be one of {', '.join(FORMS)}, not {covariance_type!r}")
        if not 0 <= reg_covar < math.inf:
            raise InputError(f"reg_covar must be 0 or more, not {reg_covar}")
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar

    @property
    def moments_(self) -> ClassMoments:
        """What it keeps of the rows."""
        return ClassMoments(counts=self.counts_, means=self.means_, scatter=self.scatter_)

    @property
    def covariances_(self) -> Tensor:
        """(C, d, d), (C, d) or (d, d), by `covariance_type`."""
        return self._form.covariances(self.moments_, self.reg_covar)

    def class_log_prob(self, x: Tensor) -> Tensor:
        """(rows, classes) log p(x given class) in nats; minus infinity for a class of which no row was seen.

        Raises:
            InputError: x has the wrong shape.
        """
        self.check_rows(x, x.new_zeros(len(x), self.context_features) if self.context_features else None)
        blocks = x.to(self.means_).split(BLOCK)
        found = torch.cat([self._form.log_gaussian(block, self.means_, self.factors_) for block in blocks])
        return found.masked_fill(self.counts_ == 0, -math.inf).to(x.dtype)

    def seen_classes(self) -> Tensor:
        """(classes,) whether it has learned from rows of the class."""
        return self.counts_ > 0

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x given class) in nats, or log p(x) if it was fitted without labels.

        Raises:
            InputError: x or the context has the wrong shape.
        """
        given = self._classes(self.check_rows(x, context), len(x))
        return self.class_log_prob(x).gather(1, given[:, None])[:, 0]

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + (d,)`, or `sample_shape + (rows, d)` with a context of so many rows."""
        self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        encoded = self.encode_context(context)
        given = self._classes(encoded, 1)
        noise = torch.randn(*shape, len(given), self.means_.shape[1]).to(self.means_)
        drawn = (self.means_[given] + self._form.spread(noise, given, self.roots_)).float()
        return drawn if encoded is not None else drawn[..., 0, :]

    def partial_fit(self, X: Any, y: Any = None, *, context: Any = None) -> Self:
        """Learn from more rows; in the end the same as one `fit` to all of them.

        Args:
            X: (rows, d).
            y: (rows,) labels. Those of the first call are all that there will be.
            context: (rows, classes), one-hot, in place of `y`.

        Raises:
            InputError: bad data, or a label that the first call had not.
        """
        x = self.as_own_rows(X, self.event_shape)
        if self.event_shape is None:
            rows, classes = self._given(len(x), y, context)
            self.build(tuple(x.shape[1:]), 0 if rows is None else rows.shape[1])
            self.classes = classes
        else:
            rows = self.encode_context(y if context is None else context, len(x))
        self._learn(merge(self.moments_, self._moments(x, rows), self._form))
        return self

    @property
    def _form(self) -> ClassCovariance:
        return FORMS[self.covariance_type]

    def _classes(self, context: Tensor | None, rows: int) -> Tensor:
        return torch.zeros(rows, dtype=torch.long, device=self.device) if context is None else classes_of(context)

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if len(event_shape) != 1:
            raise InputError(f"a Gaussian models rows of columns, not of shape {event_shape}: flatten them")
        classes, columns = max(1, context_features), event_shape[0]
        shape = self._form.shape(classes, columns)
        for name, size in (
            ("counts_", (classes,)),
            ("means_", (classes, columns)),
            ("scatter_", shape),
            ("roots_", shape),
            ("factors_", shape),
        ):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        self._learn(self._moments(x, context))

    def _moments(self, x: Tensor, context: Tensor | None) -> ClassMoments:
        given = self._classes(context, len(x))
        parts = [x[given == number].double() for number in range(len(self.means_))]
        means = torch.stack([part.sum(0) / max(1, len(part)) for part in parts])
        centred = [part - mean for part, mean in zip(parts, means, strict=True)]
        counts = means.new_tensor([float(len(part)) for part in parts])
        return ClassMoments(counts=counts, means=means, scatter=self._form.scatter(centred))

    def _learn(self, moments: ClassMoments) -> None:
        spread = self._form.factorise(self._form.covariances(moments, self.reg_covar))
        self.counts_, self.means_, self.scatter_ = moments.counts, moments.means, moments.scatter
        self.roots_, self.factors_ = spread.roots, spread.factors
