"""What is common to the arguments of the mixtures' constructors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genrl.errors import InputError

__all__ = ["as_double", "as_lists"]


def as_lists(value: Any) -> Any:
    """An array as nested lists, which JSON can hold."""
    return value.tolist() if hasattr(value, "tolist") else value


def as_double(given: Any, found: Tensor, name: str) -> Tensor:
    """What was given as the argument `name`, or else what was found.

    Raises:
        InputError: both have not the same shape.
    """
    if given is None:
        return found
    values = torch.as_tensor(given, dtype=torch.float64)
    if values.shape != found.shape:
        raise InputError(f"{name} must have the shape {tuple(found.shape)}, not {tuple(values.shape)}")
    return values
