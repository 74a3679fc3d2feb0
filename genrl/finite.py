"""Finds NaN and infinity, cheaply where there are none and by name where there are some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["describe_not_finite", "is_finite", "name_not_finite"]


def is_finite(values: NDArray[np.floating] | NDArray[np.integer] | Tensor) -> bool:
    """Whether no number is NaN or infinite; arrays of other kinds count as finite.

    A finite sum has finite terms and is found in one pass; only a sum that may have overflowed is examined further.

    >>> is_finite(np.array([1.0, np.inf])), is_finite(torch.full((2,), 3e38))
    (False, True)
    """
    if isinstance(values, Tensor):
        if not (values.is_floating_point() or values.is_complex()):
            return True
        return bool(values.sum().isfinite()) or bool(torch.isfinite(values).all())
    if values.dtype.kind not in "fc":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())


def name_not_finite(named: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> str | None:
    """The name of the first tensor that holds NaN or infinity, or None.

    >>> name_not_finite({"weight": torch.ones(2), "bias": torch.tensor([torch.nan])})
    'bias'
    """
    pairs = list(named.items() if isinstance(named, Mapping) else named)
    # One norm of all of them is several times faster than a sum of each.
    if torch.nn.utils.get_total_norm([tensor for _, tensor in pairs if tensor.is_floating_point()]).isfinite():
        return None
    return next((name for name, tensor in pairs if not is_finite(tensor)), None)


def describe_not_finite(values: NDArray[np.floating] | Tensor) -> str:
    """What of `values` is not finite, in a few words.

    >>> describe_not_finite(np.array([1.0, np.nan, np.inf]))
    'NaN or infinity in 2 of 3 numbers'
    >>> describe_not_finite(torch.tensor(torch.nan))
    'NaN'
    """
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    nan, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    kind = "NaN or infinity" if nan and infinite else "NaN" if nan else "infinity"
    return kind if array.size == 1 else f"{kind} in {nan + infinite} of {array.size} numbers"
