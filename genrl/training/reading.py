"""Guards for everything that is built from a saved file: no code is run, memory is bounded, errors are one line.

A saved model is a JSON description beside tensors. The description comes from a file and may say anything: a hidden
layer of 10**9 units, 10**9 layers, a list where a number belongs. Code that rebuilds an object from it runs inside
`reading`, which refuses tensors that are out of proportion to those in the file before they are allocated, and turns
whatever else goes wrong into one `InputError`.
"""

from __future__ import annotations

import dataclasses
import math
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file
from torch import Tensor, nn

from genrl.errors import InputError, one_line
from genrl.training.allocation_limit import AllocationLimit, TooLargeError

__all__ = [
    "bounded",
    "bounded_shape",
    "file_inside",
    "load_tensors",
    "read_tensors",
    "reading",
    "shorten",
    "validate",
]

T = TypeVar("T")

LONGEST_VALUE = 60
LARGEST_SIZE = 2**23
"""Columns of an observation, of an action or of a row: what an array of NumPy is made for without a further check."""

_inside = threading.local()


@contextmanager
def reading(
    source: Path | str, tensors: Iterable[Mapping[str, Tensor]] = (), *, extra_bytes: int = 0, of_caller: bool = False
) -> Iterator[None]:
    """Guard the code that rebuilds an object from a file.

    Tensors that are made inside may take 64 MB and 16 times the memory of the saved ones; more are refused before they
    are allocated. Inside another `reading` the bounds of the outer one hold.

    Args:
        source: the file or folder, or what it holds, as it is named in the error message.
        tensors: the saved tensors, which the rebuilt object is to hold.
        extra_bytes: memory of other tensors that the code works with, such as demonstrations.
        of_caller: the code also works with what the caller gave it, so that an `InputError` inside need not be the
            file's fault and is passed on.

    Raises:
        InputError: of one line, for whatever goes wrong inside.

    >>> with reading("model.json"):
    ...     nn.Linear(10**6, 10**6)
    Traceback (most recent call last):
    genrl.errors.InputError: model.json describes a network that is far larger than the tensors saved with it
    """
    outermost = not getattr(_inside, "active", False)
    try:
        if outermost:
            _inside.active = True
            with AllocationLimit(tensors, extra_bytes):
                yield
        else:
            yield
    except InputError as error:
        if of_caller:
            raise InputError(one_line(error)) from error
        raise InputError(one_line(_blame(source, str(error)))) from error
    except TooLargeError:
        if not outermost:
            raise
        raise InputError(f"{source} describes a network that is far larger than the tensors saved with it") from None
    except Exception as error:
        # Whatever a description makes a constructor do wrong is the description's fault: the code that wrote it
        # passes its own check by the tests.
        raise InputError(f"{source} is damaged or of another version: {describe_error(error)}") from error
    finally:
        if outermost:
            _inside.active = False


def describe_error(error: Exception) -> str:
    """One line of what an exception says, with its type where the message alone would say nothing."""
    if isinstance(error, KeyError):
        return f"{one_line(error)} is missing"
    text = one_line(error)
    if isinstance(error, TypeError):
        return f"a value is of the wrong type ({text})"
    return text if isinstance(error, ValueError | RuntimeError) and text else f"{type(error).__name__} {text}".strip()


def shorten(value: object) -> str:
    """A value as it is shown in a message."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "..."


def file_inside(folder: Path, name: str) -> Path:
    """The path of a file that another file of the same folder names.

    Raises:
        InputError: the name leads out of the folder, by itself or through a link.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise InputError(one_line(f"{folder} is damaged: {shorten(name)} is no name of a file in it"))
    path = folder / name
    if path.is_symlink() and path.resolve().parent != folder.resolve():
        raise InputError(f"{path} is a link that leads out of the folder: put the file itself there")
    return path


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file, whose library checks sizes and places before it takes memory.

    Raises:
        InputError: the file is missing or damaged.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: the folder is incomplete")
    try:
        return load_file(path)
    except OSError:
        raise
    except Exception as error:  # of the library, or of a type that torch does not have
        raise InputError(
            one_line(f"{path} cannot be read, it may be cut short; copy it again ({describe_error(error)})")
        ) from None


def load_tensors(module: nn.Module, tensors: Mapping[str, Tensor], source: Path | str) -> None:
    """`module.load_state_dict` for tensors from a file.

    Raises:
        InputError: names or shapes differ from the module's, or a weight is NaN.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.isnan().any():
            raise InputError(f"{source}: {name} holds NaN, so the model cannot be used")
    with reading(source, [tensors]):
        try:
            module.load_state_dict(dict(tensors))
        except RuntimeError as error:  # a headline, and a line for each tensor
            first = next(iter(str(error).splitlines()[1:]), str(error)).strip()
            fault = "is damaged or of another version, it does not fit its description"
            raise InputError(one_line(f"{source} {fault}: {first}")) from error


def validate(kind: Any, document: Any, source: Path | str, where: str = "") -> Any:
    """A document from a file as the type that it must have.

    Args:
        kind: anything that `pydantic.TypeAdapter` takes: a dataclass, a type, an annotated type.
        document: as `read_json` gives it.
        source: the file, for the message.
        where: the place of the document in the file, for the message.

    Raises:
        InputError: a field is missing or unknown, or of another type, or NaN.

    >>> validate(int, "many", "run/config.json", "seed")
    Traceback (most recent call last):
    genrl.errors.InputError: run/config.json: seed must be a valid integer, not 'many'
    """
    try:
        value = _adapter(kind).validate_python(document)
    except ValidationError as error:
        raise InputError(one_line(_describe_validation(error, source, where))) from error
    except InputError:
        raise
    except Exception as error:  # such as OverflowError of a number that a __post_init__ computes with
        raise InputError(one_line(f"{source}: {where or 'a setting'} cannot be used: {error}")) from error
    _check_fields(value, document, source, where)
    return value


def bounded(value: Any, name: str, source: Path | str, *, least: int = 1, most: int = LARGEST_SIZE) -> int:
    """A size from a file as an integer.

    Raises:
        InputError: it is none, or out of its range.

    >>> bounded(3, "num_envs", "agent.json")
    3
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(
            one_line(f"{source}: {name} must be an integer from {least:,} to {most:,}, not {shorten(value)}")
        )
    return value


def bounded_shape(value: Any, name: str, source: Path | str) -> tuple[int, ...]:
    """A shape from a file.

    Raises:
        InputError: it is no list of integers, or an array of it would be too large.
    """
    if not isinstance(value, list | tuple) or len(value) > 16:
        raise InputError(one_line(f"{source}: {name} must be a list of sizes, not {shorten(value)}"))
    shape = tuple(bounded(size, name, source) for size in value)
    bounded(math.prod(shape), f"the number of elements of {name}", source)
    return shape


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _blame(source: Path | str, message: str) -> str:
    message = message.removeprefix(f"{source}: ")
    return message if str(source) in message else f"{source} is damaged or of another version: {message}"


def _describe_validation(error: ValidationError, source: Path | str, where: str) -> str:
    """The first of the faults: which field, what it must be, what it is."""
    first = error.errors(include_url=False, include_context=True)[0]
    place = ".".join(str(part) for part in (*filter(None, [where]), *first["loc"])) or "the document"
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Exception):
        return f"{source}: {place}: {cause}"
    if first["type"] == "missing":
        return f"{source} lacks {place}"
    message = first["msg"].replace("Input should be", "must be").split(", unable")[0]
    return f"{source}: {place} {message}, not {shorten(first['input'])}"


def _check_fields(value: Any, document: Any, source: Path | str, where: str) -> None:
    """Refuse what pydantic lets pass: keys that no field has, and NaN."""
    if dataclasses.is_dataclass(value) and isinstance(document, dict):
        known = {field.name for field in dataclasses.fields(value) if field.init}
        place = f" of {where}" if where else ""
        if unknown := sorted(str(key) for key in document.keys() - known):
            raise InputError(
                one_line(f"{source}: there is no setting {unknown[0]!r}{place}; it has {', '.join(sorted(known))}")
            )
        for name, part in document.items():
            _check_fields(getattr(value, name), part, source, f"{where}.{name}" if where else name)
    elif isinstance(value, float) and math.isnan(value):
        raise InputError(f"{source}: {where or 'the document'} is NaN")
    elif isinstance(value, list | tuple) and isinstance(document, list | tuple):
        for part, described in zip(value, document, strict=False):
            _check_fields(part, described, source, where)
