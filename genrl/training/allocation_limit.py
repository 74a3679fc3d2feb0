"""A limit for the tensors that are made while an object is rebuilt from a description that may ask for anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

__all__ = ["AllocationLimit", "TooLargeError"]

FREE_BYTES, TIMES_THE_FILE = 64 * 2**20, 16  # a network is initialized, copied and moved while it is built
FREE_TENSORS, TENSORS_PER_SAVED = 10_000, 200
SMALL = 2**20  # elements of a tensor that may be made before its size is looked at


class TooLargeError(Exception):
    """More memory was asked for than a file of this size justifies."""


class AllocationLimit(TorchDispatchMode):
    """Counts the tensors that are made inside it, and refuses those beyond a limit before they take memory.

    Args:
        groups: tensors of a file, in proportion to which the limit is set.
        extra_bytes: memory of other tensors that count like those of the file.
    """

    def __init__(self, groups: Iterable[Mapping[str, Tensor]], extra_bytes: int) -> None:
        super().__init__()
        saved = [tensor for group in groups for tensor in group.values()]
        self._bytes = FREE_BYTES + TIMES_THE_FILE * (extra_bytes + sum(tensor.nbytes for tensor in saved))
        self._tensors = FREE_TENSORS + TENSORS_PER_SAVED * len(saved)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first use imports the compiler, which takes a second

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func._schema.is_mutable or func.is_view:
            return func(*args, **kwargs)
        # The trial is left out for what is small: its first use is slow.
        small = _largest_output(args) * _largest_output(tuple(kwargs.values())) <= SMALL
        if not small:
            self._take(_bytes_of(_without_memory(func, args, kwargs)))
        outputs = func(*args, **kwargs)
        if small:
            self._take(_bytes_of(outputs))
        return outputs

    def _take(self, size: int) -> None:
        self._tensors -= 1
        self._bytes -= size
        if self._bytes < 0 or self._tensors < 0:
            raise TooLargeError


def _without_memory(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation would give, on torch's "meta" device, where tensors have shapes and no memory."""
    args, kwargs = tree_map_only(Tensor, _shape_alone, (args, kwargs))
    if _takes_device(func):
        kwargs = {**kwargs, "device": torch.device("meta")}
    try:
        return func(*args, **kwargs)
    except Exception:  # an operation that needs values, such as bincount
        return torch.empty(_largest_output(args), device="meta")


def _bytes_of(outputs: Any) -> int:
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    return sum(output.nbytes for output in outputs if isinstance(output, Tensor))


def _largest_output(values: Sequence[Any]) -> int:
    """Bound of the elements that an operation makes of its arguments: all of their sizes multiplied."""
    bound = 1
    for value in values:
        if isinstance(value, Tensor):
            bound *= max(value.numel(), 1)
        elif isinstance(value, int | float):
            bound *= max(abs(int(value)), 1) if math.isfinite(value) else 1
        elif isinstance(value, list | tuple):
            bound *= _largest_output(value)
    return bound


@cache
def _takes_device(func: Any) -> bool:
    return any(argument.name == "device" for argument in func._schema.arguments)


def _shape_alone(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
