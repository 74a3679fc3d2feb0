"""What every generative model does in the same way: check its data, be fitted, be asked, be saved and loaded."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, get_args, get_type_hints

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genrl.errors import InputError
from genrl.protocols import Density, no_density
from genrl.row_checks import as_labels, as_rows, check_event, one_hot
from genrl.training.checkpoint import read_checkpoint, write_checkpoint
from genrl.training.fit import FitEpoch
from genrl.training.reading import bounded, bounded_shape, load_tensors, reading, shorten, validate

__all__ = [
    "GenerativeModel",
    "Progress",
    "describe_argument",
    "describe_model",
    "rebuild_arguments",
    "rebuild_model",
    "restore_model",
]

Progress = Callable[[FitEpoch], bool | None]
"""Called after each epoch of a fit; a False that it returns ends the fit."""

CHUNK = 65_536  # rows scored at once, which bounds the memory


class GenerativeModel(nn.Module):
    """A distribution over rows x, or over x given a context.

    The arguments of a subclass's constructor are its hyperparameters, each kept as an attribute of the same name. The
    shapes come later: `fit` takes them from the data, and whoever knows them can call `build`. What a model can do
    beyond the verbs here (`sample`, `log_prob`, ...) it says by having the methods of `genrl.protocols`.

    A context is a (rows, columns) tensor; a model that was fitted with class labels also takes (rows,) labels for it.

    Subclasses implement `_build` (make the parameters) and `_fit` (learn them from checked rows).

    A model may be moved (`to`) before or after its parameters are made. What it is asked about must be where it is;
    what `fit` and `score_samples` are given is moved there.

    Attributes:
        event_shape: of a row; None before `build`.
        context_features: columns of the context; 0 without.
        classes: the labels that it was fitted with, in the order of the columns that stand for them; None without.
    """

    architecture: ClassVar[str] = "-"
    """What the family demands of its networks, in a phrase for the table of families."""
    why_no_density: ClassVar[str] = "it can be sampled, but does not know log p(x)"
    """Of a model without `log_prob`: what stands in the way of one."""

    def __init__(self) -> None:
        super().__init__()
        self.event_shape: tuple[int, ...] | None = None
        self.context_features = 0
        self.classes: tuple[int, ...] | None = None
        self._place: Tensor  # moves with the model, also while there is nothing else to move
        self.register_buffer("_place", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the parameters are, or will be made."""
        return self._place.device

    def _build(self, event_shape: tuple[int, ...], context_features: int) -> None:
        """Make parameters and buffers for these shapes, replacing any."""
        raise NotImplementedError

    def _fit(self, x: Tensor, context: Tensor | None, progress: Progress | None) -> None:
        """Learn from checked rows; parameters are freshly built."""
        raise NotImplementedError

    def build(self, event_shape: int | tuple[int, ...], context_features: int = 0) -> Self:
        """Make the parameters, random or empty, for rows of this shape; what was learned before is gone.

        Args:
            event_shape: of a row; an integer stands for that many columns.
            context_features: columns of the context; 0 for none.

        Raises:
            InputError: the model is not made for such rows.
        """
        shape = (event_shape,) if isinstance(event_shape, int) else tuple(event_shape)
        if not shape or min(shape) < 1 or context_features < 0:
            raise InputError(f"no model of rows of shape {shape} given {context_features} columns")
        self.event_shape, self.context_features, self.classes = shape, context_features, None
        self._build(shape, context_features)
        return self.to(self.device)

    def fit(self, X: Any, y: Any = None, *, context: Any = None, progress: Progress | None = None) -> Self:
        """Learn from data, from scratch.

        Args:
            X: (rows, ...) finite numbers.
            y: (rows,) integer class labels, which makes the model one of x given the class.
            context: (rows, columns) in place of `y`, which makes it one of x given these numbers.
            progress: called after each pass over the data, if the model is fitted in passes.

        Raises:
            InputError: bad data; the message names the argument.
        """
        x = self.as_own_rows(X)
        rows, classes = self._given(len(x), y, context)
        self.build(tuple(x.shape[1:]), 0 if rows is None else rows.shape[1])
        self.classes = classes
        self._fit(x, rows, progress)
        return self

    def score_samples(self, X: Any, context: Any = None) -> NDArray[np.floating[Any]]:
        """Log-density of each row.

        Args:
            X: (rows, ...).
            context: (rows, columns) or labels, if the model is conditional.

        Returns:
            (rows,) in nats.

        Raises:
            InputError: bad data, or the model has no density.
        """
        if not isinstance(self, Density):
            raise no_density(self)
        x = self.as_own_rows(X, self.require_built())
        given = self.encode_context(context, len(x))
        with torch.no_grad():
            parts = [
                self.log_prob(part, None if given is None else given[start : start + CHUNK])
                for start, part in zip(range(0, len(x), CHUNK), x.split(CHUNK), strict=True)
            ]
        return torch.cat(parts).cpu().numpy()

    def as_own_rows(self, X: Any, of_shape: tuple[int, ...] | None = None) -> Tensor:
        """Data as rows where the model is, of this shape if there is one; `as_rows` says what is refused."""
        return as_rows(X, "X", event_shape=of_shape).to(self.device)

    def encode_context(self, context: Any, rows: int | None = None) -> Tensor | None:
        """The context as (rows, context_features) where the model is, whatever it was given as.

        Args:
            context: None, (rows, columns), or (rows,) labels.
            rows: how many there must be; None for any.

        Raises:
            InputError: it is missing or of another shape, or there is one where the model takes none.
        """
        self.require_built()
        if context is None:
            if self.context_features:
                raise InputError(f"{type(self).__name__} was made with a context: give context=, too")
            return None
        if not self.context_features:
            raise InputError(f"{type(self).__name__} was made without a context: leave context= out")
        if self.classes is not None and np.ndim(context) == 1:
            return one_hot(as_labels(context, len(context), "context"), self.classes).to(self.device)
        given = as_rows(context, "context", event_shape=(self.context_features,)).to(self.device)
        if rows is not None and len(given) != rows:
            raise InputError(f"context has {len(given)} rows, x has {rows}: they must belong together")
        return given

    def require_built(self) -> tuple[int, ...]:
        """The shape of a row.

        Raises:
            InputError: neither `fit` nor `build` was called.
        """
        if self.event_shape is None:
            raise InputError(f"{type(self).__name__} has not been fitted: call fit first")
        return self.event_shape

    def check_rows(self, x: Tensor, context: Any = None) -> Tensor | None:
        """Refuse rows of another shape than the model was built for, and give the context as a tensor.

        For every call of `log_prob`: whether the numbers are finite is not looked at.

        Returns:
            (rows, context_features), or None.

        Raises:
            InputError: a shape is wrong.
        """
        check_event(x, self.require_built(), "x")
        if isinstance(context, Tensor) and tuple(context.shape) == (len(x), self.context_features):
            return context
        return self.encode_context(context, len(x))

    def hyperparameters(self) -> dict[str, Any]:
        """The arguments of the constructor, by name."""
        return {name: getattr(self, name) for name in _arguments(type(self))}

    def save(self, folder: Path | str) -> None:
        """Write `model.json` and `model.safetensors`, atomically.

        Raises:
            InputError: the model has not been fitted.
        """
        self.require_built()
        write_checkpoint(Path(folder), tensors={"model": self.state_dict()}, documents={"model": describe_model(self)})

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """The model that `save` wrote; `GenerativeModel.load` reads any.

        Raises:
            InputError: the folder holds none, or one of another class, or a damaged one.
        """
        saved = read_checkpoint(Path(folder))
        if "model" not in saved.documents or "model" not in saved.tensors:
            raise InputError(f"{folder} holds no generative model")
        model = restore_model(saved.documents["model"], saved.tensors["model"], f"the model in {folder}")
        if not isinstance(model, cls):
            raise InputError(f"{folder} holds a {type(model).__name__}, not a {cls.__name__}")
        return model

    def _given(self, rows: int, y: Any, context: Any) -> tuple[Tensor | None, tuple[int, ...] | None]:
        """The context of a fit, and the classes if it is made of labels."""
        if y is not None and context is not None:
            raise InputError("y stands for a context of class labels: give y or context, not both")
        if y is not None:
            labels = as_labels(y, rows)
            classes = tuple(int(label) for label in labels.unique())
            return one_hot(labels, classes).to(self.device), classes
        if context is None:
            return None, None
        given = as_rows(context, "context").to(self.device)
        if given.ndim != 2 or len(given) != rows:
            raise InputError(f"context must be ({rows}, columns), a row for each of X, not {tuple(given.shape)}")
        return given, None


def _arguments(cls: type[GenerativeModel]) -> list[str]:
    return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]


def describe_model(model: GenerativeModel) -> dict[str, Any]:
    """JSON from which `rebuild_model` makes the model, without its weights."""
    kind = type(model)
    return {
        "model": f"{kind.__module__}:{kind.__qualname__}",
        "hyperparameters": {name: describe_argument(value) for name, value in model.hyperparameters().items()},
        "event_shape": None if model.event_shape is None else list(model.event_shape),
        "context_features": model.context_features,
        "classes": model.classes,
    }


def describe_argument(value: Any) -> Any:
    """JSON of an argument that a constructor took."""
    if isinstance(value, GenerativeModel):
        return describe_model(value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def rebuild_model(document: Any) -> GenerativeModel:
    """The model that `describe_model` described, built, with weights that are to be loaded.

    Raises:
        InputError: the document is damaged.
    """
    with reading("the description of the model"):
        kind = _find(document["model"])
        model = kind(**rebuild_arguments(document["hyperparameters"], kind))
        if document["event_shape"] is not None:
            features = bounded(document["context_features"], "context_features", "the description", least=0)
            model.build(bounded_shape(document["event_shape"], "event_shape", "the description"), features)
            model.classes = validate(tuple[int, ...] | None, document["classes"], "the description", "classes")
            if model.classes is not None and len(model.classes) != features:
                raise InputError(f"there are {len(model.classes)} classes, and {features} columns that stand for them")
    return model


def restore_model(document: Any, tensors: Mapping[str, Tensor], source: Path | str) -> GenerativeModel:
    """The model that `describe_model` described, with its weights, ready to be asked.

    Args:
        document: of `describe_model`.
        tensors: the model's state dict.
        source: as the model is called in an error message.

    Raises:
        InputError: document or tensors are damaged, or do not fit each other.
    """
    with reading(source, [tensors]):
        model = rebuild_model(document)
        load_tensors(model, tensors, source)
    return model.eval()


def rebuild_arguments(described: Any, kind: type[Any]) -> dict[str, Any]:
    """Arguments of a constructor, each checked against the type that the constructor asks for.

    Args:
        described: by name, as `describe_argument` gave them.
        kind: the class.

    Raises:
        InputError: one is unknown or of another type.
    """
    described = validate(dict[str, Any], described, "the description", "hyperparameters")
    hints = {name: hint for name, hint in get_type_hints(kind.__init__).items() if name != "return"}
    if unknown := sorted(described.keys() - hints.keys()):
        raise InputError(f"a {kind.__name__} has no setting {shorten(unknown[0])}, only {', '.join(hints)}")
    return {name: _rebuild_argument(value, hints[name], f"{kind.__name__}.{name}") for name, value in described.items()}


def _rebuild_argument(value: Any, hint: Any, name: str) -> Any:
    if isinstance(value, dict) and "hyperparameters" in value:
        model = rebuild_model(value)
        allowed = tuple(kind for kind in (get_args(hint) or (hint,)) if kind is not type(None))
        if not isinstance(model, allowed):
            raise InputError(f"{name} cannot be a {type(model).__name__}")
        return model
    if value is None and type(None) in get_args(hint):
        return None  # beside it the hint may name a model, which pydantic does not know
    return validate(hint, value, "the description", name)


def _find(name: Any) -> type[GenerativeModel]:
    """A model's class; a file may name nothing but the generative models of this package."""
    module, _, qualified = str(name).partition(":")
    if not re.fullmatch(r"genrl(\.[a-z_]+)+", module):
        raise InputError(f"{shorten(name)} is no model of this package")
    kind = getattr(importlib.import_module(module), qualified, None)
    if not (isinstance(kind, type) and issubclass(kind, GenerativeModel)):
        raise InputError(f"{shorten(name)} is no generative model")
    return kind
