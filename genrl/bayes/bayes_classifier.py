"""A classifier that knows the joint distribution of rows and classes, so that it can also sample both."""

from __future__ import annotations

import copy
import math
from typing import Any, Literal, Self

import torch
from torch import Tensor

from genrl.bayes.class_conditional import (
    ClassConditional,
    OnePerClass,
    Streaming,
    classes_of,
    require_density_and_sampler,
)
from genrl.bayes.gaussian_conditional import GaussianConditional
from genrl.bayes.posteriors import bayes_rule, log_evidence
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.protocols import Sampler
from genrl.row_checks import as_labels, one_hot

__all__ = ["BayesClassifier"]


class BayesClassifier(GenerativeModel):
    """The joint distribution p(x, y) = p(y) p(x given y) of rows and their classes, asked by Bayes rule.

    As a generative model it is one of x given a class, which is its context; unlike others it knows how likely each
    class is, so that a context that is left out is summed over: `log_prob(x)` and `sample(n)` are of the marginal.

    Args:
        conditional: model of the rows of a class, to be fitted; any that has a density and can be sampled. One copy
            is fitted to each class, unless the model knows of classes itself (`ClassConditional`), as one whose classes
            share a covariance must. None is a `GaussianConditional()`.
        priors: p(y) for each class, in the order of the sorted labels; None takes their shares of the rows.

    Attributes:
        likelihood: p(x given y), fitted.
        counts_: (classes,) rows of each class that were learned from.

    Raises:
        InputError: the conditional lacks an ability, or the priors are no probabilities.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from genrl.bayes import BayesClassifier, GaussianConditional
    >>> _ = torch.manual_seed(0)
    >>> x = torch.cat([torch.randn(300, 2), torch.randn(100, 2) + 4.0])
    >>> y = torch.cat([torch.zeros(300), torch.ones(100)]).long()
    >>> classifier = BayesClassifier(GaussianConditional(covariance_type="diag")).fit(x, y)
    >>> classifier.predict(torch.tensor([[0.0, 0.0], [4.0, 4.0]]))
    tensor([0, 1])
    >>> classifier.sample(5, context=[1]).shape  # x given the class
    torch.Size([5, 1, 2])
    >>> rows, classes = classifier.sample_joint(1000)  # y from p(y), then x given y
    >>> bool(0.2 < classes.float().mean() < 0.3)
    True
    >>> with TemporaryDirectory() as folder:
    ...     classifier.save(folder)
    ...     loaded = BayesClassifier.load(folder)
    >>> torch.equal(loaded.joint_log_prob(rows, classes), classifier.joint_log_prob(rows, classes))
    True
    """

    architecture = "any density for each class; needs labels"
    counts_: Tensor
    likelihood: GenerativeModel

    def __init__(self, conditional: GenerativeModel | None = None, *, priors: list[float] | None = None) -> None:
        super().__init__()
        conditional = GaussianConditional() if conditional is None else conditional
        require_density_and_sampler(conditional)
        if priors is not None:
            priors = [float(prior) for prior in priors]
            if min(priors, default=-1.0) < 0 or abs(sum(priors) - 1) > 1e-6:
                raise InputError(f"priors must be probabilities of the classes that sum to 1, not {priors}")
        self.conditional = conditional
        self.priors = priors

    @property
    def log_prob_kind(self) -> Literal["exact", "lower_bound", "unnormalized"]:
        """That of the conditional."""
        return self.conditional.log_prob_kind  # type: ignore[return-value]

    @property
    def priors_(self) -> Tensor:
        """(classes,) p(y), float64."""
        if self.priors is not None:
            return self.counts_.new_tensor(self.priors)
        return self.counts_ / self.counts_.sum()

    def fit(self, X: Any, y: Any = None, *, context: Any = None, progress: Progress | None = None) -> Self:
        """Learn from rows and their classes, from scratch.

        Args:
            X: (rows, ...) finite numbers.
            y: (rows,) integer labels.
            context: not taken: the class is the context.
            progress: handed to the fit of the conditional.

        Raises:
            InputError: bad data, or no labels.
        """
        if y is None or context is not None:
            raise InputError("a BayesClassifier learns from labels: give them as y, and no context")
        return super().fit(X, y, progress=progress)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Learn from more rows, if the conditional can; with Gaussians the same in the end as one `fit` to all.

        Args:
            X: (rows, ...).
            y: (rows,) labels.
            classes: all labels that there will be, at the first call; None for those in its `y`.

        Raises:
            InputError: bad data, an unknown label, or a conditional that cannot go on learning.
        """
        x = self.as_own_rows(X, self.event_shape)
        labels = as_labels(y, len(x))
        if self.event_shape is None:
            known = labels if classes is None else as_labels(classes, len(classes), "classes")
            names = tuple(int(label) for label in known.unique())
            self.build(tuple(x.shape[1:]), len(names))
            self.classes = names
        columns = one_hot(labels, self.classes or ()).to(self.device)
        if not isinstance(self.likelihood, Streaming):
            raise InputError(f"{type(self.conditional).__name__} has no partial_fit: fit it to all rows at once")
        self.likelihood.partial_fit(x, context=columns)
        self.counts_ += columns.sum(0)
        return self

    def encode_context(self, context: Any, rows: int | None = None) -> Tensor | None:
        """As of any model, but a class that is not given is summed over."""
        self.require_built()
        return None if context is None else super().encode_context(context, rows)

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x), or log p(x given class) with a context, in nats.

        Raises:
            InputError: wrong shapes.
        """
        given = self.check_rows(x, context)
        found = self._class_log_prob(x)
        if given is None:
            return log_evidence(self._log_priors(x), found)
        return found.gather(1, classes_of(given)[:, None])[:, 0]

    def joint_log_prob(self, x: Tensor, y: Any) -> Tensor:
        """(rows,) log p(x, y) in nats.

        Raises:
            InputError: wrong shapes, or an unknown label.
        """
        given = classes_of(one_hot(as_labels(y, len(x)), self._known_classes())).to(x.device)
        self.check_rows(x)
        return (self._log_priors(x) + self._class_log_prob(x)).gather(1, given[:, None])[:, 0]

    def log_posterior(self, x: Tensor) -> Tensor:
        """(rows, classes) log p(y given x) in nats.

        Raises:
            InputError: wrong shapes.
        """
        self.check_rows(x)
        return bayes_rule(self._log_priors(x), self._class_log_prob(x))

    def predict_proba(self, X: Any) -> Tensor:
        """(rows, classes) p(y given x)."""
        with torch.no_grad():
            return self.log_posterior(self.as_own_rows(X, self.require_built())).exp()

    def predict(self, X: Any) -> Tensor:
        """(rows,) the label of the most probable class."""
        with torch.no_grad():
            best = self.log_posterior(self.as_own_rows(X, self.require_built())).argmax(1)
        return torch.tensor(self._known_classes(), device=self.device)[best]

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of p(x), `sample_shape + event_shape`, or of p(x given class), `sample_shape + (rows,) + event_shape`.

        Args:
            sample_shape: of the draws; an integer stands for that many.
            context: (rows,) labels, or one-hot (rows, classes).
        """
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = self.encode_context(context)
        if given is None:
            rows, _ = self.sample_joint(torch.Size(shape).numel())
            return rows.reshape(*shape, *rows.shape[1:])
        return _sampler(self.likelihood).sample(shape, given)

    def sample_joint(self, n: int) -> tuple[Tensor, Tensor]:
        """Draws of p(x, y): (n, ...) rows, and their (n,) labels; y from p(y), then x from p(x given y)."""
        self.require_built()
        drawn = torch.multinomial(self.priors_, max(1, n), replacement=True)[:n]
        columns = torch.nn.functional.one_hot(drawn, self.context_features).float()
        rows = _sampler(self.likelihood).sample((), columns)
        return rows, torch.tensor(self._known_classes(), device=self.device)[drawn]

    def _class_log_prob(self, x: Tensor) -> Tensor:
        """(rows, classes); a class of which a stream has shown no row yet is impossible."""
        assert isinstance(self.likelihood, ClassConditional)
        return self.likelihood.class_log_prob(x).masked_fill(self.counts_ == 0, -math.inf)

    def _log_priors(self, x: Tensor) -> Tensor:
        return self.priors_.log().to(x.dtype)

    def _known_classes(self) -> tuple[int, ...]:
        self.require_built()
        return tuple(range(self.context_features)) if self.classes is None else self.classes

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if not context_features:
            raise InputError("a BayesClassifier needs classes: fit it with labels, as y")
        if self.priors is not None and len(self.priors) != context_features:
            raise InputError(f"priors has {len(self.priors)} probabilities for {context_features} classes")
        own = copy.deepcopy(self.conditional)
        likelihood = own if isinstance(own, ClassConditional) else OnePerClass(own)
        self.likelihood = likelihood.build(event_shape, context_features)
        self.register_buffer("counts_", torch.zeros(context_features, dtype=torch.float64))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        assert context is not None
        assert isinstance(self.likelihood, ClassConditional)
        self.likelihood.fit(x, context=context, progress=progress)
        self.counts_ = context.double().sum(0) * self.likelihood.seen_classes()  # not of those that a stop left out


def _sampler(model: GenerativeModel) -> Sampler:
    assert isinstance(model, Sampler)
    return model
