"""Draws from a generator of one's own, of models that know torch's global one alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["draws_from"]


@contextmanager
def draws_from(generator: torch.Generator | None) -> Iterator[None]:
    """Whatever is drawn inside follows from the generator, which moves on; torch's own is left as it was.

    Args:
        generator: None leaves torch's own to do its work.

    >>> generator = torch.Generator().manual_seed(0)
    >>> with draws_from(generator):
    ...     first = torch.randn(())
    >>> with draws_from(generator):
    ...     second = torch.randn(())
    >>> with draws_from(torch.Generator().manual_seed(0)):
    ...     bool(torch.randn(()) == first), bool(first == second)
    (True, False)
    """
    if generator is None:
        yield
        return
    device = generator.device
    seed = int(torch.randint(2**62, (), generator=generator, device=device))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
