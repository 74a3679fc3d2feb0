"""What samples look like while a model is fitted, in figures for each report and in words for the display."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch
from generative_data import GenerativeData

from genrl.errors import InputError
from genrl.evaluation import mode_coverage, sliced_wasserstein, toy_modes
from genrl.gans.coverage import COLLAPSED
from genrl.protocols import Sampler

__all__ = ["SAID", "now_and_then", "said_of_samples", "sample_watch"]

COMPARED = 500  # samples of a report
LOOKING = 0.05  # of the time of a fit is spent on samples
SAID = frozenset({"coverage", "modes", "modes_found", "high_quality", "sliced_wasserstein"})
"""Figures that are said in words."""


def sample_watch(data: GenerativeData) -> Callable[[Sampler], dict[str, float]]:
    """Figures of a model's samples: their sliced Wasserstein distance from rows held out, and modes where there are.

    Args:
        data: what the model is fitted to.
    """
    rows = torch.from_numpy(data.test[:COMPARED])
    context = None if data.test_context is None else torch.from_numpy(data.test_context[:COMPARED])
    try:
        modes = toy_modes(data.name)
    except InputError:
        modes = None

    def watch(model: Sampler) -> dict[str, float]:
        samples = (model.sample((len(rows),)) if context is None else model.sample((), context)).cpu()
        figures = {"sliced_wasserstein": sliced_wasserstein(samples, rows)}
        if modes is not None:
            found = mode_coverage(samples, modes.means, modes.deviation)
            figures |= {"modes": float(found.modes), "modes_found": float(found.found)}
            figures["high_quality"] = found.high_quality
        return figures

    return watch


def now_and_then(watch: Callable[[Sampler], dict[str, float]]) -> Callable[[Sampler], dict[str, float]]:
    """A watch that looks so seldom that a fit is hardly slowed down, and in between knows what it saw last.

    The fit draws the same numbers as without it.
    """
    seen: dict[str, float] = {}
    next_look = time.monotonic()

    def looked(model: Sampler) -> dict[str, float]:
        nonlocal seen, next_look
        began = time.monotonic()
        if began >= next_look:
            with torch.random.fork_rng():
                seen = watch(model)
            took = time.monotonic() - began
            next_look = began + took / LOOKING
        return seen

    return looked


def said_of_samples(figures: Mapping[str, float]) -> str:
    """What the figures of a report say, for a line of progress; empty if they say nothing of samples.

    >>> said_of_samples({"loss": 1.2, "coverage": 0.12, "modes_found": 1.0, "modes": 8.0})
    ', 1 of 8 modes, collapsed or not yet learned: samples reach 12% of the data'
    >>> said_of_samples({"coverage": 0.9, "sliced_wasserstein": 0.25})
    ', samples reach 90% of the data at a distance of 0.25'
    >>> said_of_samples({"sliced_wasserstein": 0.25, "modes_found": 7.0, "modes": 8.0})
    ', 7 of 8 modes, samples at a distance of 0.25'
    """
    said = ""
    if "modes_found" in figures:
        said += f", {figures['modes_found']:.0f} of {figures['modes']:.0f} modes"
    if "coverage" in figures:
        said += ", collapsed or not yet learned:" if figures["coverage"] < COLLAPSED else ","
        said += f" samples reach {figures['coverage']:.0%} of the data"
    if "sliced_wasserstein" in figures:
        said += "" if "coverage" in figures else ", samples"
        said += f" at a distance of {figures['sliced_wasserstein']:.2g}"
    return said
