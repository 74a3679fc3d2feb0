"""p(x given class): the ability that a Bayes classifier rests on, and how any density gets it."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel, Progress
from genrl.protocols import Density, Sampler
from genrl.row_checks import as_rows
from genrl.training.stages import Stages

__all__ = ["ClassConditional", "OnePerClass", "Streaming", "classes_of", "require_density_and_sampler"]


@runtime_checkable
class ClassConditional(Protocol):
    """Knows the density of every class, and may let classes share parameters."""

    def class_log_prob(self, x: Tensor) -> Tensor:
        """(rows, classes) log p(x given class) in nats."""
        ...

    def seen_classes(self) -> Tensor:
        """(classes,) whether it has learned from rows of the class; the others are impossible."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """Goes on learning from more rows."""

    def partial_fit(self, X: Any, *, context: Any = None) -> Any:
        """Learn from these rows, too."""
        ...


class OnePerClass(GenerativeModel):
    """Any density, given a class: a copy of it for the rows of each class.

    Args:
        conditional: the model that is copied; it stays unfitted itself.

    Attributes:
        copies: one for each class, in the order of the context's columns.
        seen_: (classes,) whether the copy of the class has learned from rows of it.

    Raises:
        InputError: the model has no density or cannot be sampled.

    >>> import torch
    >>> from genrl.bayes import OnePerClass
    >>> from genrl.mixtures import GaussianMixture
    >>> _ = torch.manual_seed(0)
    >>> y = torch.arange(600) % 2
    >>> x = torch.randn(600, 1) + 10.0 * y[:, None]
    >>> model = OnePerClass(GaussianMixture()).fit(x, y)
    >>> [round(each.means_.item()) for each in model.copies]
    [0, 10]
    >>> model.sample(5, context=[0, 1]).shape
    torch.Size([5, 2, 1])
    >>> model.class_log_prob(torch.tensor([[0.0], [10.0]])).argmax(1)
    tensor([0, 1])
    """

    copies: nn.ModuleList
    seen_: Tensor

    def __init__(self, conditional: GenerativeModel) -> None:
        super().__init__()
        require_density_and_sampler(conditional)
        self.conditional = conditional

    @property
    def log_prob_kind(self) -> Literal["exact", "lower_bound", "unnormalized"]:
        """That of the copies."""
        return self.conditional.log_prob_kind  # type: ignore[return-value]

    def class_log_prob(self, x: Tensor) -> Tensor:
        """(rows, classes) log p(x given class) in nats; minus infinity for a class of which no row was seen.

        Raises:
            InputError: x has the wrong shape.
        """
        self.check_rows(x, x.new_zeros(len(x), self.context_features))
        unseen = x.new_full((len(x),), -math.inf)
        pairs = zip(self.copies, self.seen_, strict=True)
        return torch.stack([_density(model).log_prob(x) if seen else unseen for model, seen in pairs], 1)

    def seen_classes(self) -> Tensor:
        """(classes,) whether the copy of the class has learned from rows of it."""
        return self.seen_

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(rows,) log p(x given class) in nats.

        Raises:
            InputError: x or the context has the wrong shape.
        """
        given = classes_of(self.check_rows(x, context))
        return self.class_log_prob(x).gather(1, given[:, None])[:, 0]

    def sample(self, sample_shape: int | tuple[int, ...] = (), context: Tensor | None = None) -> Tensor:
        """Draws of shape `sample_shape + (rows,) + event_shape` for a context of so many rows.

        Raises:
            InputError: the context has the wrong shape, or names a class of which no row was seen.
        """
        event_shape = self.require_built()
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        given = classes_of(self.encode_context(context))
        if not self.seen_[given].all():
            unseen = sorted(set(given[~self.seen_[given]].tolist()))
            raise InputError(f"nothing was learned of the classes in columns {unseen}: fit to rows of them first")
        drawn = torch.empty(*shape, len(given), *event_shape, device=self.device)
        for number, model in enumerate(self.copies):
            where = (given == number).nonzero()[:, 0]
            if len(where):
                drawn.index_copy_(len(shape), where, _sampler(model).sample((*shape, len(where))).to(drawn))
        return drawn

    def partial_fit(self, X: Any, *, context: Any = None) -> Self:
        """Let the copies of the classes that occur go on learning.

        Args:
            X: (rows, ...).
            context: (rows, classes), one-hot.

        Raises:
            InputError: bad data, or the model cannot go on learning.
        """
        if not isinstance(self.conditional, Streaming):
            raise InputError(f"{type(self.conditional).__name__} has no partial_fit: fit it to all rows at once")
        x = self.as_own_rows(X, self.event_shape)
        if self.event_shape is None:
            self.build(tuple(x.shape[1:]), as_rows(context, "context").shape[1])
        given = classes_of(self.encode_context(context, len(x)))
        for number, model in enumerate(self.copies):
            if (given == number).any():
                _streaming(model).partial_fit(x[given == number])
                self.seen_[number] = True
        return self

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        if not context_features:
            raise InputError("a model given a class needs classes: fit it with labels, as y")
        self.copies = nn.ModuleList(copy.deepcopy(self.conditional).build(event_shape) for _ in range(context_features))
        self.register_buffer("seen_", torch.zeros(context_features, dtype=torch.bool))

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        given, stages = classes_of(context), Stages(progress)
        counts = torch.bincount(given, minlength=len(self.copies))
        if not counts.all():
            raise InputError(f"there are no rows of class {int(counts.argmin())}: each class needs some")
        for number, model in enumerate(self.copies):
            assert isinstance(model, GenerativeModel)
            model.fit(x[given == number], progress=stages)
            self.seen_[number] = True
            if stages.asked:
                break
        if not self.seen_.all():
            left = len(self.copies) - int(self.seen_.sum())
            warnings.warn(
                f"stopped before {left} of {len(counts)} classes were learned: they count as impossible", stacklevel=4
            )


def require_density_and_sampler(model: Any) -> None:
    """Refuse a model that cannot stand for p(x given class).

    Raises:
        InputError: it names the ability that is missing.
    """
    name = type(model).__name__
    families = "a Gaussian, a mixture and a flow have it"
    if not isinstance(model, GenerativeModel):
        raise InputError(f"conditional must be a GenerativeModel of this package, not {name}")
    if not isinstance(model, Density):
        raise InputError(
            f"conditional must be a Density, and {name} has no log_prob: {model.why_no_density}; {families}"
        )
    if not isinstance(model, Sampler):
        raise InputError(f"conditional must be a Sampler, and {name} has no sample: {families}")


def classes_of(context: Tensor | None) -> Tensor:
    """(rows,) the number of the column that holds the 1.

    Raises:
        InputError: the context is not one-hot.
    """
    if context is None or not ((context == 0) | (context == 1)).all() or not (context.sum(1) == 1).all():
        raise InputError("context must be a class: give labels, or rows with a single 1 in the column of the class")
    return context.argmax(1)


def _density(model: nn.Module) -> Density:
    assert isinstance(model, Density)
    return model


def _sampler(model: nn.Module) -> Sampler:
    assert isinstance(model, Sampler)
    return model


def _streaming(model: nn.Module) -> Streaming:
    assert isinstance(model, Streaming)
    return model
