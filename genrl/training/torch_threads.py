"""Keeps torch's threads out of the simulator's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from stable_baselines3.common.callbacks import BaseCallback

__all__ = ["OneTorchThread", "one_torch_thread"]


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """One torch thread inside, as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class OneTorchThread(BaseCallback):
    """One torch thread while training; the simulator's threads have the other cores.

    Networks of this size gain little from a second thread, and lose a factor of ten where it has to share its core:
    every operation then waits for a thread that is not running.
    """

    def _on_training_start(self) -> None:
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(1)

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        torch.set_num_threads(self._threads_before)
