"""Where tensors live: the device that was asked for, or a plain word that there is none."""

from __future__ import annotations

import torch

from genrl.errors import InputError

__all__ = ["available_device"]


def available_device(name: str) -> str:
    """The device called `name`; `auto` is a GPU where there is one, and else the CPU.

    stable-baselines3 takes the CPU in silence where a GPU was asked for and is missing.

    Raises:
        InputError: there is no such device.

    >>> available_device("cpu")
    'cpu'
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"there is no device {name!r} here: take cpu, cuda where torch sees a GPU, or auto") from error
    return str(device)
