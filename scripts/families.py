"""The generative models that there are, by name: whatever the families of `genrl` export."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from genrl.errors import InputError
from genrl.generative_model import GenerativeModel

__all__ = ["FAMILIES", "SPECIAL_CASES", "family_of", "find_model", "make_model", "model_name", "models", "spelled_out"]

FAMILIES = ("bayes", "mixtures", "flows", "autoencoders", "gans", "autoregressive", "score")
"""Packages of `genrl`, in the order of tables; a model joins by being in the `__all__` of one."""

SPECIAL_CASES = {
    "beta_vae": ("vae", ("beta=4",)),
    "lsgan": ("gan", ("objective=least_squares",)),
    "wgan_gp": (
        "gan",
        ("objective=wasserstein", "penalty=interpolation", "penalty_weight=10", "fitting.discriminator_steps=5"),
    ),
}
"""Settings of a model that have a name of their own: the model and what is set."""

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def models() -> dict[str, type[GenerativeModel]]:
    """Every model by its name, family after family.

    A class whose constructor cannot be called without arguments is what models are made of, and none itself.

    >>> models()["gaussian_mixture"].__name__
    'GaussianMixture'
    """
    found: dict[str, type[GenerativeModel]] = {}
    for family in FAMILIES:
        if importlib.util.find_spec(f"genrl.{family}") is None:
            continue
        package = importlib.import_module(f"genrl.{family}")
        exported = [getattr(package, name) for name in getattr(package, "__all__", ())]
        for kind in exported:
            if isinstance(kind, type) and issubclass(kind, GenerativeModel) and not _needs_arguments(kind):
                assert model_name(kind) not in found, f"two models are named {model_name(kind)}"
                found[model_name(kind)] = kind
    return found


def model_name(kind: type) -> str:
    """Snake case of the class, without a "Flow" or "Model" at its end: words that say of what kind it is, not which.

    >>> [model_name(type(name, (), {})) for name in ("NeuralSplineFlow", "RealNVP", "ScoreModel", "VAE", "VQVAE")]
    ['neural_spline', 'real_nvp', 'score', 'vae', 'vq_vae']
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]|VAE$)", "_", kind.__name__).lower()
    return words.removesuffix("_flow").removesuffix("_model")


def family_of(kind: type[GenerativeModel]) -> str:
    """The package that it is from, such as "flows"."""
    return kind.__module__.split(".")[1]


def find_model(name: str) -> type[GenerativeModel]:
    """The model of that name.

    Raises:
        InputError: there is none; the message lists all.
    """
    found = models()
    if name not in found:
        raise InputError(f"there is no model {name!r}: give one of {', '.join((*found, *SPECIAL_CASES))}")
    return found[name]


def spelled_out(name: str) -> tuple[type[GenerativeModel], tuple[str, ...]]:
    """The model that a name of a model, or of a special case of one, stands for, and what is to be set.

    Raises:
        InputError: there is none; the message lists all.

    >>> kind, words = spelled_out("beta_vae")
    >>> kind.__name__, words
    ('VAE', ('beta=4',))
    """
    model, words = SPECIAL_CASES.get(name, (name, ()))
    return find_model(model), words


def make_model(
    kind: type[GenerativeModel], words: Sequence[str] = (), *, updates: int | None = None, seed: int | None = None
) -> GenerativeModel:
    """A model with its default hyperparameters but for those given.

    Args:
        kind: its class.
        words: `key=value` each, the value as JSON or as plain text; `fitting.updates=500` sets one field of a group. A
            model inside the model is given by its name, `gan=dcgan`, and its own settings as `gan.channels=16`; one
            that has been fitted by the folder that it was saved to, `features=runs/.../model`.
        updates: gradient steps, if it is fitted by them; also of models inside it.
        seed: of its fit.

    Raises:
        InputError: it has no such hyperparameter, or that cannot have such a value.
    """
    parameters = inspect.signature(kind.__init__).parameters
    defaults = {name: each.default for name, each in parameters.items() if name != "self"}
    values = _shared(defaults, {"updates": updates, "seed": seed, "random_state": seed})
    hints = get_type_hints(kind.__init__)
    inside: dict[str, list[tuple[str, str]]] = {name: [] for name in defaults if _is_model(hints[name])}
    for word in words:
        key, equals, text = word.partition("=")
        name, _, field = key.partition(".")
        if not equals or name not in defaults:
            known = ", ".join(f"{name}=..." for name in defaults)
            raise InputError(f"--set takes key=value words, for {model_name(kind)} {known}; not {word!r}")
        if name in inside:
            inside[name].append((field, text))
        elif field:
            values[name] = _change(values.get(name, defaults[name]), key, field, text)
        else:
            values[name] = _parse(text, hints[name], key)
    for name, told in inside.items():
        chosen = [text for field, text in told if not field]
        own = [f"{field}={text}" for field, text in told if field]
        if chosen and Path(chosen[-1]).is_dir():
            values[name] = GenerativeModel.load(chosen[-1])
            continue
        inner = find_model(chosen[-1]) if chosen else _default_inside(kind, name)
        if inner is not None:
            values[name] = make_model(inner, own, updates=updates, seed=seed)
        elif told:
            raise InputError(f"--set {name}.{told[0][0]}: first name the model, as {name}=...")
    return kind(**values)


def _is_model(hint: Any) -> bool:
    return any(isinstance(each, type) and issubclass(each, GenerativeModel) for each in (hint, *get_args(hint)))


def _default_inside(kind: type[GenerativeModel], name: str) -> type[GenerativeModel] | None:
    """The class of the model that stands inside one with default hyperparameters, if any does."""
    inner = getattr(kind(), name)
    return None if inner is None else type(inner)


def _needs_arguments(kind: type[GenerativeModel]) -> bool:
    _, *arguments = inspect.signature(kind.__init__).parameters.values()
    return any(each.default is inspect.Parameter.empty and each.kind in NAMED for each in arguments)


def _shared(defaults: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of `wanted` a model takes, as an argument or as the field of a group of settings."""
    given = {name: value for name, value in wanted.items() if value is not None}
    values = {name: value for name, value in given.items() if name in defaults}
    for name, default in defaults.items():
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            fields = {field.name for field in dataclasses.fields(default)}
            values[name] = dataclasses.replace(default, **{key: given[key] for key in given.keys() & fields})
    return values


def _change(group: Any, key: str, field: str, text: str) -> Any:
    """The group of settings with another value in one field."""
    if not dataclasses.is_dataclass(group) or isinstance(group, type):
        raise InputError(f"--set {key}: {key.partition('.')[0]} is no group of settings")
    hints = get_type_hints(type(group))
    if field not in hints:
        raise InputError(f"--set {key}: there is {', '.join(hints)}, but no {field}")
    return dataclasses.replace(group, **{field: _parse(text, hints[field], key)})


def _parse(text: str, hint: Any, key: str) -> Any:
    """The text as a value of the annotated type: read as JSON if that fits, else as it is."""
    adapter = TypeAdapter(hint)
    candidates: list[Any] = [{"None": None, "True": True, "False": False}.get(text, text)]
    with contextlib.suppress(json.JSONDecodeError):
        candidates.insert(0, json.loads(text))
    problem = ""
    for candidate in candidates:
        try:
            return adapter.validate_python(candidate)
        except ValidationError as error:
            problem = problem or error.errors()[0]["msg"]
    raise InputError(f"--set {key}={text}: {problem[:1].lower()}{problem[1:]}")
