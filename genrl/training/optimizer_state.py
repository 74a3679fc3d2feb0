"""The state of a torch optimiser as plain tensors and JSON, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from genrl.errors import InputError
from genrl.training.reading import reading, shorten

__all__ = ["flatten_optimizer", "restore_optimizer", "restore_schedule", "unflatten_optimizer"]


def flatten_optimizer(state_dict: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split `optimizer.state_dict()` into tensors and a JSON document.

    Args:
        state_dict: of any optimiser that keeps tensors and numbers by parameter (Adam, RMSprop, SGD, ...).

    Returns:
        `{"state.<parameter>.<key>": tensor}`, with `"group.<i>.<key>"` for a tensor among a group's settings,
        and a document of everything that is no tensor.

    Raises:
        TypeError: the state holds something that is neither a tensor nor plain JSON.

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> adam = torch.optim.Adam([weight], lr=0.5)
    >>> weight.square().sum().backward(); adam.step()
    >>> tensors, document = flatten_optimizer(adam.state_dict())
    >>> sorted(tensors)
    ['state.0.exp_avg', 'state.0.exp_avg_sq', 'state.0.step']
    >>> adam.load_state_dict(unflatten_optimizer(tensors, document))
    """
    tensors: dict[str, Tensor] = {}
    document: dict[str, dict[str, dict[str, Any]]] = {"state": {}, "group": {}}
    sides = {"state": state_dict["state"], "group": dict(enumerate(state_dict["param_groups"]))}
    for side, entries in sides.items():
        for index, entry in entries.items():
            plain = document[side][str(index)] = {}
            for key, value in entry.items():
                if isinstance(value, Tensor):
                    tensors[f"{side}.{index}.{key}"] = value
                else:
                    plain[key] = _checked(value, key)
    return tensors, document


def unflatten_optimizer(tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten_optimizer`, to be given to `optimizer.load_state_dict`."""
    state = {int(index): _with_tuples(entry) for index, entry in document["state"].items()}
    groups = {int(index): _with_tuples(entry) for index, entry in document["group"].items()}
    for name, tensor in tensors.items():
        side, index, key = name.split(".", 2)
        (state if side == "state" else groups)[int(index)][key] = tensor
    return {"state": state, "param_groups": [groups[index] for index in sorted(groups)]}


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
    """Put back what `flatten_optimizer` gave.

    Raises:
        InputError: the state is of an optimizer of other parameters.
    """
    source = "the state of an optimizer"
    with reading(source, [tensors]):
        state_dict = unflatten_optimizer(tensors, document)
        groups = zip(state_dict["param_groups"], optimizer.param_groups, strict=True)
        # An earlier version of torch may have had fewer settings.
        state_dict["param_groups"] = [_checked_group(saved, own, source) for saved, own in groups]
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        numbers = [number for group in state_dict["param_groups"] for number in group["params"]]
        for number, entry in state_dict["state"].items():
            shape = parameters[numbers.index(number)].shape
            for name, value in entry.items():
                if isinstance(value, Tensor) and value.ndim and value.shape != shape:
                    found = f"{name} of parameter {number} has the shape {tuple(value.shape)}"
                    raise InputError(f"{source}: {found}, not {tuple(shape)}")
        optimizer.load_state_dict(state_dict)


def restore_schedule(schedule: LRScheduler, document: Mapping[str, Any]) -> None:
    """Put back what `schedule.state_dict()` gave.

    Raises:
        InputError: the state is of another schedule.
    """
    own, source = schedule.state_dict(), "the schedule of the step size"
    if document.keys() != own.keys():
        raise InputError(f"{source}: the saved one is of another kind")
    schedule.load_state_dict(_checked_group(document, own, source))


def _checked_group(saved: Mapping[str, Any], own: Mapping[str, Any], source: str) -> dict[str, Any]:
    for name, value in saved.items():
        if name != "params" and name in own and not _is_alike(value, own[name]):
            raise InputError(f"{source}: {name} cannot be {shorten(value)}")
    return {**own, **saved}


def _is_alike(value: Any, other: Any) -> bool:
    """Whether a setting is of the type of another one, as far as it is a number or several."""
    if isinstance(other, bool) or other is None:
        return value is None or isinstance(value, bool)
    if isinstance(other, int | float):
        return isinstance(value, int | float) and math.isfinite(value)
    if isinstance(other, tuple | list):
        return isinstance(value, type(other)) and len(value) == len(other) and all(map(_is_alike, value, other))
    return True


def _checked(value: Any, key: str) -> Any:
    if isinstance(value, list | tuple):
        return [_checked(item, key) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"the optimiser's {key!r} is a {type(value).__name__}: only tensors and plain values can be stored")


def _with_tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    # JSON has no tuples: only "params" is a list in torch, settings such as betas are tuples.
    return {key: tuple(value) if isinstance(value, list) and key != "params" else value for key, value in entry.items()}
