"""Keeps torch's threads out of the simulator's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["one_torch_thread"]


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """One torch thread inside, as many as before after it, also after an error.

    Networks of this size gain little from a second thread, and lose a factor of ten where it has to share its core with
    the simulator's: every operation then waits for a thread that is not running.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
